import type { Spec } from "vega";

/** Okabe and Ito's palette, in shades that stand out on white, and others on black. */
const LIGHT = ["#0061a8", "#c24f00", "#00805c", "#a8568a", "#8a6d00", "#2f86c2", "#444444"];
const DARK = ["#6cb8f0", "#f0915a", "#4cc9a0", "#e0a0c8", "#e8c75a", "#a3d4f7", "#cfcfd4"];
const DASHES = [
  [1, 0],
  [7, 4],
  [2, 3],
  [9, 3, 2, 3],
] as const;

const HEIGHT = 230;

/** The colour of a line by its place, on the page as it is now. */
export function colorOf(place: number): string {
  const isDark = matchMedia("(prefers-color-scheme: dark)").matches;
  return (isDark ? DARK : LIGHT)[place % LIGHT.length] ?? "";
}

/** The dash of a line by its place. */
export function dashOf(place: number): readonly number[] {
  return DASHES[Math.floor(place / LIGHT.length) % DASHES.length] ?? [1, 0];
}

interface Colors {
  readonly text: string;
  readonly soft: string;
  readonly line: string;
  readonly accent: string;
}

/** The colours of the page as it is now. */
export function pageColors(): Colors {
  const style = getComputedStyle(document.documentElement);
  const [text = "", soft = "", line = "", accent = ""] = ["text", "soft", "line", "accent"].map((name) =>
    style.getPropertyValue(`--${name}`).trim(),
  );
  return { text, soft, line, accent };
}

/** What Vega draws: curves with what they are means of, whose stretch, colours and mark of the pointer are signals. */
export function chartSpec(xTitle: string, { soft, line, accent }: Colors): Spec {
  const axis = {
    labelColor: soft,
    titleColor: soft,
    domainColor: line,
    tickColor: line,
    gridColor: line,
    labelFontSize: 12,
    titleFontSize: 12,
    titleFontWeight: "normal",
    labelFlush: true,
  } as const;
  const curve = { x: { scale: "x", field: "x" }, y: { scale: "y", field: "y" } } as const;
  return {
    autosize: { type: "fit", contains: "padding" },
    height: HEIGHT,
    padding: 2,
    background: "transparent",
    signals: [
      { name: "domain", value: [0, 1] },
      { name: "reach", value: [0, 1] },
      { name: "colors", value: [] },
      { name: "dashes", value: [] },
      { name: "hovered", value: null },
      { name: "brush", value: null },
    ],
    data: [{ name: "points", values: [] }],
    scales: [
      { name: "x", type: "linear", domain: { signal: "domain" }, range: "width", nice: false, zero: false },
      { name: "y", type: "linear", domain: { signal: "reach" }, range: "height", nice: false, zero: false },
    ],
    axes: [
      {
        ...axis,
        orient: "left",
        scale: "y",
        grid: true,
        tickCount: 5,
        domain: false,
        ticks: false,
        labelPadding: 6,
        gridOpacity: 0.6,
      },
      {
        ...axis,
        orient: "bottom",
        scale: "x",
        title: xTitle,
        tickCount: { signal: "max(2, floor(width / 90))" },
      },
    ],
    marks: [
      {
        type: "group",
        clip: true,
        encode: { update: { width: { signal: "width" }, height: { signal: "height" } } },
        marks: [
          {
            type: "rect",
            encode: {
              update: {
                x: { scale: "x", signal: "brush ? brush[0] : 0" },
                x2: { scale: "x", signal: "brush ? brush[1] : 0" },
                height: { signal: "height" },
                fill: { value: accent },
                opacity: { signal: "brush ? 0.15 : 0" },
              },
            },
          },
          {
            type: "rule",
            encode: {
              update: {
                x: { scale: "x", signal: "hovered === null ? 0 : hovered" },
                y2: { signal: "height" },
                stroke: { value: soft },
                opacity: { signal: "hovered === null ? 0 : 0.8" },
              },
            },
          },
          {
            type: "group",
            from: { facet: { name: "curve", data: "points", groupby: "line" } },
            marks: [
              {
                type: "area",
                from: { data: "curve" },
                encode: {
                  update: {
                    x: { scale: "x", field: "x" },
                    y: { scale: "y", field: "low" },
                    y2: { scale: "y", field: "high" },
                    defined: { signal: "datum.low !== null" },
                    fill: { signal: "colors[datum.line]" },
                    fillOpacity: { value: 0.14 },
                  },
                },
              },
              {
                type: "line",
                from: { data: "curve" },
                encode: {
                  update: {
                    ...curve,
                    stroke: { signal: "colors[datum.line]" },
                    strokeDash: { signal: "dashes[datum.line]" },
                    strokeWidth: { value: 2 },
                    strokeJoin: { value: "round" },
                  },
                },
              },
              {
                type: "symbol",
                from: { data: "curve" },
                encode: {
                  update: {
                    ...curve,
                    size: { value: 30 },
                    fill: { signal: "colors[datum.line]" },
                    // Of few points each is shown; between many there is a line.
                    opacity: { signal: `length(data("points")) / max(1, length(colors)) < 12 ? 1 : 0` },
                  },
                },
              },
            ],
          },
        ],
      },
    ],
  };
}
