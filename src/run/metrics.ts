import { join } from "node:path";
import { z } from "zod";
import { InputError, WorkError } from "../errors.js";
import { readTextFile } from "../files/read-text.js";
import { systemCodeOf } from "../files/system-error.js";
import { quoted } from "../weights/source-file.js";
import { RUN_FILES } from "./run-directory.js";

/** What a run reported of every step and every evaluation. */
export interface RunMetrics {
  readonly steps: readonly StepLine[];
  readonly evaluations: readonly EvaluationLine[];
}

const stepLine = z
  .object({ epoch: z.int().positive(), step: z.int().positive() })
  .catchall(z.union([z.number(), z.null()]));

const measured = z.object({ clean: z.number(), robust: z.number(), wRobust: z.number(), best: z.boolean() });

const evaluationLine = z.object({
  epoch: z.int().positive(),
  step: z.int().nonnegative(),
  ...measured.shape,
  averaged: measured.optional(),
});

/** What a step reported, by name: losses, temperatures, weights, entropies, the learning rate; null for what is not finite. */
export interface StepLine extends z.infer<typeof stepLine> {}
/** What an evaluation in training found, of the averaged weights too where the run keeps them; accuracies are fractions. */
export interface EvaluationLine extends z.infer<typeof evaluationLine> {}

/** The lines of a metrics file that can be read, and what is wrong with the others. */
export interface ParsedMetrics extends RunMetrics {
  /** A sentence for each line that is not of metrics, and for each gap in the steps. */
  readonly problems: readonly string[];
  /** Whether the last line was cut short; it is left out. */
  readonly torn: boolean;
}

/**
 * Reads the metrics that `mtard train` wrote; a last line that was cut short is left out.
 *
 * @throws {InputError} if the file cannot be read, naming a line that is not of metrics, or steps that are missing.
 */
export function readMetrics(folder: string): RunMetrics {
  const path = join(folder, RUN_FILES.metrics);
  const { steps, evaluations, problems } = parseMetrics(readMetricsFile(path));
  const [first] = problems;
  if (first === undefined) return { steps, evaluations };
  throw new InputError(`${path} is not whole`, {
    expected: "a line for every step and evaluation, as mtard train wrote them",
    found: `${first}${problems.length > 1 ? `, and ${problems.length - 1} more like it` : ""}`,
    fix: "train the run again in another folder",
  });
}

/**
 * Reads what can be read of a run's metrics.
 *
 * @throws {InputError} if the file cannot be read at all.
 */
export function readDamagedMetrics(folder: string): ParsedMetrics {
  return parseMetrics(readMetricsFile(join(folder, RUN_FILES.metrics)));
}

/**
 * Reads a run's evaluations alone, which takes a fraction of the time that all its metrics do.
 *
 * @throws {InputError} if the file cannot be read.
 */
export function readEvaluations(folder: string): EvaluationLine[] {
  // A step's line has names of methods' values, none of which is this one.
  const lines = readMetricsFile(join(folder, RUN_FILES.metrics))
    .split("\n")
    .filter((line) => line.includes('"wRobust"'));
  return lines.flatMap((line) => {
    const evaluation = evaluationLine.safeParse(parseLine(line));
    return evaluation.success ? [evaluation.data] : [];
  });
}

/** The metrics in a text, line by line. */
export function parseMetrics(text: string): ParsedMetrics {
  const lines = text.split("\n");
  const torn = lines.pop() !== "";
  const steps: StepLine[] = [];
  const evaluations: EvaluationLine[] = [];
  const problems: string[] = [];
  let next = 1;
  for (const [index, line] of lines.entries()) {
    const content = parseLine(line);
    const evaluation = evaluationLine.safeParse(content);
    if (evaluation.success) {
      evaluations.push(evaluation.data);
      continue;
    }
    const step = stepLine.safeParse(content);
    if (!step.success) {
      problems.push(`line ${index + 1} is not of metrics: ${quoted(line)}`);
      continue;
    }
    const { step: number } = step.data;
    if (number > next) problems.push(missingSteps(next, number - 1));
    else if (number < next) problems.push(`line ${index + 1} is of step ${number} once more`);
    next = Math.max(next, number + 1);
    steps.push(step.data);
  }
  return { steps, evaluations, problems, torn };
}

