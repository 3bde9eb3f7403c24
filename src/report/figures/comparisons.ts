import type { TopLevelSpec } from "vega-lite";
import type { Figure, NamedPoint } from "./figure.js";
import { COLORS, DASHES } from "./style.js";

/* Pictures that compare many methods: curves in small panels, a trade-off, differences with their intervals. */

const SCHEMA = "https://vega.github.io/schema/vega-lite/v6.json";
const PANELS_IN_A_ROW = 4;

type Kind<Name extends Figure["kind"]> = Extract<Figure, { kind: Name }>;
type Title = { text: string; subtitle: string[] };

/** Small panels, in each the curves of one method with the range of its seeds. */
export function multiples(figure: Kind<"multiples">, title: Title): TopLevelSpec {
  const { panels, xTitle, yTitle, sameScale } = figure;
  const names = [...new Set(panels.flatMap(({ series }) => series.map(({ name }) => name)))];
  const values = panels.flatMap((panel) =>
    panel.series.flatMap(({ name, points: curve }) =>
      curve.map(({ x, y, low, high }) => ({ panel: panel.title, name, x, y, low, high })),
    ),
  );
  const x = { field: "x", type: "quantitative", title: xTitle, axis: { tickCount: 4 } } as const;
  const color = {
    field: "name",
    type: "nominal",
    scale: { domain: names, range: [...COLORS] },
    legend: names.length === 1 ? null : { symbolType: "stroke", symbolOpacity: 1 },
  } as const;
  const scale = { zero: false };
  return {
    $schema: SCHEMA,
    title,
    data: { values },
    facet: { field: "panel", type: "nominal", sort: panels.map((panel) => panel.title), title: null },
    columns: PANELS_IN_A_ROW,
    spacing: 26,
    spec: {
      width: 230,
      height: 170,
      layer: [
        {
          mark: { type: "area", opacity: 0.18 },
          encoding: {
            x,
            y: { field: "low", type: "quantitative", title: yTitle, scale },
            y2: { field: "high" },
            color,
          },
        },
        {
          mark: { type: "line", strokeWidth: 2.5 },
          encoding: {
            x,
            y: { field: "y", type: "quantitative", title: yTitle, scale },
            color,
            strokeDash: {
              field: "name",
              type: "nominal",
              scale: { domain: names, range: DASHES.map((dash) => [...dash]) },
              legend: names.length === 1 ? null : {},
            },
          },
        },
      ],
    },
    resolve: { scale: { y: sameScale ? "shared" : "independent" }, axis: { x: "independent" } },
  };
}

const SIDE = 520;
/** Pixels that a name needs. */
const LINE = 22;

/** A trade-off: named marks with the reach of their errors. Names stand in a column beside the marks, none over another, with a line to each. */
export function points({ points: given, xTitle, yTitle }: Kind<"points">, title: Title): TopLevelSpec {
  const groups = [...new Set(given.map(({ group }) => group))];
  const [xDomain, yDomain] = [domainOf(given, "x"), domainOf(given, "y")];
  const unit = (yDomain[1] - yDomain[0]) / SIDE;
  // Beyond the end of the axis, where no mark is.
  const column = xDomain[1] + ((xDomain[1] - xDomain[0]) * 30) / SIDE;
  const values = withNames(given, LINE * unit, yDomain).map(({ point, nameAt }) => ({
    ...point,
    left: point.x - (point.xError ?? 0),
    right: point.x + (point.xError ?? 0),
    below: point.y - (point.yError ?? 0),
    above: point.y + (point.yError ?? 0),
    nameAt,
    column,
  }));
  const x = {
    field: "x",
    type: "quantitative",
    title: xTitle,
    scale: { domain: xDomain, nice: false },
  } as const;
  const y = {
    field: "y",
    type: "quantitative",
    title: yTitle,
    scale: { domain: yDomain, nice: false },
  } as const;
  const color = { field: "group", type: "nominal", scale: { domain: groups, range: [...COLORS] } } as const;
  const shape = { field: "group", type: "nominal", scale: { domain: groups } } as const;
  return {
    $schema: SCHEMA,
    title,
    width: SIDE,
    height: SIDE,
    data: { values },
    layer: [
      {
        mark: { type: "rule", color: "#bbbbbb", clip: false },
        encoding: { x, y, x2: { field: "column" }, y2: { field: "nameAt" } },
      },
      {
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: { x: { ...x, field: "left" }, x2: { field: "right" }, y, color },
      },
      {
        mark: { type: "rule", strokeWidth: 1.5 },
        encoding: { x, y: { ...y, field: "below" }, y2: { field: "above" }, color },
      },
      { mark: { type: "point", filled: true, size: 130, opacity: 1 }, encoding: { x, y, color, shape } },
      {
        mark: { type: "text", align: "left", baseline: "middle", dx: 6, fontSize: 16, clip: false },
        encoding: {
          x: { ...x, field: "column" },
          y: { ...y, field: "nameAt" },
          text: { field: "name", type: "nominal" },
        },
      },
    ],
  };
}

