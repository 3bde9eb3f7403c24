import { methods, type MethodId } from "../methods/methods.js";
import type { StudentChoice } from "../model/run-student.js";
import { isRun, isTeacherPlan, type Outcome, type RunOutcome } from "../reproduction/run-request.js";
import type { Scale } from "../reproduction/scale.js";
import type { StudyPlan } from "../reproduction/studies.js";
import { firstStepWarnings } from "../training/first-step.js";
import { conditionsOf } from "./conditions.js";
import { settledness, type Settledness, type StudyMetrics } from "./study-curves.js";
import { evaluationFor, measuresOf, valueOf, type StudyMeasure } from "./measures.js";
import { holm, mcNemar, meanInterval, shareInterval, type Interval } from "./statistics.js";
import { sampleOf, type Sample } from "./table.js";

/* What a study found, before it becomes Markdown, CSV, JSON or a page. Accuracies are in percent. */

/** Who is right where the other is not, on the test images of one seed. */
export interface StudyTest {
  readonly seed: number;
  /** Images that only this method's student answers right, and that only the compared one's does. */
  readonly onlyThis: number;
  readonly onlyOther: number;
  /** McNemar's exact p-value. */
  readonly p: number;
  /** The same, adjusted by Holm for all methods of the table. */
  readonly adjusted: number;
}

/** A measure of a row: over its seeds, and beside the method that all are compared with. */
export interface StudyValue {
  /** One for each seed, in their order. */
  readonly values: readonly number[];
  readonly sample: Sample;
  /** This minus the compared method's, seed by seed; null in the row of that method. */
  readonly difference: { readonly mean: number; readonly interval: Interval | null } | null;
  /** Empty for W-Robust, which is no share of images, and in the row of the compared method. */
  readonly tests: readonly StudyTest[];
}

export interface StudyRow {
  readonly method: MethodId;
  readonly label: string;
  /** The run directory of each seed. */
  readonly runs: readonly string[];
  readonly warnings: readonly string[];
  readonly values: Readonly<Record<string, StudyValue>>;
}

/** The rows of one kind of student. */
export interface StudySection {
  readonly student: StudentChoice;
  readonly title: string;
  readonly rows: readonly StudyRow[];
}

/** A teacher beside the students. */
export interface StudyTeacher {
  readonly label: string;
  readonly values: Readonly<Record<string, { readonly value: number; readonly interval: Interval | null }>>;
}

/** What averaged weights change: the averaged student's number minus the raw one's, seed by seed. */
export interface AveragingRow {
  readonly label: string;
  readonly student: "best" | "last";
  readonly values: Readonly<Record<string, { readonly mean: number; readonly interval: Interval | null }>>;
}

export interface StudyReport {
  readonly study: string;
  readonly title: string;
  readonly dataset: string;
  readonly student: string;
  readonly epochs: readonly number[];
  readonly seeds: readonly number[];
  readonly trainImages: number | null;
  /** The title of the method that the others are compared with; null if the study has not trained it. */
  readonly against: string | null;
  readonly measures: readonly StudyMeasure[];
  readonly teachers: readonly StudyTeacher[];
  readonly sections: readonly StudySection[];
  readonly averaging: readonly AveragingRow[];
  readonly settled: readonly Settledness[];
  /** What images chose the best students. */
  readonly selections: readonly string[];
  /** The schedules of the runs' rates, and how runs depart from their recipes. */
  readonly conditions: readonly string[];
  readonly warnings: readonly string[];
}

const titles: Readonly<Record<StudentChoice, string>> = {
  best: "Best student",
  last: "Last student",
  "best-averaged": "Best student, averaged weights",
  "last-averaged": "Last student, averaged weights",
};

