import { methods } from "../methods/methods.js";
import { imagesOf } from "../reproduction/session.js";
import { bestFirst, type Rung, type SweepOutcome, type SweptPoint } from "../reproduction/halving.js";
import type { Axis } from "../reproduction/sweep-axes.js";
import type { Sampling } from "../reproduction/sweep-points.js";
import type { SweepPlan } from "../reproduction/sweeps.js";
import type { Scale } from "../reproduction/scale.js";
import { conditionsOf } from "./conditions.js";
import { measuresOf, valueOf, type StudyMeasure } from "./measures.js";
import { type Sample, sampleOf } from "./table.js";

/* What a sweep found, before it becomes Markdown, CSV, JSON or a page. Accuracies are in percent. */

/** The numbers that a run's best student had when it was chosen. */
export const choosingMeasures = ["clean", "robust", "wRobust"] as const;

/** A number over the seeds of a point. */
export interface SweepValue {
  /** One for each seed, in their order. */
  readonly values: readonly number[];
  readonly sample: Sample;
}

export interface SweepRow {
  /** Such as `weightRate=0.025, temperatureRate=0.01`. */
  readonly point: string;
  /** The value of each varied setting, in the order of the axes. */
  readonly settings: readonly SweptPoint["point"]["values"][number][];
  readonly state: SweptPoint["state"];
  /** The epoch after which halving stopped it, or null. */
  readonly until: number | null;
  /** The run directory of each seed. */
  readonly runs: readonly string[];
  /** The epoch of each run's best student. */
  readonly epochs: readonly number[];
  /** What the best students had on the images that choose, up to where the point was stopped; null where it failed or waits. */
  readonly chosenBy: Readonly<Record<(typeof choosingMeasures)[number], SweepValue>> | null;
  /** The measures on the test images, by id; null where they were not made. */
  readonly values: Readonly<Record<string, SweepValue>> | null;
}

export interface SweepReport {
  readonly sweep: string;
  /** The method's title. */
  readonly method: string;
  readonly dataset: string;
  readonly student: string;
  readonly epochs: readonly number[];
  readonly seeds: readonly number[];
  /** How many images each run was trained on, and how many, of the others, chose its students; null before there is a run. */
  readonly images: { readonly train: number; readonly selection: number } | null;
  readonly axes: readonly Axis[];
  readonly sampling: Sampling | null;
  readonly halving: { readonly eta: number; readonly rungs: readonly Rung[] } | null;
  readonly measures: readonly StudyMeasure[];
  /** The finished ones from the best down, then the stopped ones, from the last rung down, then all others. */
  readonly rows: readonly SweepRow[];
  /** The name of the best point; null where none is finished. */
  readonly best: string | null;
  /** The schedules of the runs' rates, and how runs depart from their recipe. */
  readonly conditions: readonly string[];
  readonly warnings: readonly string[];
}

/**
 * Builds the report of a sweep.
 *
 * @param stored How many training and test images the data set has.
 */
export function buildSweep(
  plan: SweepPlan,
  scale: Scale,
  { points, rungs }: SweepOutcome,
  stored: { readonly train: number; readonly test: number },
): SweepReport {
  const measures = measuresOf(
    plan.attacks,
    points.flatMap(({ state, runs }) => (state === "finished" ? runs : [])),
  );
  const sorted = inOrder(points);
  const runs = points.flatMap((each) => each.runs);
  const [first] = runs;
  const [best] = sorted;
  return {
    sweep: plan.name,
    method: methods[plan.method].title,
    dataset: scale.dataset,
    student: scale.student,
    epochs: [...new Set(runs.map(({ settings }) => settings.epochs))].sort((one, other) => one - other),
    seeds: plan.seeds,
    images: first ? imagesOf(first.settings, stored) : null,
    axes: plan.axes,
    sampling: plan.sampling,
    halving: plan.halving === null ? null : { eta: plan.halving, rungs },
    measures,
    rows: sorted.map((each) => rowOf(each, measures)),
    best: best?.state === "finished" ? best.point.name : null,
    conditions: conditionsOf(
      points.flatMap(({ point, runs: those }) => those.map((run) => ({ ...run, point: point.name }))),
      ({ point }) => point,
    ),
    warnings: warningsOf(points),
  };
}

/** The finished points from the best down, the stopped ones from the last rung down, then those that failed or wait. */
function inOrder(points: readonly SweptPoint[]): SweptPoint[] {
  const rungsDown = [...new Set(points.flatMap(({ until }) => until ?? []))].sort(
    (one, other) => other - one,
  );
  const of = (state: SweptPoint["state"]): SweptPoint[] => points.filter((each) => each.state === state);
  return [
    ...bestFirst(of("finished")),
    ...rungsDown.flatMap((epoch) => bestFirst(of("stopped").filter(({ until }) => until === epoch))),
    ...of("waiting"),
    ...of("failed"),
  ];
}

function rowOf(swept: SweptPoint, measures: readonly StudyMeasure[]): SweepRow {
  const { point, state, until, runs, chosenBy } = swept;
  const choosing = choosingMeasures.map((name) => [
    name,
    valueOver(chosenBy.map((each) => 100 * each[name])),
  ]);
  const measured = measures.map(({ id, ...measure }) => [
    id,
    valueOver(runs.map((run) => valueOf(run, { id, ...measure }))),
  ]);
  return {
    point: point.name,
    settings: point.values,
    state,
    until,
    runs: runs.map(({ folder }) => folder),
    epochs: chosenBy.map(({ epoch }) => epoch),
    chosenBy: chosenBy.length === 0 ? null : (Object.fromEntries(choosing) as SweepRow["chosenBy"]),
    values: state === "finished" ? (Object.fromEntries(measured) as SweepRow["values"]) : null,
  };
}

function valueOver(values: readonly number[]): SweepValue | null {
  const sample = sampleOf(values);
  return sample && { values, sample };
}

function warningsOf(points: readonly SweptPoint[]): string[] {
  const named = points.flatMap(({ point, runs }) =>
    runs.flatMap(({ seed, warnings }) => warnings.map((text) => `${point.name}, seed ${seed}: ${text}`)),
  );
  return [...new Set(named)];
}
