import { existsSync, statSync } from "node:fs";
import { join } from "node:path";
import type { AttackTarget } from "../attacks/target.js";
import { matchWeights } from "../weights/match-weights.js";
import { readWeightsFile } from "../weights/weights-file.js";
import { classifierShape, findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import type { Network } from "../graph/network.js";
import { loadWeights, type Weights } from "../graph/parameters.js";
import { createNetwork } from "../networks/networks.js";
import { openStoredModel } from "../onnx/external-data.js";
import { readNetworkModel } from "../onnx/weights.js";
import { type DeviceRequest, studentDevice, threadCount } from "../runtime/device.js";
import { readRun, RUN_FILES } from "../run/run-directory.js";
import { MANIFEST_FILE } from "../teacher/manifest.js";
import { findTeacher, loadTeacher, type StoredTeacher } from "../teacher/store.js";
import { verifyBareModel } from "../teacher/verify-apart.js";
import type { InferenceStudent } from "../student/inference.js";
import { version } from "../version.js";
import type { OnnxClassifier } from "./onnx-target.js";

/** A model somebody named: a network whose weights are known, or a foreign ONNX classifier. */
export type Subject = KnownSubject | ForeignSubject;

export interface KnownSubject {
  readonly kind: "known";
  readonly name: string;
  /** The id of the data set it classifies. */
  readonly dataset: string;
  /** Whether `name` is a run directory. */
  readonly isRun: boolean;
  readonly network: Network;
  readonly weights: Weights;
  /** The same in ONNX where it is stored so: otherwise it is written when it is wanted. */
  readonly stored?: OnnxClassifier;
}

export interface ForeignSubject {
  readonly kind: "foreign";
  readonly name: string;
  /** The id of the data set it classifies. */
  readonly dataset: string;
  readonly teacher: StoredTeacher;
}

/** How a subject is looked for. */
export interface SubjectOptions {
  readonly teachersDir: string;
  /** The data set a foreign .onnx file is wanted for. */
  readonly dataset?: string | undefined;
  /** Which student of a run: the best by W-Robust, or the last checkpoint. */
  readonly checkpoint: "best" | "last";
}

/**
 * Finds a run directory, a teacher's name or folder, or an .onnx file.
 *
 * @throws {InputError} if the reference means none of these, or the run has no such checkpoint yet.
 */
export async function openSubject(reference: string, options: SubjectOptions): Promise<Subject> {
  if (existsSync(join(reference, RUN_FILES.settings))) return openRun(reference, options.checkpoint);
  const wanted = options.dataset === undefined ? undefined : classifierShape(findDataset(options.dataset));
  if (!reference.endsWith(".onnx")) requireTeacher(reference, options.teachersDir);
  const teacher = loadTeacher(reference, options.teachersDir, wanted);
  const { name, dataset, classes, image } = teacher.manifest;
  const model = readNetworkModel(openStoredModel(teacher.model, reference, teacher.dataFolder));
  if (!model) {
    await verifyBareModel(teacher, reference);
    return { kind: "foreign", name, dataset, teacher };
  }
  const network = createNetwork(model.networkId, { image, classes }, model.normalization);
  return {
    kind: "known",
    name,
    dataset,
    isRun: false,
    network,
    weights: loadWeights(matchWeights(network, model.weights, reference)),
    stored: teacher,
  };
}

/** What is neither a run nor a teacher was perhaps meant as either. */
function requireTeacher(reference: string, teachersDir: string): void {
  try {
    findTeacher(reference, teachersDir);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`"${reference}" is neither a run, nor a teacher, nor an .onnx file`, {
      expected: `a run directory, or ${error.detail.expected ?? "a teacher"}`,
      found: foundAt(reference),
      fix: "mtard teacher list, or ls runs",
      cause: error,
    });
  }
}

function foundAt(reference: string): string {
  const there = statSync(reference, { throwIfNoEntry: false });
  if (there === undefined) return "nothing of that name";
  return there.isDirectory()
    ? `a folder without ${RUN_FILES.settings} or ${MANIFEST_FILE}`
    : "a file whose name does not end in .onnx";
}

