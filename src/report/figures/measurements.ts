import type { TopLevelSpec } from "vega-lite";
import type { Figure } from "./figure.js";
import { COLORS, dashesFor, legendColumns } from "./style.js";

/* Pictures of what was measured of a classifier: curves with intervals, accuracies of classes, confusions. */

const SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json";

const PERCENTS: [number, number] = [0, 100];

type Kind<Name extends Figure["kind"]> = Extract<Figure, { kind: Name }>;
type Title = { text: string; subtitle: string[] };

/** Curves through measured points, each with its interval; accuracies in percent, so that y begins at 0. */
export function measured(
  { series, xTitle, yTitle, logarithmic }: Kind<"measured">,
  title: Title,
): TopLevelSpec {
  const names = series.map(({ name }) => name);
  const values = series.flatMap(({ name, points }) => points.map((point) => ({ ...point, name })));
  const places = [...new Set(values.map(({ x }) => x))].sort((one, other) => one - other);
  const x = {
    field: "x",
    type: "quantitative",
    title: xTitle,
    scale: { type: logarithmic ? "log" : "linear", nice: false, padding: 14 },
    // Few places are named themselves.
    axis: places.length <= 8 && logarithmic ? { values: places, grid: false } : { grid: false },
  } as const;
  const y = {
    type: "quantitative",
    title: yTitle,
    scale: { domain: PERCENTS },
  } as const;
  const color = {
    field: "name",
    type: "nominal",
    scale: { domain: names, range: [...COLORS] },
    legend: names.length === 1 ? null : { symbolType: "stroke", ...legendColumns(names) },
  } as const;
  return {
    $schema: SCHEMA,
    title,
    width: 460,
    height: 340,
    data: { values },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 2, opacity: 0.55 },
        encoding: { x, y: { ...y, field: "low" }, y2: { field: "high" }, color },
      },
      {
        mark: { type: "line", strokeWidth: 3, point: { filled: true, size: 80 } },
        encoding: {
          x,
          y: { ...y, field: "y" },
          color,
          strokeDash: {
            field: "name",
            type: "nominal",
            scale: { domain: names, range: dashesFor(names) },
            legend: names.length === 1 ? null : {},
          },
        },
      },
    ],
  };
}

/** More rows than these stand closer together. */
const CLOSE_ROWS = 40;

/** Rows of dots with their intervals, those of a row a little above each other; x is in percent. */
export function dots({ rows, xTitle }: Kind<"dots">, title: Title): TopLevelSpec {
  const names = rows.map(({ name }) => name);
  const series = [...new Set(rows.flatMap((row) => row.dots.map((dot) => dot.series)))];
  const values = rows.flatMap(({ name, dots: ofRow }) => ofRow.map((dot) => ({ ...dot, name })));
  const isClose = rows.length > CLOSE_ROWS;
  const y = {
    field: "name",
    type: "nominal",
    sort: names,
    title: null,
    axis: { labelLimit: 420, grid: true, ...(isClose ? { labelFontSize: 11 } : {}) },
    scale: { paddingInner: 0.2 },
  } as const;
  const yOffset = { field: "series", type: "nominal", sort: series, scale: { paddingOuter: 0.6 } } as const;
  const x = {
    type: "quantitative",
    title: xTitle,
    scale: { domain: PERCENTS },
  } as const;
  const colored = {
    field: "series",
    type: "nominal",
    scale: { domain: series, range: [...COLORS] },
    legend: legendColumns(series),
  } as const;
  return {
    $schema: SCHEMA,
    title,
    width: 520,
    height: { step: isClose ? 9 : 16, for: "offset" },
    data: { values },
    layer: [
      {
        mark: { type: "rule", strokeWidth: 2.5, opacity: 0.6 },
        encoding: { x: { ...x, field: "low" }, x2: { field: "high" }, y, yOffset, color: colored },
      },
      {
        mark: { type: "point", filled: true, size: isClose ? 40 : 110, opacity: 1 },
        encoding: {
          x: { ...x, field: "value" },
          y,
          yOffset,
          color: colored,
          shape: { field: "series", type: "nominal", scale: { domain: series } },
        },
      },
    ],
  };
}

/** More names than these have no room for numbers in the cells, nor for themselves at the axes. */
const MOST_NAMED = 30;
/** Shares above this are dark enough for white text. */
const DARK = 0.55;

/** A matrix of shares as colours, with percents in the cells where there is room; the diagonal has a frame. */
export function heat({ names, values: shares, xTitle, yTitle }: Kind<"heat">, title: Title): TopLevelSpec {
  const order: string[] = [...names];
  const isNamed = names.length <= MOST_NAMED;
  const side = isNamed ? 46 : 560 / names.length;
  const values = shares.flatMap((row, from) =>
    row.flatMap((value, to) =>
      value === null
        ? []
        : [
            {
              row: names[from],
              column: names[to],
              value: 100 * value,
              text: value === 0 ? "" : (100 * value).toFixed(0),
              right: from === to,
            },
          ],
    ),
  );
  const axis = isNamed ? { labelLimit: 200 } : { labels: false, ticks: false };
  const x = {
    field: "column",
    type: "nominal",
    sort: order,
    title: xTitle,
    scale: { domain: order },
    axis: { ...axis, orient: "bottom", labelAngle: -40, grid: false },
  } as const;
  const y = {
    field: "row",
    type: "nominal",
    sort: order,
    title: yTitle,
    scale: { domain: order },
    axis: { ...axis, grid: false },
  } as const;
  return {
    $schema: SCHEMA,
    title,
    width: side * names.length,
    height: side * names.length,
    data: { values },
    layer: [
      {
        mark: { type: "rect" },
        encoding: {
          x,
          y,
          color: {
            field: "value",
            type: "quantitative",
            scale: { range: ["#f7fafd", "#6aaed6", "#08306b"], domain: [0, 50, 100] },
            legend: {
              title: "% of the class",
              titleFontSize: 17,
              titleFontWeight: "normal",
              titleLimit: 0,
              gradientLength: 280,
            },
          },
          stroke: { condition: { test: "datum.right", value: "#222222" }, value: "#ffffff" },
          strokeWidth: {
            condition: { test: "datum.right", value: isNamed ? 1.5 : 0.5 },
            value: isNamed ? 1 : 0,
          },
        },
      },
      ...(isNamed
        ? [
            {
              mark: { type: "text", fontSize: 15 } as const,
              encoding: {
                x,
                y,
                text: { field: "text", type: "nominal" } as const,
                color: {
                  condition: { test: `datum.value > ${100 * DARK}`, value: "white" },
                  value: "#222222",
                },
              },
            },
          ]
        : []),
    ],
  };
}