/** Builds the report of a study from its finished runs; `name` is what it is called. */
export function buildStudy(
  name: string,
  plan: StudyPlan,
  scale: Scale,
  outcomes: readonly Outcome[],
  metrics: StudyMetrics,
): StudyReport {
  const runs = outcomes.filter(isRun);
  const measures = measuresOf(plan.attacks, outcomes);
  const against = plan.methods.includes(plan.against) ? plan.against : null;
  const sections = plan.students.map((student): StudySection => ({
    student,
    title: titles[student],
    rows: rowsOf(
      plan,
      measures,
      runs.filter(({ checkpoint = "best" }) => checkpoint === student),
      against,
    ),
  }));
  const [first] = runs;
  return {
    study: name,
    title: plan.title,
    dataset: scale.dataset,
    student: scale.student,
    epochs: [...new Set(runs.map(({ settings }) => settings.epochs))],
    seeds: plan.seeds,
    trainImages: first?.settings.limitTrain ?? null,
    against: against && methods[against].title,
    measures,
    teachers: outcomes.flatMap((outcome) => teacherOf(outcome, measures)),
    sections,
    averaging: averagingOf(sections, measures),
    settled: settledness(plan.methods, runs, metrics),
    selections: [...new Set(runs.map(({ settings }) => selectionOf(settings)))],
    conditions: conditionsOf(runs, ({ plan: { method } }) => methods[method].title),
    warnings: [
      ...new Set([
        ...outcomes.flatMap(ownWarnings),
        ...runs.flatMap((run) => warningsOfTraining(run, metrics)),
      ]),
    ],
  };
}

function nameOf({ plan, seed, checkpoint = "best" }: Outcome): string {
  if (isTeacherPlan(plan)) return `${plan.teacher} teacher`;
  return `${methods[plan.method].title}, seed ${seed}${checkpoint === "best" ? "" : `, ${checkpoint}`}`;
}

function ownWarnings(outcome: Outcome): string[] {
  return outcome.warnings.map((text) => `${nameOf(outcome)}: ${text}`);
}

/** What a run's metrics say against it: that they cannot be read, or that its balance was one-sided from its first step on. */
function warningsOfTraining({ plan, seed, folder }: RunOutcome, read: StudyMetrics): string[] {
  const name = `${methods[plan.method].title}, seed ${seed}`;
  const metrics = read.get(folder);
  if (!metrics) return [`${name}: its metrics cannot be read, so it is missing in the curves`];
  const first = Object.entries(metrics.steps[0] ?? {});
  const report = Object.fromEntries(
    first.filter((entry): entry is [string, number] => typeof entry[1] === "number"),
  );
  return firstStepWarnings(1, methods[plan.method], report).map((text) => `${name}: ${text}`);
}

/** The images that chose a run's best student. */
function selectionOf({ selection, heldOut }: RunOutcome["settings"]): string {
  return selection === "test" ? "the test images themselves" : `${heldOut} held-out training images`;
}

/** For each image, whether it is answered right. */
function rightOf(outcome: Outcome, { attack }: StudyMeasure): readonly boolean[] {
  const examples = evaluationFor(outcome, attack)?.perExample ?? [];
  return examples.map(
    ({ clean, attacks: answers, label }) => (attack === null ? clean : answers[attack]) === label,
  );
}

