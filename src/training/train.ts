import { join } from "node:path";
import { setImmediate as eventsPass } from "node:timers/promises";
import { WorkError } from "../errors.js";
import { imagesOf } from "../evaluation/images.js";
import { measure } from "../evaluation/measure.js";
import type { StepReport } from "../methods/method.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";
import { inferenceStudent, MEASURED } from "../student/inference.js";
import { averageDecay, moveAverage } from "../student/average.js";
import { type Parameters, replaceParameter, weightsFromParameters } from "../student/parameters.js";
import { TeacherStopped } from "../teacher/bridge.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { writeFileAtomically } from "../files/atomic.js";
import { saveBest, saveCheckpoint, type BestEvaluation } from "../run/checkpoint.js";
import { type EventFiles, openEventFiles } from "../run/tensorboard.js";
import { type AdversarialExamples, firstExamples } from "./adversarial-examples.js";
import type { PreparedRun } from "./prepare.js";
import { type BestFile, problemOfBest, RUN_FILES } from "../run/run-directory.js";
import { isEvaluated, rateScale, SELECTION_ATTACK } from "./schedule.js";
import { trainingStep, type StepSettings } from "./step.js";

/** What a run tells while it works. */
export interface TrainingEvents {
  onStep(event: { epoch: number; step: number; images: number; report: StepReport }): void;
  /** `averaged` tells the images of the averaged weights, which come after those of the raw ones, from theirs. */
  onEvaluationProgress(event: { epoch: number; done: number; total: number; averaged: boolean }): void;
  /** `averaged` is there where the run keeps averaged weights. */
  onEvaluation(event: { epoch: number; averaged?: MeasuredStudent } & MeasuredStudent): void;
  /** Told what went wrong beside the training, which goes on. */
  onWarning(text: string): void;
  /** Asked after every step and every evaluation batch: true to save and stop. */
  stopRequested(): boolean;
}

/** What an evaluation found of one of a run's students; accuracies are fractions. */
export interface MeasuredStudent {
  readonly clean: number;
  readonly robust: number;
  readonly wRobust: number;
  /** Whether none of its kind was better before. */
  readonly best: boolean;
}

/** How a run ended. */
export interface TrainingSummary {
  readonly status: "finished" | "stopped";
  readonly step: number;
  readonly best: BestEvaluation | null;
  /** The best evaluation of the averaged weights; absent where the run keeps none. */
  readonly bestAveraged?: BestEvaluation | null;
}

/**
 * Trains until the last epoch, or until asked to stop; everything is on the disk when it returns.
 *
 * @param checkpointSeconds Seconds between checkpoints, besides the one after every epoch.
 * @throws {WorkError} if the loss is not finite or the disk refuses; the last checkpoint is named and stays good.
 */
export async function train(
  run: PreparedRun,
  events: TrainingEvents,
  checkpointSeconds: number,
): Promise<TrainingSummary> {
  const board = run.tensorboard
    ? openEventFiles(run.folder, run.settings, (text) => events.onWarning(text))
    : null;
  try {
    return await trainOn(run, board, events, checkpointSeconds);
  } finally {
    board?.close();
  }
}

