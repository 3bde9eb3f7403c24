import type { Config } from "vega-lite";

/** Okabe and Ito's palette, which people with any colour vision can tell apart, without its yellow, which is too light on white. */
export const COLORS = ["#0072B2", "#D55E00", "#009E73", "#CC79A7", "#E69F00", "#56B4E9", "#000000"] as const;

/** Dashes tell lines apart without colour. */
export const DASHES = [
  [1, 0],
  [7, 4],
  [2, 3],
  [9, 3, 2, 3],
  [4, 2],
  [1, 2],
  [12, 3],
] as const;

/** A dash for each name: where there are more names than colours, those of one colour have other dashes. */
export function dashesFor(names: readonly string[]): number[][] {
  return names.map((_, index) => [
    ...(DASHES[(index + Math.floor(index / COLORS.length)) % DASHES.length] ?? [1, 0]),
  ]);
}

/** Characters of names that stand in one row of a legend. */
const LEGEND_ROW = 60;

/** The columns of a legend whose names would make it wider than its picture; none where they stand in one row. */
export function legendColumns(names: readonly string[]): { columns?: number } {
  const longest = Math.max(0, ...names.map((name) => name.length + 4));
  const columns = Math.max(1, Math.floor(LEGEND_ROW / longest));
  return columns >= names.length ? {} : { columns };
}

/** `sharp` draws the PNG in the first font; an SVG shown where that is missing falls back on the others, with similar metrics. */
export const FONT = "DejaVu Sans, Verdana, sans-serif";

/** The sizes keep a picture readable at half its size. */
export const config: Config = {
  background: "white",
  font: FONT,
  padding: 16,
  view: { stroke: "#999999" },
  axis: {
    labelFontSize: 17,
    titleFontSize: 19,
    titleFontWeight: "normal",
    titlePadding: 12,
    labelColor: "#222222",
    titleColor: "#000000",
    gridColor: "#e4e4e4",
    tickColor: "#999999",
    domainColor: "#999999",
    labelPadding: 6,
    tickCount: 6,
  },
  title: {
    fontSize: 22,
    fontWeight: "bold",
    subtitleFontSize: 16,
    subtitleColor: "#444444",
    subtitlePadding: 6,
    anchor: "start",
    offset: 16,
  },
  header: { labelFontSize: 19, labelFontWeight: "normal", labelColor: "#000000", title: null },
  legend: {
    orient: "bottom",
    direction: "horizontal",
    labelFontSize: 18,
    title: null,
    symbolSize: 320,
    symbolStrokeWidth: 3,
    columnPadding: 6,
    labelLimit: 0,
    offset: 14,
  },
};
