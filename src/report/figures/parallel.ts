import type { TopLevelSpec } from "vega-lite";
import type { Figure } from "./figure.js";

/* Parallel coordinates: an axis beside the other for each number of a thing, and a line through all of them for each thing. */

const SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json";
/** Pixels between two axes, and of their height. */
const GAP = 190;
const HEIGHT = 380;
const GREY = "#b0b0b0";

/** Draws lines over axes; those without a value are grey and lie below the others, the marked one is the thickest. */
export function parallel(
  { axes, lines, valueTitle }: Extract<Figure, { kind: "parallel" }>,
  title: { text: string; subtitle: string[] },
): TopLevelSpec {
  const x = {
    field: "axis",
    type: "quantitative",
    axis: null,
    scale: { domain: ends(axes.length - 1), nice: false },
  } as const;
  const y = {
    field: "at",
    type: "quantitative",
    axis: null,
    scale: { domain: ends(1), nice: false },
  } as const;
  const values = lines.flatMap(({ name, at, value, marked }, line) =>
    at.flatMap((place, axis) => (place === null ? [] : [{ line, name, axis, at: place, value, marked }])),
  );
  const coloured = lines.flatMap(({ value }) => value ?? []);
  const [lowest, highest] = [Math.min(...coloured), Math.max(...coloured)];
  const color = {
    field: "value",
    type: "quantitative",
    scale: {
      // Its yellow end is too light on white.
      scheme: { name: "viridis", extent: [0, 0.85] },
      // One value alone is no range.
      domain: lowest < highest ? [lowest, highest] : [lowest - 1, highest],
      reverse: true,
    },
    legend: {
      title: valueTitle,
      titleFontSize: 17,
      titleFontWeight: "normal",
      titleLimit: 0,
      gradientLength: 320,
      offset: 30,
    },
  } as const;
  const line = { strokeJoin: "round", opacity: 0.9, clip: false } as const;
  const ticks = axes.flatMap((each, axis) => each.ticks.map(({ at, label }) => ({ axis, at, label })));
  const heads = axes.map((each, axis) => ({ axis, at: 1, label: each.title }));
  const names = { field: "label", type: "nominal" } as const;
  return {
    $schema: SCHEMA,
    title,
    width: GAP * (axes.length - 1),
    height: HEIGHT,
    view: { stroke: null },
    data: { values },
    layer: [
      {
        data: { values: axes.map((_, axis) => ({ axis, at: 0, to: 1 })) },
        mark: { type: "rule", color: "#444444", strokeWidth: 1.5 },
        encoding: { x, y, y2: { field: "to" } },
      },
      {
        transform: [{ filter: "!isValid(datum.value)" }],
        mark: { ...line, type: "line", color: GREY, strokeWidth: 1.5 },
        encoding: { x, y, detail: { field: "line", type: "nominal" }, order: { field: "axis" } },
      },
      ...[false, true].map((marked) => ({
        transform: [{ filter: `isValid(datum.value) && datum.marked === ${marked}` }],
        mark: { ...line, type: "line" as const, strokeWidth: marked ? 6 : 2.5 },
        encoding: {
          x,
          y,
          color,
          detail: { field: "line", type: "nominal" as const },
          order: { field: "axis" },
        },
      })),
      ...haloed({ align: "right", baseline: "middle", dx: -7, fontSize: 15 }).map(
        (mark) => ({ data: { values: ticks }, mark, encoding: { x, y, text: names } }) as const,
      ),
      {
        data: { values: ticks },
        mark: { type: "tick", orient: "horizontal", size: 9, thickness: 1.5, color: "#444444", clip: false },
        encoding: { x, y },
      },
      {
        data: { values: heads },
        mark: { type: "text", baseline: "bottom", dy: -16, fontSize: 16, clip: false, limit: 0 },
        encoding: { x, y, text: names },
      },
    ],
  };
}

/** From 0 to there. */
function ends(last: number): [number, number] {
  return [0, last];
}

/** Text that lines may cross: white around its letters. */
function haloed(mark: { align: "right"; baseline: "middle"; dx: number; fontSize: number }) {
  const text = { ...mark, type: "text", clip: false } as const;
  return [
    { ...text, stroke: "white", strokeWidth: 4, strokeJoin: "round", color: "white" },
    { ...text, color: "#222222" },
  ] as const;
}