function rowsOf(
  { methods: compared, seeds }: StudyPlan,
  measures: readonly StudyMeasure[],
  runs: readonly RunOutcome[],
  against: MethodId | null,
): StudyRow[] {
  const bySeed = (method: MethodId): RunOutcome[] =>
    seeds.flatMap(
      (seed) => runs.find(({ plan, seed: other }) => plan.method === method && other === seed) ?? [],
    );
  const reference = against === null ? [] : bySeed(against);
  const rows = compared.map((method) => ({ method, runs: bySeed(method) }));
  const others = rows.filter(({ method }) => method !== against);
  const tests = new Map(
    measures.flatMap((measure) =>
      measure.kind === "wRobust" ? [] : [...testsOf(measure, others, reference)],
    ),
  );
  return rows.map(({ method, runs: ofMethod }): StudyRow => ({
    method,
    label: methods[method].title,
    runs: ofMethod.map(({ folder }) => folder),
    warnings: [...new Set(ofMethod.flatMap(({ warnings }) => warnings))],
    values: Object.fromEntries(
      measures.map((measure): [string, StudyValue] => {
        const values = ofMethod.map((outcome) => valueOf(outcome, measure));
        const sample = sampleOf(values);
        if (!sample) throw new Error(`${method} has no runs`);
        const isCompared = method === against || reference.length === 0;
        const compare = reference.map((outcome) => valueOf(outcome, measure));
        return [
          measure.id,
          {
            values,
            sample,
            difference: isCompared ? null : differenceOf(values, compare),
            tests: tests.get(`${measure.id} ${method}`) ?? [],
          },
        ];
      }),
    ),
  }));
}

function differenceOf(values: readonly number[], others: readonly number[]) {
  const differences = values.map((value, index) => value - (others[index] ?? NaN));
  const mean = differences.reduce((left, right) => left + right, 0) / differences.length;
  return { mean, interval: meanInterval(differences) };
}

/** McNemar's tests of all methods against the reference under one measure, by `measure method`; each seed's are adjusted together. */
function* testsOf(
  measure: StudyMeasure,
  rows: readonly { readonly method: MethodId; readonly runs: readonly RunOutcome[] }[],
  reference: readonly RunOutcome[],
): Generator<[string, readonly StudyTest[]]> {
  const found = new Map(rows.map(({ method }) => [method, [] as StudyTest[]]));
  for (const [index, compared] of reference.entries()) {
    const right = rightOf(compared, measure);
    const plain = rows.map(({ runs }) => {
      const mine = runs[index] ? rightOf(runs[index], measure) : [];
      const onlyThis = mine.filter((is, image) => is && right[image] === false).length;
      const onlyOther = mine.filter((is, image) => !is && right[image] === true).length;
      return { seed: compared.seed, onlyThis, onlyOther, p: mcNemar(onlyThis, onlyOther) };
    });
    const adjusted = holm(plain.map(({ p }) => p));
    for (const [at, { method }] of rows.entries()) {
      const test = plain[at];
      if (test) found.get(method)?.push({ ...test, adjusted: adjusted[at] ?? 1 });
    }
  }
  for (const [method, tests] of found) yield [`${measure.id} ${method}`, tests];
}

function teacherOf(outcome: Outcome, measures: readonly StudyMeasure[]): StudyTeacher[] {
  if (!isTeacherPlan(outcome.plan)) return [];
  const values = measures.map((measure): [string, StudyTeacher["values"][string]] => {
    const value = valueOf(outcome, measure);
    if (measure.kind === "wRobust") return [measure.id, { value, interval: null }];
    const { low, high } = shareInterval(Math.round((value / 100) * measure.images), measure.images);
    return [measure.id, { value, interval: { low: 100 * low, high: 100 * high } }];
  });
  return [{ label: `${outcome.plan.teacher} teacher`, values: Object.fromEntries(values) }];
}

function averagingOf(sections: readonly StudySection[], measures: readonly StudyMeasure[]): AveragingRow[] {
  return (["best", "last"] as const).flatMap((student) => {
    const raw = sections.find((section) => section.student === student)?.rows ?? [];
    const averaged = sections.find((section) => section.student === `${student}-averaged`)?.rows ?? [];
    return raw.flatMap((row): AveragingRow[] => {
      const other = averaged.find(({ method }) => method === row.method);
      if (!other) return [];
      const values = measures.map(({ id }): [string, AveragingRow["values"][string]] => [
        id,
        differenceOf(other.values[id]?.values ?? [], row.values[id]?.values ?? []),
      ]);
      return [{ label: row.label, student, values: Object.fromEntries(values) }];
    });
  });
}
