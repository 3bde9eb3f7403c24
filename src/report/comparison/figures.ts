import type { Figure, Series } from "../figures/figure.js";
import { nameOfKey } from "../../evaluation/key.js";
import type { AccuracyRow } from "../run-report/accuracies.js";
import { brief } from "../run-report/names.js";
import { accuracyCurve, accuracyNames, ACCURACIES, curveSources } from "../run-report/panels.js";
import { attackText } from "../unusual.js";
import { curveOf } from "../../run/metrics.js";
import type { ComparedRun, Comparison } from "./read.js";

/** The pictures of a comparison: accuracies with intervals, and the curves of the runs over each other. */
export function comparisonFigures({ runs }: Comparison): { measured: Figure[]; curves: Figure[] } {
  return { measured: measuredFigures(runs), curves: curveFigures(runs) };
}

/** Attacks that get a panel. */
const MOST_PANELS = 5;
const LONGEST_LABEL = 40;

/** A panel for each measurement that several runs have, on the same images and under the same settings, a dot for each run. */
function measuredFigures(runs: readonly ComparedRun[]): Figure[] {
  const groups = new Map<string, { readonly title: string; readonly row: AccuracyRow }[]>();
  for (const { title, accuracies } of runs)
    for (const row of accuracies) {
      const kind = nameOfKey({ ...row.kept.key, model: "" });
      groups.set(kind, [...(groups.get(kind) ?? []), { title, row }]);
    }
  const shared = [...groups.values()].filter((rows) => rows.length > 1);
  return shared.slice(0, MOST_PANELS).flatMap((rows): Figure[] => {
    const [first] = rows;
    if (!first) return [];
    const { attack, unusual, images } = first.row;
    return [
      {
        kind: "dots",
        title: `${brief(attackText(attack, unusual), LONGEST_LABEL)}, ${images} images`,
        subtitle: "bars: 95% intervals",
        xTitle: "Accuracy (%)",
        rows: rows.map(({ title: name, row }) => ({
          name,
          dots: (
            [
              ["clean", row.clean],
              ["under attack", row.robust],
            ] as const
          ).map(([series, { share, low, high }]) => ({
            series,
            ...{ value: 100 * share, low: 100 * low, high: 100 * high },
          })),
        })),
      },
    ];
  });
}

function curveFigures(runs: readonly ComparedRun[]): Figure[] {
  const figure = (
    title: string,
    yTitle: string,
    pointsOf: (run: ComparedRun) => Series["points"],
  ): Figure[] => {
    const series = runs
      .map((run) => ({ name: run.title, points: pointsOf(run) }))
      .filter(({ points }) => points.length > 0);
    if (series.length === 0) return [];
    const panel = { title: null, xTitle: "Training epoch", yTitle, series };
    return [{ kind: "lines", title, subtitle: null, panels: [panel], sameScale: false }];
  };
  return [
    ...accuracyNames.flatMap((name) =>
      figure(ACCURACIES[name], "Accuracy (%)", ({ report }) =>
        accuracyCurve(report.metrics.evaluations, name, false),
      ),
    ),
    ...curveSources.flatMap(({ title, yTitle, reported }) =>
      Object.entries(reported).flatMap(([name, shown]) =>
        figure(`${title}: ${shown}`, yTitle, ({ report }) => curveOf(report.metrics.steps, name)),
      ),
    ),
  ];
}