async function openRun(folder: string, which: "best" | "last"): Promise<KnownSubject> {
  const { settings } = readRun(folder);
  const network = createNetwork(settings.student, classifierShape(findDataset(settings.dataset)));
  const found = { kind: "known", name: folder, dataset: settings.dataset, isRun: true, network } as const;
  const path = join(folder, RUN_FILES[which]);
  if (!existsSync(path)) {
    throw new InputError(`the run ${folder} has no ${which} student yet`, {
      expected: path,
      found: "no such file",
      fix:
        which === "best"
          ? "--checkpoint last, or train on until the first evaluation"
          : "mtard train with --resume",
    });
  }
  const weights = which === "best" ? await readBest(path, network) : await readLast(folder, network);
  return { ...found, weights };
}

async function readBest(path: string, network: Network): Promise<Weights> {
  try {
    const { weights } = await readWeightsFile(path);
    return matchWeights(network, weights, path);
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    const fix = "--checkpoint last, or train again in another folder";
    throw new InputError(error.message, { ...error.detail, fix, cause: error });
  }
}

async function readLast(folder: string, network: Network): Promise<Weights> {
  const { readCheckpoint } = await import("../run/checkpoint.js");
  const checkpoint = await readCheckpoint(folder, network);
  if (!checkpoint) throw new InputError(`the run ${folder} has no checkpoint`);
  return checkpoint.weights;
}

/** An attack's view of a subject. */
export interface SubjectTarget extends AttackTarget {
  /** Where it runs and by what, for people. */
  readonly runsOn: string;
  dispose(): void;
}

/**
 * Makes a subject ready to be attacked: a network that is known by libtensorflow, on a CPU with ONNX Runtime's help, a foreign graph by
 * ONNX Runtime. The caller disposes of it.
 *
 * @throws {WorkError} if it cannot run on the device asked for.
 */
export function attackTarget(subject: Subject, device: DeviceRequest = "auto"): Promise<SubjectTarget> {
  return subject.kind === "known" ? knownTarget(subject, device) : foreignTarget(subject, device);
}

/** A known network in libtensorflow, with nothing of ONNX Runtime. */
export async function studentOf({ network, weights }: KnownSubject): Promise<InferenceStudent> {
  const [{ inferenceStudent }, { disposeParameters, parametersFromWeights }] = await Promise.all([
    import("../student/inference.js"),
    import("../student/parameters.js"),
  ]);
  const parameters = parametersFromWeights(network, weights);
  const student = inferenceStudent(network, parameters);
  disposeParameters(parameters);
  return student;
}

async function knownTarget(subject: KnownSubject, request: DeviceRequest): Promise<SubjectTarget> {
  const { name, dataset, network, weights } = subject;
  const { tf } = await import("../runtime/tensorflow.js");
  const device = studentDevice(tf, request);
  const student = await studentOf(subject);
  if (device !== "cpu") return { ...student, runsOn: `${device} (libtensorflow)` };

  const [{ networkToOnnx }, { onnxTarget }, { cpuTarget }] = await Promise.all([
    import("../onnx/writer.js"),
    import("./onnx-target.js"),
    import("./cpu-target.js"),
  ]);
  const written = (): OnnxClassifier => ({
    model: networkToOnnx(network, weights, { version, dataset }),
    dataFolder: null,
  });
  const options = { name, classes: network.classes, device, threads: threadCount() };
  const exported = onnxTarget(subject.stored ?? written(), options);
  return {
    ...cpuTarget(student, exported),
    runsOn: "cpu (libtensorflow and ONNX Runtime)",
    dispose() {
      student.dispose();
      exported.dispose();
    },
  };
}

async function foreignTarget(
  { name, teacher }: ForeignSubject,
  request: DeviceRequest,
): Promise<SubjectTarget> {
  const [{ onnxTarget }, { chooseDevice }] = await Promise.all([
    import("./onnx-target.js"),
    import("../runtime/onnxruntime.js"),
  ]);
  const device = await chooseDevice(request);
  const { classes } = teacher.manifest;
  const target = onnxTarget(teacher, { name, classes, device, threads: threadCount() });
  return { ...target, runsOn: `${device} (ONNX Runtime)` };
}