async function trainOn(
  run: PreparedRun,
  board: EventFiles | null,
  events: TrainingEvents,
  checkpointSeconds: number,
): Promise<TrainingSummary> {
  const { settings, trainee, average, batches, metrics, folder } = run;
  const { network, parameters } = trainee;
  let { step, evaluationDue } = run;
  const bests: Record<BestFile, BestEvaluation | null> = { best: run.best, bestAveraged: run.bestAveraged };
  let upcoming = lookAhead(run);
  let savedAt = performance.now();
  const began = performance.now() - 1000 * run.seconds;
  const seconds = (): number => Math.round(performance.now() - began) / 1000;

  function save(): void {
    const metricsBytes = metrics.sync();
    const progress = {
      step,
      batches: upcoming.state,
      method: trainee.state,
      ...kept(),
      evaluationDue,
      metricsBytes,
      seconds: seconds(),
    };
    saveCheckpoint(folder, network, { ...trainee, average }, progress);
    board?.flush();
    savedAt = performance.now();
  }
  /** The best evaluations; runs without averaged weights do not name those. */
  function kept(): Pick<TrainingSummary, "best" | "bestAveraged"> {
    const { best, bestAveraged } = bests;
    return average ? { best, bestAveraged } : { best };
  }
  /** Takes an evaluation's accuracies, and saves the student if none of its kind was better. */
  function rank(file: BestFile, epoch: number, found: Accuracies, from: Parameters): MeasuredStudent {
    const before = bests[file];
    if (before !== null && found.wRobust <= before.wRobust) return { ...found, best: false };
    const best = { epoch, ...found };
    saveBest(folder, file, weightsFromParameters(network, from), settings, best);
    bests[file] = best;
    return { ...found, best: true };
  }
  function write(line: Readonly<Record<string, unknown>>): void {
    metrics.append(line);
    board?.append(line);
  }
  if (!run.resumed) save();

  for (;;) {
    if (evaluationDue) {
      const epoch = upcoming.batch.epoch;
      const examples = board && firstExamples(settings.evaluationEpsilon);
      const found = await evaluateStudent(run, parameters, epoch, events, examples);
      const ofAverage = found && average && (await evaluateStudent(run, average, epoch, events));
      if (!found || (average && !ofAverage)) return { status: "stopped", step, ...kept() };
      const measured = rank("best", epoch, found, parameters);
      const averaged =
        average && ofAverage ? { averaged: rank("bestAveraged", epoch, ofAverage, average) } : {};
      const { selection } = settings;
      if (examples) await board.picture(step, () => examples.draw());
      write({ epoch, step, ...measured, ...averaged, selection, seconds: seconds() });
      events.onEvaluation({ epoch, ...measured, ...averaged });
      evaluationDue = false;
      save();
    }
    if (upcoming.batch.epoch >= settings.epochs) break;
    if (events.stopRequested()) {
      save();
      return { status: "stopped", step, ...kept() };
    }

    const { batch } = upcoming;
    const epoch = batch.epoch + 1;
    const inForce = settingsOfEpoch(settings, epoch);
    const begun = upcoming;
    const statistics = keepStatistics(trainee.parameters);
    const report = await reportingLastCheckpoint(folder, () =>
      trainingStep(trainee, batch, inForce, () => (upcoming = lookAhead(run))).catch((error: unknown) => {
        if (!(error instanceof TeacherStopped)) throw error;
        // No weight has moved, but the student's statistics have: what is kept is the last whole step.
        statistics.restore();
        upcoming = begun;
        save();
        throw error;
      }),
    ).finally(() => statistics.dispose());
    step++;
    if (average) moveAverage(average, parameters, averageDecay(settings.ema, step));
    write({ epoch, step, ...report, learningRate: inForce.sgd.learningRate, seconds: seconds() });
    events.onStep({ epoch, step, images: batch.count, report });

    if (batch.step === batches.stepsPerEpoch - 1) {
      const { method, state } = trainee;
      if (method.nextEpoch)
        trainee.state = method.nextEpoch(state, settingsOfEpoch(settings, epoch + 1).method);
      evaluationDue = isEvaluated(epoch, settings);
      save();
    } else if (performance.now() - savedAt > checkpointSeconds * 1000) {
      save();
    }
    await eventsPass();
  }
  for (const file of ["best", "bestAveraged"] as const) requireBest(folder, file, bests[file]);
  const summary = { status: "finished", step, ...kept() } as const;
  writeFileAtomically(join(folder, RUN_FILES.summary), `${JSON.stringify(summary, null, 2)}\n`);
  board?.finish(step);
  return summary;
}

/** Keeps the running statistics of batch norm, which a step moves before it knows whether it can be finished. */
function keepStatistics(parameters: Map<string, Tensor>): { restore(): void; dispose(): void } {
  const kept = [...parameters].filter(([name]) => /\.running_(mean|var)$/.test(name));
  const copies = kept.map(([name, tensor]) => [name, tensor.clone()] as const);
  return {
    restore() {
      for (const [name, copy] of copies) replaceParameter(parameters, name, copy.clone());
    },
    dispose: () => tf.dispose(copies.map(([, copy]) => copy)),
  };
}

