import { existsSync } from "node:fs";
import { join } from "node:path";
import type { AttackTarget } from "../attacks/target.js";
import { matchWeights } from "../checkpoint/match-weights.js";
import { readWeightsFile } from "../checkpoint/weights-file.js";
import { findDataset, type DatasetDescription } from "../data/datasets.js";
import { InputError } from "../errors.js";
import type { Network, NetworkShape } from "../graph/network.js";
import type { Weights } from "../graph/parameters.js";
import { createNetwork } from "../networks/networks.js";
import { parseModel } from "../onnx/model.js";
import { readNetworkModel } from "../onnx/weights.js";
import { readCheckpoint } from "../training/checkpoint.js";
import { readRun, RUN_FILES } from "../training/run-directory.js";
import { loadTeacher, type StoredTeacher } from "../teacher/store.js";

/** A model somebody named: a network whose weights are known, or a foreign ONNX classifier. */
export type Subject = KnownSubject | ForeignSubject;

export interface KnownSubject {
  readonly kind: "known";
  readonly name: string;
  readonly dataset: string | null;
  /** Whether `name` is a run directory. */
  readonly isRun: boolean;
  readonly network: Network;
  readonly weights: Weights;
}

export interface ForeignSubject {
  readonly kind: "foreign";
  readonly name: string;
  readonly dataset: string | null;
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
  const teacher = loadTeacher(reference, options.teachersDir, wanted);
  const { name, dataset, classes, image } = teacher.manifest;
  const model = readNetworkModel(parseModel(teacher.model, reference));
  if (!model) return { kind: "foreign", name, dataset, teacher };
  const network = createNetwork(model.networkId, { image, classes }, model.normalization ?? undefined);
  return {
    kind: "known",
    name,
    dataset,
    isRun: false,
    network,
    weights: matchWeights(network, model.weights, reference),
  };
}

async function openRun(folder: string, which: "best" | "last"): Promise<KnownSubject> {
  const { settings } = readRun(folder);
  const network = createNetwork(settings.student, networkShape(findDataset(settings.dataset)));
  const found = { kind: "known", name: folder, dataset: settings.dataset, isRun: true, network } as const;
  const path = join(folder, RUN_FILES[which]);
  if (!existsSync(path)) {
    throw new InputError(`the run ${folder} has no ${which} student yet`, {
      expected: path,
      fix: which === "best" ? "--checkpoint last, or train on until the first evaluation" : "train it first",
    });
  }
  if (which === "best") {
    const { weights } = await readWeightsFile(path);
    return { ...found, weights: matchWeights(network, weights, path) };
  }
  const checkpoint = await readCheckpoint(folder, network);
  if (!checkpoint) throw new InputError(`the run ${folder} has no checkpoint`, { expected: path });
  return { ...found, weights: checkpoint.weights };
}

function networkShape({ image, classNames }: DatasetDescription): NetworkShape {
  return { image, classes: classNames.length };
}

function classifierShape(description: DatasetDescription): NetworkShape & { name: string } {
  return { name: description.id, ...networkShape(description) };
}

/** An attack's view of a known network's weights; the caller disposes of it. */
export async function attackTarget({
  network,
  weights,
}: KnownSubject): Promise<AttackTarget & { dispose(): void }> {
  const [{ inferenceStudent }, { disposeParameters, parametersFromWeights }] = await Promise.all([
    import("../student/inference.js"),
    import("../student/parameters.js"),
  ]);
  const parameters = parametersFromWeights(network, weights);
  const target = inferenceStudent(network, parameters);
  disposeParameters(parameters);
  return target;
}
