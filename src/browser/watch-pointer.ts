import type { View } from "vega";

export type Span = readonly [from: number, to: number];

/** What a chart tells, to be told to all charts of the page. */
export interface ChartEvents {
  readonly onHover: (x: number | null) => void;
  /** A stretch was dragged over. */
  readonly onSpan: (span: Span) => void;
}

/** A pixel is no stretch. */
const LEAST_DRAG = 5;

/** Tells where a pointer is over a plot, and over which stretch it was dragged. */
export function observePointer(
  plot: HTMLElement,
  view: () => View | null,
  { onHover, onSpan, onBrush }: ChartEvents & { readonly onBrush: (from: number | null, to: number) => void },
): void {
  let began: { readonly pixel: number; readonly x: number } | null = null;
  const placeOf = (event: PointerEvent): { pixel: number; x: number } | null => {
    const shownView = view();
    if (!shownView) return null;
    const scale = shownView.scale("x") as { invert(pixel: number): number };
    const width = (shownView.signal("width") as number) || 1;
    const pixel = event.clientX - plot.getBoundingClientRect().left - shownView.origin()[0];
    return { pixel, x: scale.invert(Math.min(width, Math.max(0, pixel))) };
  };
  plot.addEventListener("pointerdown", (event) => {
    if (event.button !== 0) return;
    began = placeOf(event);
    plot.setPointerCapture(event.pointerId);
  });
  plot.addEventListener("pointermove", (event) => {
    const place = placeOf(event);
    if (!place) return;
    onHover(place.x);
    if (began) onBrush(began.x, place.x);
  });
  plot.addEventListener("pointerup", (event) => {
    const place = placeOf(event);
    if (began && place && Math.abs(place.pixel - began.pixel) >= LEAST_DRAG)
      onSpan([Math.min(began.x, place.x), Math.max(began.x, place.x)]);
    began = null;
    onBrush(null, 0);
  });
  for (const name of ["pointercancel", "pointerleave"])
    plot.addEventListener(name, () => {
      began = null;
      onBrush(null, 0);
      onHover(null);
    });
}
