import { InputError } from "../errors.js";
import { type EvaluationLine, readEvaluations } from "../run/metrics.js";
import { isEvaluated } from "../training/schedule.js";
import { isRun, type Outcome, type RunOutcome, type RunRequest, subjectId } from "./run-request.js";
import type { Scale } from "./scale.js";
import type { SweepPoint } from "./sweep-points.js";
import { settingsOfPoints, sweepRequests, type SweepPlan } from "./sweeps.js";

/** The evaluation that chose a run's best student, on the images that choose; accuracies are fractions. */
export type ChoosingEvaluation = Pick<EvaluationLine, "epoch" | "clean" | "robust" | "wRobust">;

/** What became of a point. */
export interface SweptPoint {
  readonly point: SweepPoint;
  /** `stopped` by halving; `failed` and `waiting` where runs of it could not be made or are not made yet. */
  readonly state: "finished" | "stopped" | "failed" | "waiting";
  /** The epoch after which halving stopped it, or null. */
  readonly until: number | null;
  /** A run for each seed; fewer where it failed or waits. */
  readonly runs: readonly RunOutcome[];
  /** What chose each run's best student, up to where the point was stopped; none where it failed or waits. */
  readonly chosenBy: readonly ChoosingEvaluation[];
}

/** A rung of successive halving: after its epoch, so many points of those that came to it went on. */
export interface Rung {
  readonly epoch: number;
  readonly points: number;
  readonly kept: number;
}

export interface SweepOutcome {
  /** In the order of the plan. */
  readonly points: readonly SweptPoint[];
  /** The rungs at which points were stopped. */
  readonly rungs: readonly Rung[];
  /** All that was asked for, at every rung. */
  readonly outcomes: readonly Outcome[];
}

/** What was made of some requests; `unfinished` is what could not be made, or not yet. */
export interface WorkDone {
  readonly outcomes: readonly Outcome[];
  readonly unfinished: readonly { readonly state: string }[];
}

/** Makes runs: `reproduce`, or what stands for it. */
export type SweepWork = (requests: readonly RunRequest[]) => Promise<WorkDone>;

/** Rungs before the end, each with a share of its points. More would cut where little is known yet. */
const RUNGS = 2;

/**
 * Trains and measures the points of a sweep; with halving, a share of them at each rung, the best by the mean over seeds of the W-Robust
 * that each run's best student had so far on the images that choose. What is decided follows from the runs on the disk up to the rung's
 * epoch alone, so the same call decides the same.
 *
 * @throws {InputError} if no epoch before the last is evaluated, where points could be compared.
 */
export async function performSweep(plan: SweepPlan, scale: Scale, work: SweepWork): Promise<SweepOutcome> {
  const ended = new Map<SweepPoint, SweptPoint>();
  const rungs: Rung[] = [];
  const outcomes: Outcome[] = [];
  let left = plan.points;
  for (const epoch of plan.halving === null ? [] : rungEpochs(plan, plan.halving, scale)) {
    const swept = await sweptUntil(left, epoch);
    if (swept.some(({ state }) => state === "waiting")) {
      for (const each of swept) ended.set(each.point, { ...each, state: "waiting" });
      return result();
    }
    const there = swept.filter(({ state }) => state !== "failed");
    for (const each of swept) if (each.state === "failed") ended.set(each.point, each);
    const ranked = bestFirst(there);
    const kept = Math.ceil(ranked.length / (plan.halving ?? 1));
    for (const each of ranked.slice(kept)) ended.set(each.point, { ...each, state: "stopped", until: epoch });
    if (kept < ranked.length) rungs.push({ epoch, points: ranked.length, kept });
    left = left.filter((point) => !ended.has(point));
  }
  for (const each of await sweptUntil(left, null)) ended.set(each.point, each);
  return result();

  async function sweptUntil(points: readonly SweepPoint[], until: number | null): Promise<SweptPoint[]> {
    if (points.length === 0) return [];
    const done = await work(sweepRequests(plan, points, scale, until));
    outcomes.push(...done.outcomes);
    const isWaiting = done.unfinished.some(({ state }) => state !== "failed");
    const runs = new Map(done.outcomes.filter(isRun).map((run) => [subjectId(run), run]));
    return points.map((point) => {
      const ofPoint = sweepRequests(plan, [point], scale, until).flatMap(
        (request) => runs.get(subjectId(request)) ?? [],
      );
      if (ofPoint.length < plan.seeds.length) {
        const state = isWaiting ? "waiting" : "failed";
        return { point, state, until: null, runs: ofPoint, chosenBy: [] };
      }
      const chosenBy = ofPoint.map(({ folder }) => choosingEvaluation(folder, until));
      return { point, state: "finished", until: null, runs: ofPoint, chosenBy };
    });
  }

  function result(): SweepOutcome {
    const points = plan.points.flatMap((point) => ended.get(point) ?? []);
    return { points, rungs, outcomes };
  }
}

/**
 * The epochs at which halving compares points: the shares 1/eta² and 1/eta of the run, each at the first epoch from there that is
 * evaluated in the runs of all points.
 *
 * @throws {InputError} if there is none.
 */
export function rungEpochs(plan: SweepPlan, eta: number, scale: Scale): number[] {
  const settings = settingsOfPoints(plan, scale);
  const last = Math.min(...settings.map(({ epochs }) => epochs));
  const evaluated = Array.from({ length: last - 1 }, (_, index) => index + 1).filter((epoch) =>
    settings.every((each) => isEvaluated(epoch, each)),
  );
  const epochs = Array.from({ length: RUNGS }, (_, index) => last / eta ** (RUNGS - index)).flatMap(
    (share) => evaluated.find((epoch) => epoch >= share) ?? [],
  );
  if (epochs.length > 0) return [...new Set(epochs)];
  throw new InputError("--halving has no epoch at which points could be compared", {
    expected: `an evaluation from epoch ${Math.ceil(last / eta ** RUNGS)} on, before the last`,
    found: `${last} epochs, evaluated after ${[...evaluated, last].join(", ")}`,
    fix: last > 2 ? "--set evaluateEvery=1" : "more --epochs, or no --halving",
  });
}

/** The mean over seeds of the W-Robust that chose the best students, as a fraction; null without any. */
export function scoreOf({ chosenBy }: Pick<SweptPoint, "chosenBy">): number | null {
  if (chosenBy.length === 0) return null;
  return chosenBy.reduce((sum, { wRobust }) => sum + wRobust, 0) / chosenBy.length;
}

/** Points by their score, the highest first; of equal ones the first. */
export function bestFirst<Point extends Pick<SweptPoint, "chosenBy">>(points: readonly Point[]): Point[] {
  const score = (point: Point): number => scoreOf(point) ?? -Infinity;
  return [...points].sort((one, other) => score(other) - score(one) || 0);
}

/** @throws {InputError} if the run was not evaluated up to there. */
function choosingEvaluation(folder: string, until: number | null): ChoosingEvaluation {
  const [first, ...others] = readEvaluations(folder).filter(({ epoch }) => epoch <= (until ?? Infinity));
  if (first) return others.reduce((best, each) => (each.wRobust > best.wRobust ? each : best), first);
  throw new InputError(`${folder} has no evaluation${until === null ? "" : ` up to epoch ${until}`}`, {
    expected: "the metrics of a run, as mtard train wrote them",
    found: "none that can be read",
    fix: `move ${folder} away, and the run is trained again`,
  });
}
