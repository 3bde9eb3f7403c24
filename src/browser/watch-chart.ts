import { parse, View } from "vega";
import { expressionInterpreter } from "vega-interpreter";
import { chartSpec, colorOf, dashOf, pageColors } from "./watch-chart-spec.js";
import { element } from "./watch-elements.js";
import { type ChartEvents, observePointer, type Span } from "./watch-pointer.js";

/** A point of a curve; `low` and `high` are the reach of what it is the mean of. */
export interface ChartPoint {
  readonly x: number;
  readonly y: number;
  readonly low?: number | undefined;
  readonly high?: number | undefined;
}

export interface ChartLine {
  readonly name: string;
  /** Its place in the palette; colours come back with other dashes. */
  readonly place: number;
  readonly points: readonly ChartPoint[];
}

/** Curves over each other, drawn by Vega, with a legend that shows the values under the pointer. */
export interface Chart {
  readonly element: HTMLElement;
  setLines(lines: readonly ChartLine[], xTitle: string): void;
  /** Shows a stretch of x, and of y what lies in it. */
  setSpan(span: Span): void;
  setHover(x: number | null): void;
  /** Takes the page's colours, which follow the system's. */
  restyle(): void;
}

export function makeChart(title: string, isCompact: boolean, events: ChartEvents): Chart {
  const legend = element("div", { class: `legend${isCompact ? " compact" : ""}` });
  const plot = element("div", { class: "plot" });
  const chart = element(
    "figure",
    { class: "chart", tabindex: "0", role: "group", "aria-label": title },
    element("figcaption", {}, title),
    legend,
    plot,
  );
  let view: View | null = null;
  let lines: readonly ChartLine[] = [];
  let xTitle = "";
  let span: Span = [0, 1];
  const values: HTMLElement[] = [];

  function draw(): void {
    view?.finalize();
    view = new View(parse(chartSpec(xTitle, pageColors()), undefined, { ast: true }), {
      renderer: "canvas",
      container: plot,
      expr: expressionInterpreter,
      hover: false,
    });
    view.tooltip(() => undefined);
    fill();
  }

  function fill(): void {
    if (!view || plot.clientWidth === 0) return;
    const table = lines.flatMap(({ place, points }, line) =>
      points.map(({ x, y, low = null, high = null }) => ({ x, y, low, high, line, place })),
    );
    view
      .signal("domain", span)
      .signal("reach", reachOf(lines, span))
      .signal(
        "colors",
        lines.map(({ place }) => colorOf(place)),
      )
      .signal(
        "dashes",
        lines.map(({ place }) => dashOf(place)),
      )
      .width(plot.clientWidth)
      .data("points", table);
    void view.runAsync();
  }

  function showLegend(): void {
    values.length = 0;
    legend.replaceChildren(
      ...lines.map(({ name, place }) => {
        const value = element("span", { class: "value" });
        const swatch = element("span", { class: "swatch" });
        swatch.style.background = colorOf(place);
        values.push(value);
        return element(
          "span",
          { class: "item", title: name },
          swatch,
          element("span", { class: "label" }, name),
          value,
        );
      }),
    );
    showValues(null);
  }

  /** The values at x, or where nothing is pointed at the last ones. */
  function showValues(x: number | null): void {
    for (const [at, { points }] of lines.entries()) {
      const point = x === null ? points.at(-1) : nearest(points, x);
      const place = values[at];
      if (place) place.textContent = point ? shown(point.y) : "";
    }
  }

  observeSize(plot, fill);
  observePointer(plot, () => view, {
    ...events,
    onBrush(from, to) {
      void view?.signal("brush", from === null ? null : [from, to]).runAsync();
    },
  });

  return {
    element: chart,
    setLines(given, title) {
      const isSame =
        title === xTitle &&
        given.map(({ name }) => name).join("\n") === lines.map(({ name }) => name).join("\n");
      lines = given;
      xTitle = title;
      if (!isSame) showLegend();
      else showValues(null);
      if (view && isSame) fill();
      else draw();
    },
    setSpan(given) {
      span = given;
      fill();
    },
    setHover(x) {
      showValues(x);
      void view?.signal("hovered", x).runAsync();
    },
    restyle() {
      showLegend();
      draw();
    },
  };
}

/** From the least to the largest y within a stretch, with some room. */
function reachOf(lines: readonly ChartLine[], [from, to]: Span): [number, number] {
  let [least, most] = [Infinity, -Infinity];
  for (const { points } of lines)
    for (const { x, y } of points)
      if (x >= from && x <= to) {
        least = Math.min(least, y);
        most = Math.max(most, y);
      }
  if (least > most) return [0, 1];
  const room = (most - least || Math.abs(most) || 1) * 0.06;
  return [least - room, most + room];
}

function nearest(points: readonly ChartPoint[], x: number): ChartPoint | undefined {
  let [low, high] = [0, points.length - 1];
  while (high - low > 1) {
    const middle = (low + high) >> 1;
    if ((points[middle]?.x ?? 0) < x) low = middle;
    else high = middle;
  }
  const [left, right] = [points[low], points[high]];
  return left && right && Math.abs(right.x - x) < Math.abs(left.x - x) ? right : left;
}

function shown(value: number): string {
  return String(Number(value.toPrecision(4)));
}

function observeSize(plot: HTMLElement, onResize: () => void): void {
  let width = 0;
  new ResizeObserver(() => {
    if (plot.clientWidth === width) return;
    width = plot.clientWidth;
    onResize();
  }).observe(plot);
}
