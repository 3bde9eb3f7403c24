import type { Figure, Series } from "../figures/figure.js";
import { brief } from "../run-report/names.js";
import { accuracyCurve, accuracyNames, ACCURACIES, curveSources } from "../run-report/panels.js";
import { curveOf } from "../../run/metrics.js";
import type { ComparedRun, Comparison } from "./read.js";

/** The pictures of a comparison: accuracies with intervals, and the curves of the runs over each other. */
export function comparisonFigures({ runs }: Comparison): { measured: Figure[]; curves: Figure[] } {
  return { measured: measuredFigures(runs), curves: curveFigures(runs) };
}

/** Attacks that get a panel. */
const MOST_PANELS = 5;
const LONGEST_LABEL = 40;

/** A panel for each attack under usual settings, a dot for each run. */
function measuredFigures(runs: readonly ComparedRun[]): Figure[] {
  const labels = [...new Set(runs.flatMap(({ accuracies }) => accuracies.map(({ label }) => label)))];
  const shared = labels.filter(
    (label) => runs.filter((run) => run.accuracies.some((row) => row.label === label)).length > 1,
  );
  return shared.slice(0, MOST_PANELS).map((label): Figure => ({
    kind: "dots",
    title: brief(label, LONGEST_LABEL),
    subtitle: "bars: 95% intervals",
    xTitle: "Accuracy (%)",
    rows: runs.flatMap(({ title, accuracies }) => {
      const row = accuracies.find((each) => each.label === label);
      if (!row) return [];
      const dots = (
        [
          ["clean", row.clean],
          ["under attack", row.robust],
        ] as const
      ).map(([series, { share, low, high }]) => ({
        series,
        value: 100 * share,
        low: 100 * low,
        high: 100 * high,
      }));
      return [{ name: title, dots }];
    }),
  }));
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