/** Says that a file of metrics lacks steps. */
export function missingSteps(first: number, last: number): string {
  return first === last ? `no line of step ${first}` : `no lines of steps ${first} to ${last}`;
}

/** A step takes some 300 bytes; no text can be longer than this. */
const MOST_BYTES = 2 ** 29 - 25;

function readMetricsFile(path: string): string {
  try {
    return readTextFile(path, MOST_BYTES);
  } catch (cause) {
    if (cause instanceof WorkError && systemCodeOf(cause) !== "ENOENT") throw cause;
    throw new InputError(`${path} cannot be read`, {
      expected: "the metrics of a run",
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "mtard train --out DIR makes a run",
      cause,
    });
  }
}

/** The step that a line of metrics is of, or null. Nothing else of it is checked, so that many can be read in little time. */
export function stepIn(
  line: string,
): (Readonly<Record<string, unknown>> & { epoch: number; step: number }) | null {
  const content = parseLine(line);
  if (typeof content !== "object" || content === null || Array.isArray(content)) return null;
  const { epoch, step } = content as Record<string, unknown>;
  const isCount = (value: unknown): value is number => Number.isSafeInteger(value) && Number(value) > 0;
  return isCount(epoch) && isCount(step) ? (content as { epoch: number; step: number }) : null;
}

/** The evaluation that a line of metrics is of, or null. */
export function evaluationIn(line: string): EvaluationLine | null {
  return evaluationLine.safeParse(parseLine(line)).data ?? null;
}

function parseLine(line: string): unknown {
  try {
    return JSON.parse(line);
  } catch {
    return null;
  }
}

/** A point of a curve: `x` is the time in epochs, a fraction within one. */
export interface Point {
  readonly x: number;
  readonly y: number;
}

/** The fewest points of a curve, where there are as many steps. */
const FEWEST_POINTS = 60;

/**
 * A reported value over the training, averaged over each epoch or, where epochs are few, over equal parts of an epoch. Each average
 * stands at the end of its part.
 *
 * @param name Such as `lossTotal`; steps that did not report it are left out.
 */
export function curveOf(steps: readonly StepLine[], name: string): Point[] {
  const last = steps.at(-1);
  const first = steps[0];
  if (!first || !last) return [];
  const stepsPerEpoch = Math.max(...epochLengths(steps));
  const parts = Math.min(stepsPerEpoch, Math.ceil(FEWEST_POINTS / last.epoch));
  const sums = new Map<number, { sum: number; count: number }>();
  for (const step of steps) {
    const value = step[name];
    if (typeof value !== "number") continue;
    const within = (step.step - 1 - (step.epoch - 1) * stepsPerEpoch) / stepsPerEpoch;
    const part = Math.floor((step.epoch - 1 + within) * parts + 1e-9) + 1;
    const entry = sums.get(part) ?? { sum: 0, count: 0 };
    sums.set(part, { sum: entry.sum + value, count: entry.count + 1 });
  }
  return [...sums]
    .sort(([left], [right]) => left - right)
    .map(([part, { sum, count }]) => ({ x: part / parts, y: sum / count }));
}

/**
 * The mean of a reported value over the run's last epoch.
 *
 * @throws {InputError} if no step of that epoch reported the value.
 */
export function finalEpochMean({ steps }: RunMetrics, name: string): number {
  const last = steps.at(-1)?.epoch;
  const values = steps
    .filter((step) => step.epoch === last)
    .map((step) => step[name])
    .filter((value) => typeof value === "number");
  if (values.length === 0) {
    throw new InputError(`the run reported no ${name}`, {
      expected: "a run of a method that reports it",
      found: `steps with ${Object.keys(steps.at(-1) ?? {}).join(", ")}`,
    });
  }
  return values.reduce((left, right) => left + right, 0) / values.length;
}

function epochLengths(steps: readonly StepLine[]): Iterable<number> {
  const lengths = new Map<number, number>();
  for (const { epoch } of steps) lengths.set(epoch, (lengths.get(epoch) ?? 0) + 1);
  return lengths.values();
}