/** The next batch, and the state to save until it is trained on. */
function lookAhead({ batches }: PreparedRun): {
  batch: ReturnType<PreparedRun["batches"]["next"]>;
  state: PreparedRun["batches"]["state"];
} {
  const { state } = batches;
  return { state, batch: batches.next() };
}

/** The rates in force in an epoch, counted from 1. */
export function settingsOfEpoch(settings: TrainingSettings, epoch: number): StepSettings {
  const scale = rateScale(epoch, settings.milestones);
  return {
    method: {
      ...settings,
      weightRate: settings.weightRate * scale,
      temperatureRate: settings.temperatureRate * scale,
    },
    sgd: { ...settings, learningRate: settings.learningRate * scale },
  };
}

type Accuracies = Omit<MeasuredStudent, "best">;

/** Measures the clean and robust accuracy of the student with these weights; null if asked to stop meanwhile. */
async function evaluateStudent(
  { selectionSplit, settings, trainee, average, dataset }: PreparedRun,
  parameters: Parameters,
  epoch: number,
  events: TrainingEvents,
  examples: AdversarialExamples | null = null,
): Promise<Accuracies | null> {
  const { evaluationEpsilon: epsilon, evaluationBatch: batchSize, seed } = settings;
  const { evaluationWrongWhenClean: wrongWhenClean, evaluationUniformStart: uniformStart } = settings;
  const images = imagesOf(selectionSplit, dataset.description, dataset.fingerprint);
  const student = inferenceStudent(trainee.network, parameters, MEASURED);
  const { evaluation } = await measure(
    {
      identity: UNSAVED,
      classes: student.classes,
      target: () => Promise.resolve({ ...student, runsOn: "" }),
    },
    images,
    {
      attacks: [SELECTION_ATTACK],
      ...{ epsilon, batchSize, seed, wrongWhenClean, uniformStart, checks: false },
    },
    null,
    {
      onProgress({ done, total }) {
        if (events.stopRequested()) throw new StopRequest();
        events.onEvaluationProgress({ epoch, done, total, averaged: parameters === average });
      },
      onAdversarial: (_, indexes, found) => examples?.take(images, indexes, found),
    },
  )
    .catch((error: unknown) => {
      if (error instanceof StopRequest) return { evaluation: null };
      throw error;
    })
    .finally(() => student.dispose());
  if (!evaluation) return null;
  const robust = evaluation.attacks[SELECTION_ATTACK];
  if (!robust) throw new Error(`the evaluation did not run ${SELECTION_ATTACK}`);
  return { clean: evaluation.clean.accuracy, robust: robust.accuracy, wRobust: robust.wRobust };
}

/** A student in training changes with every step: it has no identity, and its results are not kept. */
const UNSAVED = "";

class StopRequest extends Error {}

/** A run whose best student was lost earlier, and never surpassed since, is not finished. */
function requireBest(folder: string, file: BestFile, best: BestEvaluation | null): void {
  const problem = best === null ? null : problemOfBest(folder, file);
  if (best === null || problem === null) return;
  const student = file === "best" ? "best student" : "best student of averaged weights";
  throw new WorkError(`the run is trained to its end, but its ${student}, of epoch ${best.epoch}, is lost`, {
    expected: join(folder, RUN_FILES[file]),
    found: problem,
    fix: "put the file back; without it, the same command with --resume trains the run again from its beginning",
  });
}

async function reportingLastCheckpoint<T>(folder: string, work: () => Promise<T>): Promise<T> {
  try {
    return await work();
  } catch (error) {
    if (!(error instanceof WorkError)) throw error;
    const { fix, ...detail } = error.detail;
    const resume = `the last good checkpoint is ${join(folder, RUN_FILES.last)}; --resume goes on from it`;
    throw new WorkError(error.message, { ...detail, fix: fix === undefined ? resume : `${resume}; ${fix}` });
  }
}
