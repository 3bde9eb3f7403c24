import type { TopLevelSpec } from "vega-lite";
import { oneLine } from "../../harmless.js";
import { intervals, multiples, points } from "./comparisons.js";
import type { Figure, LinePanel } from "./figure.js";
import { dots, heat, measured } from "./measurements.js";
import { parallel } from "./parallel.js";
import { COLORS, config, dashesFor, legendColumns } from "./style.js";

/** Draws a figure as an SVG document, whose text stays text. */
export async function drawSvg(given: Figure): Promise<string> {
  const figure = withPlainTexts(given);
  // Most calls of commands that can draw do not.
  const [{ parse, View }, { compile }] = await Promise.all([import("vega"), import("vega-lite")]);
  const { spec } = compile(specOf(figure), { config });
  const view = new View(parse(spec), { renderer: "none" });
  try {
    return await view.toSVG();
  } finally {
    view.finalize();
  }
}

function specOf(figure: Figure): TopLevelSpec {
  switch (figure.kind) {
    case "lines":
      return lines(figure);
    case "bars":
      return bars(figure);
    case "multiples":
      return multiples(figure, heading(figure));
    case "points":
      return points(figure, heading(figure));
    case "intervals":
      return intervals(figure, heading(figure));
    case "parallel":
      return parallel(figure, heading(figure));
    case "measured":
      return measured(figure, heading(figure));
    case "dots":
      return dots(figure, heading(figure));
    case "heat":
      return heat(figure, heading(figure));
  }
}

/** The same figure without what XML cannot hold and pictures do not show; all else Vega escapes. */
function withPlainTexts(figure: Figure): Figure {
  return JSON.parse(JSON.stringify(figure), (_, value: unknown) =>
    typeof value === "string" ? oneLine(value) : value,
  ) as Figure;
}

/** A figure's title and subtitle; each of `more` is one more line below. */
function heading({ title, subtitle }: Figure, ...more: string[]): { text: string; subtitle: string[] } {
  return { text: title, subtitle: [...(subtitle === null ? [] : [subtitle]), ...more] };
}

function lines(figure: Extract<Figure, { kind: "lines" }>): TopLevelSpec {
  const names = [...new Set(figure.panels.flatMap(({ series }) => series.map(({ name }) => name)))];
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: heading(figure),
    spacing: 48,
    hconcat: figure.panels.map((panel) => linePanel(panel, names)),
    resolve: {
      scale: { color: "shared", strokeDash: "shared", y: figure.sameScale ? "shared" : "independent" },
    },
  };
}

/** Lines with fewer points than this show each point. */
const FEW_POINTS = 8;

function linePanel({ title, xTitle, yTitle, series }: LinePanel, names: string[]) {
  const values = series.flatMap(({ name, points }) => points.map(({ x, y }) => ({ x, y, name })));
  const times = values.map(({ x }) => x);
  const first = Math.min(...times);
  // A curve's first point is at the end of a part of the training, but the axis begins where the training does.
  const domain: [number, number] = [first <= 1 ? 0 : first, Math.max(...times)];
  const few = values.length / series.length < FEW_POINTS;
  return {
    ...(title === null
      ? {}
      : {
          title: { text: title, fontSize: 19, fontWeight: "normal", anchor: "middle", offset: 10 } as const,
        }),
    width: 460,
    height: 340,
    data: { values },
    mark: { type: "line", strokeWidth: 3, point: few ? { filled: true, size: 70 } : false },
    encoding: {
      x: {
        field: "x",
        type: "quantitative",
        title: xTitle,
        scale: { domain, nice: false },
        axis: domain[1] - domain[0] >= 2 ? { tickMinStep: 1 } : {},
      },
      y: { field: "y", type: "quantitative", title: yTitle, scale: { zero: false } },
      color: {
        field: "name",
        type: "nominal",
        scale: { domain: names, range: [...COLORS] },
        legend: { symbolType: "stroke", ...legendColumns(names) },
      },
      strokeDash: {
        field: "name",
        type: "nominal",
        scale: { domain: names, range: dashesFor(names) },
      },
    },
  } as const;
}

function bars(figure: Extract<Figure, { kind: "bars" }>): TopLevelSpec {
  const names = [...new Set(figure.groups.flatMap(({ bars }) => bars.map(({ name }) => name)))];
  const values = figure.groups.flatMap(({ title, bars }) =>
    bars.flatMap(({ name, value, paper }) => [
      { group: title, name, value, of: "ours" },
      ...(paper === null ? [] : [{ group: title, name, value: paper, of: "paper" }]),
    ]),
  );
  const domain = barDomain(values.map(({ value }) => value));
  const sides = [...new Set(values.map((value) => value.of))];
  const x = { field: "name", type: "nominal", sort: names, axis: null } as const;
  const xOffset = { field: "of", type: "nominal", sort: sides } as const;
  const y = { field: "value", type: "quantitative", scale: { domain, zero: false, nice: false } } as const;
  return {
    $schema: "https://vega.github.io/schema/vega-lite/v6.json",
    title: heading(figure, ...(domain[0] === 0 ? [] : [`The axis begins at ${domain[0]}.`])),
    data: { values },
    facet: {
      column: { field: "group", type: "nominal", sort: figure.groups.map(({ title }) => title), title: null },
    },
    spacing: 28,
    spec: {
      width: 100 * names.length,
      height: 340,
      layer: [
        {
          mark: { type: "bar", clip: true },
          encoding: {
            x,
            xOffset,
            y: { ...y, title: figure.yTitle },
            y2: { datum: domain[0] },
            color: { field: "name", type: "nominal", scale: { domain: names, range: [...COLORS] } },
            opacity: { field: "of", type: "ordinal", sort: sides, scale: { domain: sides, range: [1, 0.4] } },
          },
        },
        {
          mark: { type: "text", dy: -9, fontSize: 14 },
          encoding: { x, xOffset, y, text: { field: "value", format: ".1f" } },
        },
      ],
    },
  };
}

/** The axis runs from a whole number below the lowest bar, so that small differences show, to a little above the highest bar. */
function barDomain(values: readonly number[]): [number, number] {
  const lowest = Math.min(...values);
  const highest = Math.max(...values);
  const room = Math.max(1, highest - lowest);
  return [Math.max(0, Math.floor(lowest - room / 4)), highest + room / 8];
}
