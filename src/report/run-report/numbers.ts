import type { EvaluationLine } from "../../run/metrics.js";
import { type AccuracyRow, accuracyRows, mainRow } from "./accuracies.js";
import {
  type ClassAccuracy,
  classAccuracies,
  type Confusion,
  confusionOf,
  frequentMistakes,
  type Mistake,
} from "./classes.js";
import { type MeasuredCurve, radiusCurves, stepCurves } from "./curves.js";
import type { Examples } from "./examples.js";
import type { RunReport } from "./read.js";
import { bestOf, type MeasuredStudent, studentTitle } from "./students.js";

/** Accuracies that an evaluation within the training found; fractions. */
export interface InTraining {
  readonly epoch: number;
  readonly clean: number;
  readonly robust: number;
  readonly wRobust: number;
}

/** A student of a run, with what the training and the measurements say of it. */
export interface StudentNumbers {
  readonly student: string;
  /** On the images that chose the best student; null where the training has not evaluated it. */
  readonly training: InTraining | null;
  /** Of each attack and its settings, the measurement on the most images. */
  readonly rows: readonly AccuracyRow[];
}

/** All numbers of a run's page. */
export interface RunNumbers {
  readonly accuracies: readonly AccuracyRow[];
  readonly students: readonly StudentNumbers[];
  /** What the classes and confusions are read from; null where no attack was measured on the best student. */
  readonly main: AccuracyRow | null;
  readonly classes: readonly ClassAccuracy[];
  readonly confusion: Confusion | null;
  readonly mistakes: readonly Mistake[];
  readonly radius: readonly MeasuredCurve[];
  readonly steps: readonly MeasuredCurve[];
}

const MOST_MISTAKES = 8;

/** Computes what a run's page shows from what its folder holds. */
export function runNumbers({ run, students, metrics, classNames }: RunReport): RunNumbers {
  const usual = run.settings;
  const accuracies = accuracyRows(students, usual);
  const best = bestOf(students);
  const main = (best && mainRow(accuracies, studentTitle(best), usual)) ?? null;
  const confusion = main && confusionOf(main.kept, classNames);
  return {
    ...{ accuracies, main, confusion },
    students: students.map((student) => numbersOf(student, accuracies, metrics.evaluations)),
    classes: main ? classAccuracies(main.kept, classNames) : [],
    mistakes: confusion ? frequentMistakes(confusion, MOST_MISTAKES) : [],
    radius: radiusCurves(best?.records ?? []),
    steps: stepCurves(best?.records ?? []),
  };
}

function numbersOf(
  student: MeasuredStudent,
  accuracies: readonly AccuracyRow[],
  evaluations: readonly EvaluationLine[],
): StudentNumbers {
  const name = studentTitle(student);
  const own = accuracies.filter((row) => row.student === name);
  return {
    student: name,
    training: inTraining(student, evaluations),
    // The one on the most images comes first.
    rows: own.filter((row, at) => own.findIndex((other) => isSameAttack(row, other)) === at),
  };
}

/** Whether two measurements are of one attack, perhaps on other images. */
function isSameAttack(one: AccuracyRow, other: AccuracyRow): boolean {
  return one.attack === other.attack && one.unusual === other.unusual;
}

/** The evaluation of a student within its training: the one that chose it, or the last one of all. */
function inTraining({ choices }: MeasuredStudent, evaluations: readonly EvaluationLine[]): InTraining | null {
  const isAveraged = choices.every((choice) => choice.endsWith("-averaged"));
  const lines = evaluations.flatMap(({ epoch, averaged, ...raw }) => {
    const { clean, robust, wRobust, best } = isAveraged ? (averaged ?? { ...raw, best: null }) : raw;
    return best === null ? [] : [{ epoch, clean, robust, wRobust, best }];
  });
  const isBest = choices.some((choice) => choice.startsWith("best"));
  const found = (isBest ? lines.filter(({ best }) => best) : lines).at(-1);
  return found
    ? { epoch: found.epoch, clean: found.clean, robust: found.robust, wRobust: found.wRobust }
    : null;
}

/** What a run's page shows, as plain data: all its numbers and none of its pictures. */
export function runReportJson(report: RunReport, numbers: RunNumbers): object {
  const { folder, name, run, finished, metrics, examples, warnings } = report;
  const { accuracies, students, main, confusion, ...others } = numbers;
  const { settings, inputs } = run;
  return {
    ...{ run: folder, name, finished, settings, inputs },
    steps: metrics.steps.at(-1)?.step ?? 0,
    evaluations: metrics.evaluations,
    accuracies: accuracies.map(rowJson),
    students: students.map(({ rows, ...student }) => ({ ...student, measured: rows.map(rowJson) })),
    ofClasses: main && main.label,
    classes: others.classes,
    confusion: confusion?.counts ?? null,
    mistakes: others.mistakes,
    accuracyAgainstEpsilon: others.radius,
    accuracyAgainstSteps: others.steps,
    examples: examples && examplesJson(examples),
    warnings,
  };
}

/** A row of accuracies without the record that it is read from. */
export function rowJson({
  student,
  attack,
  label,
  norm,
  epsilon,
  images,
  clean,
  robust,
  wRobust,
  device,
}: AccuracyRow): object {
  return { student, attack, label, norm: norm ?? "linf", epsilon, images, clean, robust, wRobust, device };
}

function examplesJson({ attack, epsilon, examples }: Examples): object {
  return {
    ...{ attack, epsilon },
    images: examples.map(({ index, label, before, after, linf }) => ({ index, label, before, after, linf })),
  };
}
