import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { loadWeights } from "../graph/parameters.js";
import { networkNamed } from "../networks/networks.js";
import { openStoredModel } from "../onnx/external-data.js";
import { type ClassifierShape, misfitOf } from "../onnx/signature.js";
import { hasGraphOf, readNetworkModel } from "../onnx/weights.js";
import type { DeviceRequest } from "../runtime/device.js";
import { loadTeacher, type StoredTeacher, teacherSha256 } from "../teacher/load.js";
import { pathOf, type TeacherReference } from "../teacher/reference.js";
import { isWithin, type ModelUse, openTried } from "../teacher/tried.js";
import { matchWeights } from "../weights/match-weights.js";
import { networkIdentity } from "./identity.js";
import type { OnnxClassifier } from "./onnx-target.js";
import type { ModelReference } from "./reference.js";
import { readStudent, type StudentChoice } from "./run-student.js";
import { foreignTarget, type KnownNetwork, type ModelTarget, networkTarget } from "./targets.js";

/** A loaded classifier that the user named; no engine starts for it until its target is asked for. */
export interface Model {
  /** What it is called: a run's folder, a teacher's name, a file's name. */
  readonly name: string;
  readonly reference: ModelReference;
  /** The id of the data set whose classes it tells apart. */
  readonly dataset: string;
  readonly classes: number;
  readonly image: ImageShape;
  /** The SHA-256 of everything that decides its answers, in lower-case hex. */
  readonly identity: string;
  /** Its network and weights, or null for an ONNX graph of another origin. */
  readonly known: KnownNetwork | null;
  /** The ONNX graph of another origin, in the standard form; null where its network is known. */
  readonly foreign: OnnxClassifier | null;
  /**
   * The model as attacks see it, made at the first call and the same from then on.
   *
   * @param use What it will be asked; an ONNX model is first tried on that where this installation has not done so.
   * @throws {WorkError} if it cannot run on the device asked for; {@link InputError} if ONNX Runtime cannot run it.
   */
  target(use?: ModelUse): Promise<ModelTarget>;
  /** Frees the target. */
  dispose(): void;
}

export interface OpenModelOptions {
  /** The data set the model is wanted for; without it, an ONNX file of another origin cannot be read. */
  readonly dataset?: ClassifierShape | undefined;
  /** Which student of a run; the best by default. */
  readonly checkpoint?: StudentChoice | undefined;
  /** Where its target runs; `auto` by default. */
  readonly device?: DeviceRequest | undefined;
  /** What it will be asked, as far as it is known already. */
  readonly use?: ModelUse | undefined;
}

/** Any model is tried on a few images. */
const NO_USE: ModelUse = { batches: [], gradient: false };

/**
 * Loads a model; the caller disposes of it.
 *
 * @throws {InputError} if the run has no such student yet, a file is damaged, or the model does not fit the data set.
 */
export async function openModel(reference: ModelReference, options: OpenModelOptions = {}): Promise<Model> {
  const { dataset, checkpoint = "best", device = "auto", use = NO_USE } = options;
  const model =
    reference.kind === "run"
      ? await openStudent(reference, checkpoint, device)
      : await openTeacherModel(reference, dataset, device, use);
  if (dataset) requireFit(model, dataset);
  return model;
}

async function openStudent(
  reference: ModelReference & { kind: "run" },
  checkpoint: StudentChoice,
  device: DeviceRequest,
): Promise<Model> {
  const { network, weights, dataset } = await readStudent(reference.folder, checkpoint);
  return knownModel({ name: reference.folder, reference, dataset }, { network, weights }, device);
}

/**
 * What identifies a teacher as a {@link Model}; reads its files, and starts no engine.
 *
 * @returns A SHA-256 in lower-case hex.
 * @throws {InputError} as `loadTeacher`.
 */
export function teacherIdentity(reference: TeacherReference): string {
  const teacher = loadTeacher(reference);
  const known = readKnownNetwork(teacher, pathOf(reference));
  return known ? networkIdentity(known.network, known.weights) : teacherSha256(teacher.manifest);
}

async function openTeacherModel(
  reference: TeacherReference,
  wanted: ClassifierShape | undefined,
  device: DeviceRequest,
  use: ModelUse,
): Promise<Model> {
  const { stored: teacher } = await openTried(reference, wanted, use);
  const { name, dataset } = teacher.manifest;
  const known = readKnownNetwork(teacher, pathOf(reference));
  const model = known
    ? knownModel({ name, reference, dataset }, { ...known, stored: teacher }, device)
    : foreignModel(reference, teacher, device);
  let tried = use;
  return {
    ...model,
    async target(more = use) {
      if (!isWithin(more, tried)) await openTried(reference, wanted, more);
      tried = more;
      return model.target();
    },
  };
}

/**
 * The network and weights of a stored model, or null if it is none of mtard's own: its metadata may name a network although its graph
 * was edited, and then answers what the graph says.
 */
function readKnownNetwork(
  { manifest, model, dataFolder }: StoredTeacher,
  source: string,
): Pick<KnownNetwork, "network" | "weights"> | null {
  const stored = openStoredModel(model, source, dataFolder);
  const shape = { image: manifest.image, classes: manifest.classes };
  const read = readNetworkModel(stored);
  const network = read && networkNamed(read.networkId, shape, read.normalization);
  if (!network || !hasGraphOf(network, stored.model)) return null;
  return { network, weights: loadWeights(matchWeights(network, read.weights, source)) };
}

function knownModel(
  facts: Pick<Model, "name" | "reference" | "dataset">,
  known: KnownNetwork,
  device: DeviceRequest,
): Model {
  const { network, weights } = known;
  return {
    ...facts,
    classes: network.classes,
    image: network.input,
    identity: networkIdentity(network, weights),
    known,
    foreign: null,
    ...madeOnce(() => networkTarget(facts, known, device)),
  };
}

function foreignModel(reference: TeacherReference, teacher: StoredTeacher, device: DeviceRequest): Model {
  const { name, dataset, classes, image } = teacher.manifest;
  return {
    ...{ name, reference, dataset, classes, image },
    identity: teacherSha256(teacher.manifest),
    known: null,
    foreign: teacher,
    ...madeOnce(() => foreignTarget(name, classes, teacher, device)),
  };
}

/** The `target` and `dispose` of a model, whose target is made when first asked for. */
function madeOnce(make: () => ModelTarget | Promise<ModelTarget>): Pick<Model, "target" | "dispose"> {
  let making: Promise<ModelTarget> | undefined;
  let made: ModelTarget | undefined;
  const begin = async (): Promise<ModelTarget> => (made = await make());
  return {
    target: () => (making ??= begin()),
    dispose() {
      made?.dispose();
      made = making = undefined;
    },
  };
}

/** @throws {InputError} if a model answers other classes than those wanted, or takes images of another size. */
export function requireFit(model: Model, wanted: ClassifierShape): void {
  const problem = misfitOf(model, wanted);
  if (problem === null) return;
  throw new InputError(`"${model.name}" ${problem}`, {
    expected: `a model for ${wanted.name}`,
    found: `one for ${model.dataset}`,
    fix: `--dataset ${model.dataset}`,
  });
}
