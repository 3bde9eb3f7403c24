import { InputError } from "../errors.js";
import { methods, type MethodId } from "../methods/methods.js";
import type { RunOutcome } from "../reproduction/run-request.js";
import { curveOf, type Point, readMetrics, type RunMetrics } from "../run/metrics.js";
import { type Sample, sampleOf } from "./table.js";

/** How much a method's students moved over a last part of the training, over its seeds. */
export interface Movement {
  /**
   * W-Robust under the attack that chooses students, in percent: the mean over the last part of the training minus that over a part as long
   * before; null without an evaluation in each.
   */
  readonly wRobust: Sample | null;
  /** The loss that is minimised, likewise, as a share of what it was in the part before. */
  readonly loss: Sample | null;
}

/** How much a method's students still moved at the end. */
export interface Settledness {
  readonly method: MethodId;
  readonly label: string;
  readonly lastQuarter: Movement;
  readonly lastEighth: Movement;
}

/** The mean of a curve over seeds, with the seeds' range at each point. */
export interface StudyCurve {
  readonly method: MethodId;
  readonly name: string;
  readonly points: readonly (Point & { readonly low: number; readonly high: number })[];
}

/** Says how much the runs of each method still moved in the last quarter and in the last eighth of their training. */
export function settledness(
  compared: readonly MethodId[],
  runs: readonly RunOutcome[],
  read: StudyMetrics,
): Settledness[] {
  return compared.flatMap((method) => {
    const metrics = metricsOf(method, runs, read);
    if (metrics.length === 0) return [];
    const [lastQuarter, lastEighth] = [movement(metrics, 1 / 4), movement(metrics, 1 / 8)];
    return [{ method, label: methods[method].title, lastQuarter, lastEighth }];
  });
}

/** @param share How long the last part is, as a share of the training. */
function movement(runs: readonly RunMetrics[], share: number): Movement {
  const loss = runs.flatMap((run) => {
    const change = lastChange(lossCurve(run), share);
    return change === null || change.before === 0 ? [] : [(change.after - change.before) / change.before];
  });
  const wRobust = runs.flatMap(({ evaluations }) => {
    const points = evaluations.map(({ epoch, wRobust: y }) => ({ x: epoch, y: 100 * y }));
    const change = lastChange(points, share);
    return change === null ? [] : [change.after - change.before];
  });
  return { wRobust: sampleOf(wRobust), loss: sampleOf(loss) };
}

/** Clean accuracy, accuracy under PGD-trades and W-Robust, in percent, at each evaluation of the training; averaged weights' W-Robust where there are some. */
export function accuracyCurves(
  compared: readonly MethodId[],
  runs: readonly RunOutcome[],
  read: StudyMetrics,
): StudyCurve[] {
  return compared.flatMap((method) => {
    const metrics = metricsOf(method, runs, read);
    const curve = (name: string, of: (run: RunMetrics) => Point[]): StudyCurve => ({
      method,
      name,
      points: meanCurve(metrics.map(of)),
    });
    return [
      ...(["clean", "robust", "wRobust"] as const).map((kind) =>
        curve(curveNames[kind], ({ evaluations }) =>
          evaluations.map((line) => ({ x: line.epoch, y: 100 * line[kind] })),
        ),
      ),
      curve("W-Robust, averaged weights", ({ evaluations }) =>
        evaluations.flatMap(({ epoch, averaged }) =>
          averaged ? [{ x: epoch, y: 100 * averaged.wRobust }] : [],
        ),
      ),
    ].filter(({ points }) => points.length > 0);
  });
}

const curveNames = { clean: "clean", robust: "PGD-trades", wRobust: "W-Robust" } as const;

/** The loss that each method minimises, over the training. */
export function lossCurves(
  compared: readonly MethodId[],
  runs: readonly RunOutcome[],
  read: StudyMetrics,
): StudyCurve[] {
  return compared.map((method) => ({
    method,
    name: "loss",
    points: meanCurve(metricsOf(method, runs, read).map(lossCurve)),
  }));
}

/** The metrics of a method's runs, each run once, whichever of its students were measured. */
function metricsOf(method: MethodId, runs: readonly RunOutcome[], metrics: StudyMetrics): RunMetrics[] {
  const folders = runs.filter(({ plan }) => plan.method === method).map(({ folder }) => folder);
  return [...new Set(folders)].flatMap((folder) => metrics.get(folder) ?? []);
}

/** The metrics of a study's runs by folder, null where they cannot be read, which costs a report its curves and no more. */
export type StudyMetrics = ReadonlyMap<string, RunMetrics | null>;

/** Reads the metrics of each run once. */
export function readStudyMetrics(runs: readonly RunOutcome[]): StudyMetrics {
  const folders = new Set(runs.map(({ folder }) => folder));
  return new Map(Array.from(folders, (folder) => [folder, metricsAt(folder)]));
}

function metricsAt(folder: string): RunMetrics | null {
  try {
    return readMetrics(folder);
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}

/** The total where a method reports it, else the one loss that it has. */
function lossCurve({ steps }: RunMetrics): Point[] {
  const reported = steps.at(-1) ?? {};
  const name = ["lossTotal", "lossAdv", "lossNat"].find((each) => each in reported);
  return name === undefined ? [] : curveOf(steps, name);
}

/** The means of a curve over a last part of the training and over a part as long before; null if one of them has no point. */
function lastChange(points: readonly Point[], share: number): { before: number; after: number } | null {
  const end = points.at(-1)?.x ?? 0;
  const meanOver = (from: number, to: number): number => {
    const part = points.filter(({ x }) => x > from * end && x <= to * end);
    return part.reduce((sum, { y }) => sum + y, 0) / part.length;
  };
  const [before, after] = [meanOver(1 - 2 * share, 1 - share), meanOver(1 - share, 1)];
  return Number.isNaN(before) || Number.isNaN(after) ? null : { before, after };
}

function meanCurve(curves: readonly (readonly Point[])[]): StudyCurve["points"] {
  const [first = []] = curves;
  return first.flatMap(({ x }) => {
    const values = curves.flatMap((curve) => curve.find((point) => point.x === x)?.y ?? []);
    if (values.length < curves.length) return [];
    const y = values.reduce((sum, value) => sum + value, 0) / values.length;
    return [{ x, y, low: Math.min(...values), high: Math.max(...values) }];
  });
}
