import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import type { AttackId } from "../attacks/attacks.js";
import type { AttackSettings } from "../attacks/attack.js";
import { findDataset, type DatasetId } from "../data/datasets.js";
import { openDataset } from "../data/store.js";
import { InputError } from "../errors.js";
import { evaluate } from "../evaluation/evaluate.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { exportSubject } from "../model/export.js";
import { attackTarget, openSubject, type KnownSubject, type SubjectTarget } from "../model/model.js";
import { sha256Of } from "../teacher/store.js";
import { prepareRun } from "../training/prepare.js";
import { readRun, RUN_FILES } from "../run/run-directory.js";
import { train } from "../training/train.js";
import { Stopped, type Places, type WorkEvents } from "./session.js";

/*
 * The work itself, which loads libtensorflow: kept apart from finding out whether there is any to do.
 */

/** A checkpoint at least so often, besides one every epoch. */
const CHECKPOINT_SECONDS = 120;

/** How far a run's training is. */
export interface TrainingProgress {
  readonly step: number;
  readonly steps: number;
  readonly epoch: number;
  readonly imagesPerSecond: number | null;
  /** Images evaluated since the last event. */
  readonly evaluated: number;
}

/**
 * Trains a run to its end, from where it is.
 *
 * @throws {Stopped} when asked to stop; everything is saved then.
 */
export async function trainRun(
  settings: TrainingSettings,
  folder: string,
  { dataDir, teachersDir, device }: Places,
  events: Pick<WorkEvents, "stopRequested">,
  onProgress: (progress: TrainingProgress) => void,
): Promise<void> {
  const resume = existsSync(join(folder, RUN_FILES.settings));
  const whole = resume ? asBegun(settings, folder) : settings;
  const run = await prepareRun(whole, { folder, dataDir, teachersDir, device, resume });
  try {
    const steps = settings.epochs * run.batches.stepsPerEpoch;
    const started = performance.now();
    let [images, evaluated, lastEpoch] = [0, 0, 0];
    let step = run.step;
    onProgress({ step, steps, epoch: lastEpoch, imagesPerSecond: null, evaluated: 0 });
    const { status } = await train(
      run,
      {
        onStep(event) {
          ({ step } = event);
          lastEpoch = event.epoch;
          images += event.images;
          const imagesPerSecond = images / ((performance.now() - started) / 1000);
          onProgress({ step, steps, epoch: lastEpoch, imagesPerSecond, evaluated: 0 });
        },
        onEvaluationProgress({ epoch, done }) {
          const since = done > evaluated ? done - evaluated : done;
          evaluated = done;
          onProgress({ step, steps, epoch, imagesPerSecond: null, evaluated: since });
        },
        onEvaluation: () => (evaluated = 0),
        stopRequested: () => events.stopRequested(),
      },
      CHECKPOINT_SECONDS,
    );
    if (status === "stopped") throw new Stopped();
  } finally {
    await run.close();
  }
}

/**
 * The settings a run was begun with, which has the same results by its key; its teachers may have been moved since.
 *
 * @throws {InputError} if the folder's run cannot be read.
 */
function asBegun({ cleanTeacher, robustTeacher }: TrainingSettings, folder: string): TrainingSettings {
  try {
    return { ...readRun(folder).settings, cleanTeacher, robustTeacher };
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const fix = `move ${folder} away, and the run is trained again`;
    throw new InputError(error.message, { ...error.detail, fix, cause: error });
  }
}

/** What to evaluate, and with what. */
export interface EvaluationRequest {
  /** A run, whose best student is meant, or a teacher. */
  readonly reference: string;
  readonly dataset: DatasetId;
  readonly attack: AttackId | null;
  readonly changes: Readonly<Partial<AttackSettings>>;
  readonly epsilon: number;
  readonly seed: number;
  readonly batchSize: number;
  readonly images: number;
  /** The classifier a transfer attack is made on. */
  readonly surrogate: string | null;
}

/**
 * Evaluates the best student of a run, or a teacher, on the first test images.
 *
 * @param onProgress Told how much of the evaluation is done, from 0 to 1, and how many images withstand so far.
 * @throws {Stopped} when asked to stop.
 */
export async function evaluateSubject(
  { reference, dataset, attack, changes, epsilon, seed, batchSize, images, surrogate }: EvaluationRequest,
  { teachersDir, dataDir, device }: Places,
  events: Pick<WorkEvents, "stopRequested">,
  onProgress: (share: number, robust: number) => void,
): Promise<Evaluation> {
  const { image } = findDataset(dataset);
  const { test } = openDataset(dataset, dataDir, { test: images });
  const targets: SubjectTarget[] = [];
  const open = async (name: string): Promise<SubjectTarget> => {
    const subject = await openSubject(name, { teachersDir, dataset, checkpoint: "best" });
    const target = await attackTarget(subject, device);
    targets.push(target);
    return target;
  };
  try {
    const target = await open(reference);
    const settings = {
      attacks: attack === null ? [] : [attack],
      epsilon,
      batchSize,
      seed,
      ...(attack === null ? {} : { changes: { [attack]: changes } }),
      ...(surrogate === null ? {} : { surrogate: await open(surrogate) }),
    };
    return await evaluate(target, test, image, settings, ({ share, pass }) => {
      if (events.stopRequested()) throw new Stopped();
      onProgress(share, pass.robust);
    });
  } finally {
    for (const target of targets) target.dispose();
  }
}

/** The best student of a run as an ONNX file in its folder, for use as a teacher; made if it is not there. */
export async function exportTeacher(folder: string, places: Places): Promise<string> {
  const path = join(folder, `${sha256Of(readFileSync(join(folder, RUN_FILES.best))).slice(0, 10)}.onnx`);
  if (!existsSync(path)) await exportSubject(await bestStudent(folder, places), "onnx", path);
  return path;
}

async function bestStudent(folder: string, { teachersDir }: Places): Promise<KnownSubject> {
  const subject = await openSubject(folder, { teachersDir, checkpoint: "best" });
  if (subject.kind === "foreign") throw new Error(`${folder} is no run`);
  return subject;
}
