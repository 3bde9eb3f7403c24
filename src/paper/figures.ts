import { InputError } from "../errors.js";
import type { MethodId } from "../methods/ids.js";
import type { Figure, LinePanel } from "../report/figures/figure.js";
import { curveOf, readMetrics, type Point } from "../run/metrics.js";
import { figure3 } from "./figure-3.js";
import { attackTitles, methodTitles, type PaperAttack, type PaperMethod } from "./paper.js";
import type { RunOutcome } from "../reproduction/run-request.js";
import { plainRun, type RunPlan } from "./plan.js";

/** A figure of the paper: the runs it shows, and how they become a picture. */
export interface FigurePlan {
  readonly number: number;
  /** The paper's student. */
  readonly student: string;
  readonly runs: readonly RunPlan[];
  /** The attacks its runs are evaluated with. */
  readonly attacks: readonly PaperAttack[];
  /** What it shows, of the runs of each method. */
  draw(outcomes: (method: PaperMethod) => readonly RunOutcome[], evaluated: readonly PaperAttack[]): Shown;
}

/** A figure without what it was run on. */
type Shown =
  Omit<Extract<Figure, { kind: "lines" }>, "subtitle"> | Omit<Extract<Figure, { kind: "bars" }>, "subtitle">;

const X_TITLE = "Training epoch";
/** MTARD as the ablations call it. */
const names: Readonly<Partial<Record<PaperMethod, string>>> = { mtard: "Baseline+NLB" };

const figures: Readonly<Record<number, FigurePlan>> = {
  3: {
    ...planOf(3, ["baseline", "mtard", "baseline-ebb", "b-mtard"]),
    attacks: ["pgd-sat", "pgd-trades", "cw"],
    draw: (outcomes, evaluated) => ({
      kind: "bars",
      title: "Figure 3: ablation of NLB and EBB",
      yTitle: "W-Robust (%)",
      groups: evaluated.map((attack) => ({
        title: attackTitles[attack],
        bars: figure3.map(({ method, wRobust }) => ({
          name: nameOf(method),
          value: 100 * meanWRobust(outcomes(method), attack),
          paper: wRobust[attack] ?? null,
        })),
      })),
    }),
  },
  4: {
    ...planOf(4, ["rslad", "baseline", "mtard"]),
    draw(outcomes) {
      const methods = ["rslad", "baseline", "mtard"] as const;
      const series = methods.map((method) => ({
        name: nameOf(method),
        points: firstCurve(outcomes(method), "lossTotal"),
      }));
      const panel = (title: string, kept: (points: readonly Point[]) => Point[]): LinePanel => ({
        title,
        xTitle: X_TITLE,
        yTitle: "Total loss",
        series: series.map(({ name, points }) => ({ name, points: kept(points) })),
      });
      return {
        kind: "lines",
        title: "Figure 4: total loss in training",
        sameScale: false,
        panels: [panel("whole training", (points) => [...points]), panel("final fifth", finalFifth)],
      };
    },
  },
  5: {
    ...planOf(5, ["baseline", "mtard"]),
    draw: (outcomes) => ({
      kind: "lines",
      title: "Figure 5: relative losses in training",
      sameScale: true,
      panels: (["baseline", "mtard"] as const).map((method) => ({
        title: nameOf(method),
        xTitle: X_TITLE,
        yTitle: "Relative loss",
        series: [
          { name: "on clean images", points: firstCurve(outcomes(method), "relativeLossNat") },
          { name: "on adversarial images", points: firstCurve(outcomes(method), "relativeLossAdv") },
        ],
      })),
    }),
  },
  6: {
    ...planOf(6, ["mtard", "b-mtard"]),
    draw: (outcomes) => ({
      kind: "lines",
      title: "Figure 6: entropy of the teachers' predictions",
      sameScale: true,
      panels: (["mtard", "b-mtard"] as const).map((method) => ({
        title: nameOf(method),
        xTitle: X_TITLE,
        yTitle: "Entropy (nats)",
        series: [
          { name: "clean teacher", points: firstForty(firstCurve(outcomes(method), "entropyNat")) },
          { name: "robust teacher", points: firstForty(firstCurve(outcomes(method), "entropyAdv")) },
        ],
      })),
    }),
  },
};

export const figureNumbers = Object.keys(figures).map(Number);

/** @throws {InputError} if the paper has no such figure of measurements. */
export function figurePlan(number: number): FigurePlan {
  const plan = figures[number];
  if (plan) return plan;
  throw new InputError(`figure ${number} is not made here`, { expected: figureNumbers.join(", ") });
}

function planOf(number: number, methods: readonly MethodId[]) {
  return { number, student: "resnet-18", runs: methods.map((method) => plainRun(method)), attacks: [] };
}

function nameOf(method: PaperMethod): string {
  return names[method] ?? methodTitles[method];
}

/** Of the first seed: a mean over seeds would smooth what the figure shows. */
function firstCurve([first]: readonly RunOutcome[], name: string): Point[] {
  return first ? curveOf(readMetrics(first.folder).steps, name) : [];
}

/** The paper's last 60 of 300 epochs, as a share. */
function finalFifth(points: readonly Point[]): Point[] {
  const last = points.at(-1)?.x ?? 0;
  return points.filter(({ x }) => x > 0.8 * last);
}

/** The paper's x-axis. */
function firstForty(points: readonly Point[]): Point[] {
  return points.filter(({ x }) => x <= 40);
}

function meanWRobust(outcomes: readonly RunOutcome[], attack: PaperAttack): number {
  const values = outcomes.flatMap(({ evaluations }) =>
    [...evaluations].flatMap(([id, { attacks }]) =>
      id !== null && id === attack ? [attacks[id]?.wRobust ?? NaN] : [],
    ),
  );
  return values.reduce((left, right) => left + right, 0) / values.length;
}
