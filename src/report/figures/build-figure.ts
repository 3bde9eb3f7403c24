import { attacks, type AttackId } from "../../attacks/attacks.js";
import { methods, type MethodId } from "../../methods/methods.js";
import { figure3 } from "../../paper/figure-3.js";
import type { FigureNumber, FigurePlan } from "../../paper/figures.js";
import type { RunOutcome } from "../../reproduction/run-request.js";
import { curveOf, readMetrics, type Point } from "../../run/metrics.js";
import type { Figure, LinePanel } from "./figure.js";

/** The runs of a method, one per seed. */
type RunsOf = (method: MethodId) => readonly RunOutcome[];

/** What a figure shows, without its title and subtitle. */
type Shown = {
  [Kind in Figure["kind"]]: Omit<Extract<Figure, { kind: Kind }>, "title" | "subtitle">;
}[Figure["kind"]];

const X_TITLE = "Training epoch";
/** What the ablations call MTARD. */
const names: Readonly<Partial<Record<MethodId, string>>> = { mtard: "Baseline+NLB" };

/** How each figure is built from its runs. */
const builders: Readonly<Record<FigureNumber, (runs: RunsOf, measured: readonly AttackId[]) => Shown>> = {
  3: (runs, measured) => ({
    kind: "bars",
    yTitle: "W-Robust (%)",
    groups: measured.map((attack) => ({
      title: attacks[attack].title,
      bars: figure3.map(({ method, wRobust }) => ({
        name: nameOf(method),
        value: 100 * meanWRobust(runs(method), attack),
        paper: wRobust[attack] ?? null,
      })),
    })),
  }),
  4(runs) {
    const series = (["rslad", "baseline", "mtard"] as const).map((method) => ({
      name: nameOf(method),
      points: firstCurve(runs(method), "lossTotal"),
    }));
    const panel = (title: string, kept: (points: readonly Point[]) => Point[]): LinePanel => ({
      title,
      xTitle: X_TITLE,
      yTitle: "Total loss",
      series: series.map(({ name, points }) => ({ name, points: kept(points) })),
    });
    return {
      kind: "lines",
      sameScale: false,
      panels: [panel("whole training", (points) => [...points]), panel("final fifth", finalFifth)],
    };
  },
  5: (runs) => ({
    kind: "lines",
    sameScale: true,
    panels: (["baseline", "mtard"] as const).map((method) => ({
      title: nameOf(method),
      xTitle: X_TITLE,
      yTitle: "Relative loss",
      series: [
        { name: "on clean images", points: firstCurve(runs(method), "relativeLossNat") },
        { name: "on adversarial images", points: firstCurve(runs(method), "relativeLossAdv") },
      ],
    })),
  }),
  6: (runs) => ({
    kind: "lines",
    sameScale: true,
    panels: (["mtard", "b-mtard"] as const).map((method) => ({
      title: nameOf(method),
      xTitle: X_TITLE,
      yTitle: "Entropy (nats)",
      series: [
        { name: "clean teacher", points: firstForty(firstCurve(runs(method), "entropyNat")) },
        { name: "robust teacher", points: firstForty(firstCurve(runs(method), "entropyAdv")) },
      ],
    })),
  }),
};

/**
 * Builds the figure of a plan from its finished runs.
 *
 * @param measured The attacks that the runs were measured with.
 */
export function buildFigure(
  { number, title }: FigurePlan,
  outcomes: readonly RunOutcome[],
  measured: readonly AttackId[],
): Figure {
  const shown = builders[number](
    (method) => outcomes.filter((outcome) => outcome.plan.method === method),
    measured,
  );
  return { ...shown, title, subtitle: subtitleOf(outcomes) };
}

function subtitleOf(outcomes: readonly RunOutcome[]): string {
  const briefs = new Set(
    outcomes.map(({ shortfall }) => shortfall?.brief ?? "CIFAR-10, ResNet-18, the paper's budget"),
  );
  return [...briefs].join("; ");
}

function nameOf(method: MethodId): string {
  return names[method] ?? methods[method].title;
}

/** The curve of the first seed: a mean over seeds would smooth what the figure shows. */
function firstCurve([first]: readonly RunOutcome[], name: string): Point[] {
  return first ? curveOf(readMetrics(first.folder).steps, name) : [];
}

/** The last fifth of a curve, as the paper shows the last 60 of 300 epochs. */
function finalFifth(points: readonly Point[]): Point[] {
  const last = points.at(-1)?.x ?? 0;
  return points.filter(({ x }) => x > 0.8 * last);
}

/** The first 40 epochs, as on the paper's x-axis. */
function firstForty(points: readonly Point[]): Point[] {
  return points.filter(({ x }) => x <= 40);
}

function meanWRobust(outcomes: readonly RunOutcome[], attack: AttackId): number {
  const values = outcomes.flatMap(({ evaluations }) => {
    const found = evaluations.get(attack)?.attacks[attack];
    return found ? [found.wRobust] : [];
  });
  return values.reduce((left, right) => left + right, 0) / values.length;
}
