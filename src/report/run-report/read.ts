import { basename, resolve } from "node:path";
import { findDataset, isBuiltIn } from "../../data/datasets.js";
import { readStoreRecord } from "../../data/store.js";
import { InputError } from "../../errors.js";
import { doubtsOf } from "../../evaluation/doubts.js";
import { evaluationOfRecord, warningTexts } from "../../evaluation/record.js";
import { type ParsedMetrics, readDamagedMetrics } from "../../run/metrics.js";
import { isRunFinished, readRun, RUN_FILES, type RunDescription } from "../../run/run-directory.js";
import { type Examples, readExamples } from "./examples.js";
import { radiusText } from "./share.js";
import { bestOf, type MeasuredStudent, readStudents, studentTitle } from "./students.js";

/** All that a run's folder says of it. */
export interface RunReport {
  readonly name: string;
  readonly folder: string;
  readonly run: RunDescription;
  readonly metrics: ParsedMetrics;
  readonly finished: boolean;
  readonly students: readonly MeasuredStudent[];
  /** The names of the classes, label 0 first; `class 0` and so on where the data set is not there as the run had it. */
  readonly classNames: readonly string[];
  /** How many test images the run measures on; null where the data set is not there. */
  readonly testImages: number | null;
  /** Adversarial examples of the best student, where such are kept. */
  readonly examples: Examples | null;
  /** What makes its numbers doubtful or incomplete, one sentence each. */
  readonly warnings: readonly string[];
}

/** How many of the gaps in a run's metrics are named. */
const MOST_GAPS = 5;

/**
 * Reads all that a run's folder holds for a report. No engine starts, and nothing is written.
 *
 * @param dataDir Where data sets are kept, for the names of classes.
 * @param say Called with messages for the user, such as about files that are damaged and not shown.
 * @throws {InputError} if the folder holds no run, or its settings or metrics cannot be read.
 */
export async function readRunReport(
  folder: string,
  { dataDir, say = () => undefined }: { readonly dataDir: string; readonly say?: (text: string) => void },
): Promise<RunReport> {
  const run = readRun(folder);
  const metrics = readDamagedMetrics(folder);
  const gaps = metrics.problems
    .slice(0, MOST_GAPS)
    .map((problem) => `${RUN_FILES.metrics} is not whole: ${problem}`);
  for (const gap of gaps) say(`warning: ${gap}; the rest is shown`);
  const students = await readStudents(folder, run, say);
  const best = bestOf(students);
  const classes = students[0]?.classes ?? run.inputs.shape?.classes ?? 0;
  return {
    name: basename(resolve(folder)),
    ...{ folder, run, metrics, students },
    finished: isRunFinished(folder),
    ...dataFacts(run, classes, dataDir),
    examples: best ? readExamples(folder, best, run.inputs.data, say) : null,
    warnings: [...new Set([...gaps, ...students.flatMap((student) => warningsOf(student, run))])],
  };
}

function warningsOf(student: MeasuredStudent, run: RunDescription): string[] {
  const { choices, records } = student;
  const own = [...records.flatMap(({ record }) => warningTexts(record)), ...comparisonsOf(student, run)];
  return choices.includes("best") ? own : own.map((text) => `${studentTitle(student)} student: ${text}`);
}

/** The doubts that arise from comparing attacks of one norm and epsilon with each other; they are named unless they are the run's own. */
function comparisonsOf({ records }: MeasuredStudent, { settings }: RunDescription): string[] {
  const usual = radiusText({ epsilon: settings.evaluationEpsilon });
  const attacked = records.flatMap(({ key, record }) =>
    key.epsilon === null
      ? []
      : [{ radius: radiusText({ norm: key.norm, epsilon: key.epsilon }), key, record }],
  );
  return [...new Set([usual, ...attacked.map(({ radius }) => radius)])].flatMap((radius) => {
    const measured = attacked.filter((each) => each.radius === radius);
    const doubts = doubtsOf(measured.map(({ key, record }) => evaluationOfRecord(key, record)));
    return radius === usual ? doubts : doubts.map((doubt) => `at epsilon ${radius}, ${doubt}`);
  });
}

/** What the data set's folder says, as far as it still holds what the run was trained on. */
function dataFacts(
  { settings, inputs }: RunDescription,
  classes: number,
  dataDir: string,
): Pick<RunReport, "classNames" | "testImages"> {
  const unnamed = Array.from({ length: classes }, (_, label) => `class ${label}`);
  const { dataset, limitTest } = settings;
  try {
    const record = readStoreRecord(dataset, dataDir);
    const isSame = record?.fingerprint === inputs.data;
    const known = isSame || isBuiltIn(dataset) ? findDataset(dataset, dataDir).classNames : [];
    return {
      classNames: known.length === classes ? known : unnamed,
      testImages: isSame ? Math.min(record.test, limitTest ?? Infinity) : null,
    };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    return { classNames: unnamed, testImages: null };
  }
}
