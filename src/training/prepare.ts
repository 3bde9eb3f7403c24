import { createTrainingBatches, type TrainingBatches } from "../data/batches.js";
import { type Augmentation, classifierShape, findDataset } from "../data/datasets.js";
import { limitDataset, openDataset, sliceSplit, type Dataset, type Split } from "../data/store.js";
import { InputError } from "../errors.js";
import { initialWeights } from "../graph/initialize.js";
import type { Network } from "../graph/network.js";
import type { Weights } from "../graph/parameters.js";
import {
  savedState,
  teacherRoles,
  teacherRolesOf,
  type Method,
  type TeacherRole,
} from "../methods/method.js";
import { methodOf } from "../methods/methods.js";
import { createNetwork } from "../networks/networks.js";
import { type ClassifierShape, misfitOf } from "../onnx/signature.js";
import { changedSettings } from "../recipes/recipes.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { allowTf32, requireArithmetic } from "../runtime/arithmetic.js";
import { type DeviceRequest, studentDevice } from "../runtime/device.js";
import { forgetCompiled } from "../runtime/compiled.js";
import { tf } from "../runtime/tensorflow.js";
import { type HeldLock, takeLock, workingLock } from "../files/lock.js";
import { Random } from "../runtime/random.js";
import { initialAverage } from "../student/average.js";
import {
  disposeParameters,
  parametersFromWeights,
  type Parameters,
  tensorsFromWeights,
} from "../student/parameters.js";
import { initialMomenta } from "../student/sgd.js";
import { openTeacher, type Teacher } from "../teacher/bridge.js";
import { teacherSha256 } from "../teacher/load.js";
import { findTeacher } from "../teacher/reference.js";
import type { BestEvaluation, Checkpoint, TrainedTensors } from "../run/checkpoint.js";
import { type MetricsFile, openMetrics } from "../run/metrics-file.js";
import { recoverRun } from "../run/recover.js";
import { networkSha256, saveOwnNetwork } from "../run/own-network.js";
import {
  openRunDirectory,
  requireRunPlace,
  trainFurther,
  type InitialWeights,
  type Schedule,
} from "../run/run-directory.js";
import { initialStudent, type InitRequest } from "./initial-student.js";
import type { Trainee } from "./trainee.js";

/** A run ready to train, fresh or where its checkpoint left it. */
export interface PreparedRun {
  readonly folder: string;
  readonly settings: TrainingSettings;
  readonly dataset: Dataset;
  /** The images to evaluate on, chosen by `settings.selection`. */
  readonly selectionSplit: Split;
  readonly trainee: Trainee;
  /** The moving average of the student's weights and statistics, where the settings ask for one. */
  readonly average: Parameters | null;
  readonly batches: TrainingBatches;
  readonly metrics: MetricsFile;
  /** Whether TensorBoard's event files are written beside the metrics. */
  readonly tensorboard: boolean;
  readonly step: number;
  /** How long it was worked on before. */
  readonly seconds: number;
  readonly best: BestEvaluation | null;
  /** The best evaluation of the averaged weights. */
  readonly bestAveraged: BestEvaluation | null;
  readonly evaluationDue: boolean;
  readonly resumed: boolean;
  /** What was found damaged in the run's folder, and what was done about it. */
  readonly repairs: readonly string[];
  /** The schedule it was finished by, where it is trained further. */
  readonly finishedBy: Schedule | null;
  /** The weights its student started from, or null where the seed drew them. */
  readonly init: InitialWeights | null;
  /** What a person may want to know of the file that they came from. */
  readonly initNotes: readonly string[];
  /** Frees tensors, teachers and files. */
  close(): Promise<void>;
}

/** @throws {InputError} if the device lacks the arithmetic that the settings ask for; {@link WorkError} if there is no such device. */
function requirePrecision(settings: TrainingSettings, device: DeviceRequest): void {
  const { precision, attackPrecision } = settings;
  allowTf32(precision === "tf32");
  if (precision === "float32" && attackPrecision === "float32") return;
  requireArithmetic(settings, studentDevice(tf, device));
}

/** Parts of a run that are values, in place of what the settings' ids name. */
export interface OwnParts {
  /** The method; `settings.method` is then only what it is called. */
  readonly method?: Method | undefined;
  /** The student; `settings.student` is its id. */
  readonly network?: Network | undefined;
  /** The data, opened; `settings.dataset` is its id, and the limits apply to it. */
  readonly dataset?: Dataset | undefined;
}

