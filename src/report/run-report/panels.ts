import type { Figure, Series } from "../figures/figure.js";
import { curveOf, type Point, type RunMetrics } from "../../run/metrics.js";

/** Reported values that stand in one picture. */
export interface PanelSource {
  readonly title: string;
  readonly yTitle: string;
  /** The names of reported values, and what their curves are called. */
  readonly reported: Readonly<Record<string, string>>;
}

const IMAGES = ["clean", "adversarial"] as const;
const TEACHERS = ["clean teacher", "robust teacher"] as const;

function pair(name: string, [nat, adv]: readonly [string, string]): Record<string, string> {
  return { [`${name}Nat`]: nat, [`${name}Adv`]: adv };
}

/** The pictures of what methods report of every step. */
export const curveSources: readonly PanelSource[] = [
  { title: "Losses", yTitle: "Loss", reported: { ...pair("loss", IMAGES), lossTotal: "total" } },
  { title: "Relative losses", yTitle: "Share of the first step's", reported: pair("relativeLoss", IMAGES) },
  { title: "Loss weights", yTitle: "Weight", reported: pair("weight", IMAGES) },
  { title: "Teachers' temperatures", yTitle: "Temperature", reported: pair("temperature", TEACHERS) },
  {
    title: "Entropy of the teachers' predictions",
    yTitle: "Entropy (nats)",
    reported: pair("entropy", TEACHERS),
  },
];

/** The accuracies that an evaluation within a training finds, and what they are called. */
export const ACCURACIES = { clean: "clean", robust: "PGD-trades", wRobust: "W-Robust" } as const;
type AccuracyName = keyof typeof ACCURACIES;
/** The names of {@link ACCURACIES}. */
export const accuracyNames = Object.keys(ACCURACIES) as AccuracyName[];

/**
 * The figures of a run: what its method reported for every step, and the accuracies by which its best student was chosen, those of
 * averaged weights beside them where it keeps such.
 */
export function runPanels({ steps, evaluations }: RunMetrics): Figure[] {
  const ofSteps = curveSources.map(({ title, yTitle, reported }) => ({
    title,
    yTitle,
    series: Object.entries(reported).map(([name, shown]): Series => ({
      name: shown,
      points: curveOf(steps, name),
    })),
  }));
  const curve = (number: AccuracyName, averaged: boolean): Point[] =>
    accuracyCurve(evaluations, number, averaged);
  const accuracies = accuracyNames.map((number): Series => ({
    name: ACCURACIES[number],
    points: curve(number, false),
  }));
  const averages = accuracyNames
    .filter((number) => curve(number, true).length > 0)
    .map((number) => ({
      title: `Averaged weights: ${ACCURACIES[number]}`,
      yTitle: "Accuracy (%)",
      series: [
        { name: "raw weights", points: curve(number, false) },
        { name: "averaged weights", points: curve(number, true) },
      ],
    }));
  return [{ title: "Accuracy", yTitle: "Accuracy (%)", series: accuracies }, ...averages, ...ofSteps].flatMap(
    ({ title, yTitle, series }): Figure[] => {
      const known = series.filter(({ points }) => points.length > 0);
      if (known.length === 0) return [];
      const panel = { title: null, xTitle: "Training epoch", yTitle, series: known };
      return [{ kind: "lines", title, subtitle: null, panels: [panel], sameScale: false }];
    },
  );
}

/** An accuracy at each evaluation, in percent by epoch; of the averaged weights none where a run does not keep them. */
export function accuracyCurve(
  evaluations: RunMetrics["evaluations"],
  name: AccuracyName,
  averaged: boolean,
): Point[] {
  return evaluations.flatMap(({ epoch: x, averaged: average, ...raw }) => {
    const found = averaged ? average : raw;
    return found ? [{ x, y: 100 * found[name] }] : [];
  });
}
