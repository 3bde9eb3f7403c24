import { findDataset } from "../data/datasets.js";
import { studentDevice } from "../runtime/device.js";
import { tf } from "../runtime/tensorflow.js";
import type { Network } from "../graph/network.js";
import { parseNetwork } from "../graph/schema.js";
import { type Method, type StepReport, teacherRolesOf } from "../methods/method.js";
import { type MethodId, methodOf, methods } from "../methods/methods.js";
import { askedTeachers, departuresOf } from "../recipes/departures.js";
import { recipe } from "../recipes/recipes.js";
import {
  parseSetting,
  parseSettings,
  type Recipe,
  recipeSettingNames,
  type TrainingSettings,
} from "../recipes/settings.js";
import { studentOf } from "../recipes/teachers.js";
import { namedOrUsualTeachers } from "../recipes/usual-teachers.js";
import type { Reading } from "../recipes/readings.js";
import type { DeviceRequest } from "../runtime/device.js";
import type { BestEvaluation } from "../run/checkpoint.js";
import type { InitRequest } from "../training/initial-student.js";
import { networkSha256 } from "../run/own-network.js";
import { networkNamed } from "../networks/networks.js";
import { runName } from "../run/run-directory.js";
import { prepareRun } from "../training/prepare.js";
import { type MeasuredStudent, train as trainRun } from "../training/train.js";
import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { checkedMethod } from "./own-method.js";
import { idOfPart } from "./own-id.js";
import { type DatasetOption, type Places, placesOf, prepareEngines } from "./places.js";
import type { StopSignal } from "./stop.js";

/** What is trained, on what, and how; only `dataset` has no default. */
export interface TrainOptions extends Places {
  readonly dataset: DatasetOption;
  /** An id, or a method of your own; `b-mtard` by default. */
  readonly method?: MethodId | Method | undefined;
  /** The id of a network, or a layer graph of your own; the paper's for the data set by default. */
  readonly student?: string | Network | undefined;
  /** A teacher's name, folder or .onnx file; the paper's for the data set by default, where the method asks one. */
  readonly cleanTeacher?: string | undefined;
  readonly robustTeacher?: string | undefined;
  /**
   * What the student starts from: a file of weights, a run, a teacher, or an .onnx file that mtard wrote. Its classifier is `kept`, or `new`
   * and drawn afresh. The normalisation inside comes with the weights. By default all weights are drawn from the seed.
   */
  readonly init?: InitRequest | undefined;
  /** Instead of the recipe's; milestones keep their share. */
  readonly epochs?: number | undefined;
  /** Of everything random in the run; 0 by default. */
  readonly seed?: number | undefined;
  /** The first images only. */
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
  /** Whose settings where sources disagree; `paper` by default. */
  readonly reading?: Reading | undefined;
  /** Changes to the recipe's settings; `recipe()` says what they are. */
  readonly settings?: Partial<Recipe> | undefined;
  /** The run's folder; `runs/DATASET-METHOD-STUDENT-seedS` by default. */
  readonly out?: string | undefined;
  /** Whether to go on where the run in that folder stopped; false by default. */
  readonly resume?: boolean | undefined;
  /** Where it runs: `auto` (the default), `cpu` or `cuda`. */
  readonly device?: DeviceRequest | undefined;
  /** Seconds between checkpoints, besides one every epoch; 300 by default. */
  readonly checkpointSeconds?: number | undefined;
  /** Whether to write event files for TensorBoard into the run's folder; true by default. */
  readonly tensorboard?: boolean | undefined;
  /** Saves and stops after the current step. */
  readonly signal?: StopSignal | undefined;
  /** Called after every step, during evaluations, and after each. */
  readonly onProgress?: ((progress: TrainingProgress) => void) | undefined;
}

/**
 * How far a training is: a step, images of an evaluation, or an evaluation's outcome; what was damaged in a run's folder and mended; and
 * what went wrong beside the training, which goes on.
 */
export type TrainingProgress =
  | {
      readonly kind: "step";
      readonly epoch: number;
      readonly step: number;
      /** How many steps the whole run has. */
      readonly steps: number;
      readonly report: StepReport;
    }
  | {
      readonly kind: "evaluating";
      readonly epoch: number;
      readonly done: number;
      readonly total: number;
      /** Whether these are the averaged weights, which are measured after the raw ones where the run keeps them. */
      readonly averaged: boolean;
    }
  | ({ readonly kind: "evaluated"; readonly averaged?: MeasuredStudent } & MeasuredStudent & BestEvaluation)
  | { readonly kind: "repaired"; readonly text: string }
  | { readonly kind: "warning"; readonly text: string };