/** Where a run's files are and what it runs on. */
export interface RunPlaces {
  readonly folder: string;
  readonly dataDir: string;
  readonly teachersDir: string;
  readonly device: DeviceRequest;
  readonly resume: boolean;
  /** What the student starts from; drawn from the seed if left out. */
  readonly init?: InitRequest | undefined;
  /** Whether to write event files for TensorBoard; true if left out. Those that are there stay in any case. */
  readonly tensorboard?: boolean | undefined;
  /** The lock of the folder, if the caller has it already; it goes with the run from then on. */
  readonly lock?: HeldLock | undefined;
}

/**
 * Opens data, teachers, student and run directory of a run; nothing is written before all of them fit together.
 *
 * @throws {InputError} if a name is unknown, a teacher does not fit the data set, or the directory holds another run.
 */
export async function prepareRun(
  settings: TrainingSettings,
  places: RunPlaces,
  own: OwnParts = {},
): Promise<PreparedRun> {
  const method: Method = own.method ?? methodOf(settings.method);
  const description = own.dataset?.description ?? findDataset(settings.dataset, places.dataDir);
  const shape = classifierShape(description);
  const plain = own.network ?? createNetwork(settings.student, shape);
  requireFitting(plain, shape);
  requirePrecision(settings, places.device);
  const needed = teacherRolesOf(method);
  requireTeachers(settings, needed);
  const { limitTrain, limitTest } = settings;
  const limits = {
    ...(limitTrain === null ? {} : { train: limitTrain }),
    ...(limitTest === null ? {} : { test: limitTest }),
  };
  const dataset = own.dataset
    ? limitDataset(own.dataset, limits)
    : openDataset(settings.dataset, places.dataDir, limits);
  const { train, selectionSplit } = splitsOf(dataset, settings);
  const { init, teachersDir } = places;
  const fresh = Random.fromSeed(settings.seed, INITIALIZATION_STREAM);
  const initial = init ? await initialStudent(plain, init, teachersDir, fresh) : null;
  const network = initial?.network ?? plain;

  requireRunPlace(places.folder);
  // Before anything there is looked at.
  const lock =
    places.lock ??
    takeLock(workingLock(places.folder), {
      busy: `another mtard is working in ${places.folder}`,
      ...LOCK_RULE,
    });
  const teachers: Teacher[] = [];
  const open = async (named: string | null): Promise<Teacher | null> => {
    if (named === null) return null;
    const { device } = places;
    const found = findTeacher(named, teachersDir);
    const maxBatch = Math.min(settings.batchSize, train.count);
    const precision = settings.teacherPrecision;
    const teacher = await openTeacher(found, { device, precision, maxBatch, dataset: shape });
    teachers.push(teacher);
    return teacher;
  };
  try {
    const cleanTeacher = await open(needed.includes("clean") ? settings.cleanTeacher : null);
    const robustTeacher = await open(needed.includes("robust") ? settings.robustTeacher : null);
    const inputs = {
      shape: { image: shape.image, classes: shape.classes },
      data: dataset.fingerprint,
      cleanTeacher: cleanTeacher ? teacherSha256(cleanTeacher.manifest) : null,
      robustTeacher: robustTeacher ? teacherSha256(robustTeacher.manifest) : null,
      ...(own.network ? { network: networkSha256(network) } : {}),
      ...(initial ? { init: initial.origin } : {}),
    };
    const asked = { settings, inputs, recipe: changedSettings(settings) };
    const { existed, further } = openRunDirectory(places.folder, asked, places.resume, () => {
      if (own.network) saveOwnNetwork(places.folder, network);
    });
    if (further) trainFurther(places.folder, further);
    const { checkpoint, repairs } = existed
      ? await recoverRun(places.folder, network, settings)
      : { checkpoint: null, repairs: [] };

    const batches = createTrainingBatches(train, {
      image: shape.image,
      batchSize: settings.batchSize,
      augmentation: augmentationOf(settings, description.augmentation),
      start: checkpoint?.progress.batches ?? { seed: settings.seed },
    });
    const state = checkpoint
      ? savedState(method, shape.classes, checkpoint.progress.method)
      : method.initialState(settings, shape.classes);
    const metrics = openMetrics(places.folder, checkpoint?.progress.metricsBytes ?? 0);
    // Tensors last: what fails above must leave none behind.
    const { parameters, momenta, average } = studentAt(
      network,
      settings.ema > 0,
      () => initial?.weights ?? initialWeights(network, fresh),
      checkpoint,
    );
    return {
      folder: places.folder,
      settings,
      dataset,
      selectionSplit,
      trainee: {
        ...{ network, parameters, momenta, method, state, cleanTeacher, robustTeacher },
        precision: settings.precision === "bfloat16" ? "bfloat16" : "float32",
      },
      average,
      batches,
      metrics,
      tensorboard: places.tensorboard ?? true,
      step: checkpoint?.progress.step ?? 0,
      seconds: checkpoint?.progress.seconds ?? 0,
      best: checkpoint?.progress.best ?? null,
      bestAveraged: checkpoint?.progress.bestAveraged ?? null,
      evaluationDue: checkpoint?.progress.evaluationDue ?? false,
      resumed: checkpoint !== null,
      repairs,
      finishedBy: further?.before ?? null,
      init: initial?.origin ?? null,
      initNotes: initial?.notes ?? [],
      async close() {
        metrics.close();
        disposeParameters(parameters);
        disposeParameters(momenta);
        if (average) disposeParameters(average);
        for (const owner of [network, parameters, average]) if (owner) forgetCompiled(owner);
        await Promise.all(teachers.map((teacher) => teacher.close()));
        lock.release();
      },
    };
  } catch (error) {
    await Promise.all(teachers.map((teacher) => teacher.close()));
    lock.release();
    throw error;
  }
}