/** Differences with their intervals, a panel for each measure; the line is at no difference. */
export function intervals({ panels, xTitle }: Kind<"intervals">, title: Title): TopLevelSpec {
  const names = panels[0]?.rows.map(({ name }) => name) ?? [];
  const y = { field: "name", type: "nominal", sort: names, title: null } as const;
  return {
    $schema: SCHEMA,
    title,
    spacing: 30,
    hconcat: panels.map((panel, index) => {
      const x = { field: "value", type: "quantitative", title: xTitle, scale: { zero: true } } as const;
      const labels = {
        ...y,
        axis: index === 0 ? { labelLimit: 400, grid: true } : { labels: false, grid: true },
      };
      return {
        title: {
          text: panel.title,
          fontSize: 17,
          fontWeight: "normal",
          anchor: "middle",
          offset: 8,
        } as const,
        width: 280,
        height: { step: 30 },
        data: { values: panel.rows.map((row) => ({ ...row })) },
        layer: [
          { mark: { type: "rule", color: "#555555" }, encoding: { x: { datum: 0 } } },
          {
            transform: [{ filter: "isValid(datum.low)" }],
            mark: { type: "rule", strokeWidth: 3, color: COLORS[0] },
            encoding: { x: { ...x, field: "low" }, x2: { field: "high" }, y: labels },
          },
          {
            mark: { type: "point", filled: true, size: 90, color: COLORS[0], opacity: 1 },
            encoding: { x, y: labels },
          },
        ],
      };
    }),
    resolve: { scale: { x: "independent" } },
  };
}

/** From a little below the lowest mark to a little above the highest, errors included. */
function domainOf(given: readonly NamedPoint[], axis: "x" | "y"): [number, number] {
  const ends = given.flatMap((point) => {
    const reach = point[`${axis}Error`] ?? 0;
    return [point[axis] - reach, point[axis] + reach];
  });
  const [lowest, highest] = [Math.min(...ends), Math.max(...ends)];
  const room = Math.max(1, highest - lowest) / 20;
  return [lowest - room, highest + room];
}

/** Gives each mark's name a place in the column, in the marks' order and at least `gap` from the next, near its mark. */
function withNames(
  given: readonly NamedPoint[],
  gap: number,
  [low, high]: readonly [number, number],
): { point: NamedPoint; nameAt: number }[] {
  const placed = [...given]
    .sort((one, other) => one.y - other.y || other.x - one.x)
    .map((point) => ({ point, nameAt: point.y }));
  // Upwards each makes room for the one below it; then downwards from the top, where the last may have left the plot.
  let floor = low;
  for (const each of placed) {
    each.nameAt = Math.max(each.nameAt, floor);
    floor = each.nameAt + gap;
  }
  let ceiling = high;
  for (const each of placed.toReversed()) {
    each.nameAt = Math.min(each.nameAt, ceiling);
    ceiling = each.nameAt - gap;
  }
  return placed;
}