/** How a training ended. */
export interface TrainingResult {
  /** `stopped` if the signal stopped it; then everything is saved, and `resume` goes on. */
  readonly status: "finished" | "stopped";
  /** The run's folder: `openModel(folder)` opens its best student. */
  readonly folder: string;
  readonly step: number;
  readonly best: BestEvaluation | null;
  /** The best evaluation of the averaged weights; null where the run keeps none (`ema` is 0). */
  readonly bestAveraged: BestEvaluation | null;
  readonly settings: TrainingSettings;
  /** What makes its numbers other than the recipe's, one sentence each: another batch size, or a teacher that is not the paper's. */
  readonly departures: readonly string[];
}

/**
 * Trains a student, and keeps everything in a run's folder.
 *
 * @throws {InputError} if an option is wrong, a part does not fit the data set, or the folder holds another run; {@link WorkError} if the
 * loss is not finite or the disk refuses.
 */
export async function train(options: TrainOptions): Promise<TrainingResult> {
  const { own: method, id } = idOfPart(options.method ?? "b-mtard", methods, "method");
  const network =
    typeof options.student === "object" ? parseNetwork(options.student, "the student") : undefined;
  const dataset = typeof options.dataset === "string" ? undefined : options.dataset;
  if (network) requireOwnId(network);
  const settings = settingsOf(options, id, method);
  const roles = teacherRolesOf(method ?? methodOf(id));
  const departures = departuresOf(settings, askedTeachers(settings, roles, placesOf(options).teachersDir));
  const folder = options.out ?? `runs/${runName(settings)}`;
  const device = prepareEngines(options.device);
  studentDevice(tf, device);
  const places = {
    ...placesOf(options),
    folder,
    device,
    resume: options.resume ?? false,
    init: options.init,
    tensorboard: options.tensorboard,
  };
  const run = await prepareRun(settings, places, {
    method: method ? checkedMethod(method) : undefined,
    network,
    dataset,
  });
  const { signal, onProgress: tell = () => undefined, checkpointSeconds = 300 } = options;
  const steps = settings.epochs * run.batches.stepsPerEpoch;
  try {
    for (const text of run.repairs) tell({ kind: "repaired", text });
    const {
      status,
      step,
      best,
      bestAveraged = null,
    } = await trainRun(
      run,
      {
        onStep: ({ epoch, step: now, report }) => tell({ kind: "step", epoch, step: now, steps, report }),
        onEvaluationProgress: (event) => tell({ kind: "evaluating", ...event }),
        onEvaluation: (event) => tell({ kind: "evaluated", ...event }),
        onWarning: (text) => tell({ kind: "warning", text }),
        stopRequested: () => signal?.aborted ?? false,
      },
      checkpointSeconds,
    );
    return { status, folder, step, best, bestAveraged, settings, departures };
  } finally {
    await run.close();
  }
}

/** A network of the caller's own must not be taken for one of mtard's, which its id would name. */
function requireOwnId(network: Network): void {
  const named = networkNamed(network.id, { image: network.input, classes: network.classes });
  if (!named || networkSha256(named) === networkSha256(network)) return;
  throw new InputError(`a network of your own cannot be called "${network.id}"`, {
    expected: "an id that none of mtard's networks has",
    found: `other layers than those of mtard's ${network.id}`,
  });
}

/** The recipe's settings, overridden by the call's. */
function settingsOf(options: TrainOptions, method: string, own: Method | null): TrainingSettings {
  const { dataset: data, student: network, reading = "paper", epochs, settings = {} } = options;
  const { dataDir, teachersDir } = placesOf(options);
  const dataset = typeof data === "string" ? findDataset(data, dataDir).id : data.description.id;
  const student = typeof network === "object" ? network.id : (network ?? studentOf(dataset));
  const unknown = Object.keys(settings).find((name) => !(recipeSettingNames as string[]).includes(name));
  if (unknown !== undefined)
    throw new InputError(`settings has no "${unknown}"${didYouMean(unknown, recipeSettingNames)}`, {
      expected: recipeSettingNames.join(", "),
      found: unknown,
    });
  return parseSettings({
    ...recipe(
      { dataset, method, student, reading },
      epochs === undefined ? epochs : parseSetting("epochs", epochs, "epochs"),
    ),
    dataset,
    method,
    student,
    reading,
    ...namedOrUsualTeachers(dataset, teacherRolesOf(own ?? methodOf(method)), options, teachersDir),
    seed: options.seed ?? 0,
    limitTrain: options.limitTrain ?? null,
    limitTest: options.limitTest ?? null,
    ...settings,
  });
}