/** How training images are changed: as the data set's description says, with the crop's padding that the settings name. */
function augmentationOf(
  { augmentation, cropPadding }: TrainingSettings,
  described: Augmentation,
): Augmentation | null {
  return augmentation ? { ...described, padding: cropPadding ?? described.padding } : null;
}

const LOCK_RULE = { once: "one training at a time in a run directory", instead: "another folder with --out" };

/** The generator stream of initial weights; batches and evaluations have others. */
const INITIALIZATION_STREAM = 2;

/** The student as a checkpoint left it, or with its initial weights, which its average begins with, and no momentum. */
function studentAt(
  network: Network,
  averaged: boolean,
  initial: () => Weights,
  checkpoint: Checkpoint | null,
): TrainedTensors {
  if (checkpoint)
    return {
      parameters: parametersFromWeights(network, checkpoint.weights),
      momenta: tensorsFromWeights(network, checkpoint.momenta),
      average: checkpoint.average && parametersFromWeights(network, checkpoint.average),
    };
  const parameters = parametersFromWeights(network, initial());
  return {
    parameters,
    momenta: initialMomenta(network, parameters),
    average: averaged ? initialAverage(network, parameters) : null,
  };
}

function requireFitting(network: Network, shape: ClassifierShape): void {
  const problem = misfitOf({ classes: network.classes, image: network.input }, shape);
  if (problem === null) return;
  throw new InputError(`the network "${network.id}" ${problem}`, {
    expected: `a network for ${shape.name}`,
    found: `one with another input or output`,
  });
}

function requireTeachers(settings: TrainingSettings, needed: readonly TeacherRole[]): void {
  for (const role of teacherRoles) {
    if (!needed.includes(role) || settings[`${role}Teacher`] !== null) continue;
    throw new InputError(`the method "${settings.method}" needs a ${role} teacher`, {
      fix: `--${role}-teacher NAME, one of mtard teacher list --dataset ${settings.dataset}`,
    });
  }
}

function splitsOf(dataset: Dataset, settings: TrainingSettings): { train: Split; selectionSplit: Split } {
  const { train, test } = dataset;
  if (settings.selection === "test") return { train, selectionSplit: test };
  const kept = train.count - settings.heldOut;
  if (kept < 1) {
    throw new InputError("nothing is left to train on", {
      expected: `heldOut below ${train.count}, the number of training images`,
      found: `heldOut ${settings.heldOut}`,
    });
  }
  return { train: sliceSplit(train, 0, kept), selectionSplit: sliceSplit(train, kept, train.count) };
}
