import { classifierShape, type DatasetDescription, type DatasetId, findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import type { ClassifierShape } from "../onnx/signature.js";
import type { DeviceRequest } from "../runtime/device.js";
import { subjectFingerprint } from "./identity.js";
import { attackTarget, type KnownSubject, openSubject, type Subject, type SubjectTarget } from "./model.js";

/** What to open, and from where. */
export interface OpenRequest {
  readonly model: string;
  /** Unless given, what the model was made for. */
  readonly dataset: string | undefined;
  readonly surrogate: string | undefined;
  readonly checkpoint: "best" | "last";
  readonly device: DeviceRequest;
  readonly teachersDir: string;
}

/** A model ready to be attacked. */
export interface OpenedModel {
  readonly subject: Subject;
  readonly target: SubjectTarget;
  /** SHA-256 of all that decides what it answers. */
  readonly fingerprint: string;
}

/** A model, the data set it is attacked on, and the surrogate of transfer attacks where there is one. */
export interface Opened extends OpenedModel {
  readonly description: DatasetDescription & { readonly id: DatasetId };
  readonly surrogate: OpenedModel | null;
  dispose(): void;
}

/**
 * Opens a model to be evaluated or attacked; the caller disposes of it.
 *
 * @throws {InputError} if there is no such model, or it does not fit the data set.
 */
export async function openForAttack(request: OpenRequest): Promise<Opened> {
  const { model, checkpoint, teachersDir, device } = request;
  const subject = await openSubject(model, { teachersDir, dataset: request.dataset, checkpoint });
  const description = findDataset(request.dataset ?? subject.dataset);
  refuseMisfit(subject, classifierShape(description));
  const surrogate = request.surrogate === undefined ? null : await openSurrogate(request, description);
  const target = await attackTarget(subject, device);
  const surrogateTarget = surrogate && (await attackTarget(surrogate, device));
  return {
    subject,
    target,
    fingerprint: subjectFingerprint(subject),
    description,
    surrogate:
      surrogate && surrogateTarget
        ? { subject: surrogate, target: surrogateTarget, fingerprint: subjectFingerprint(surrogate) }
        : null,
    dispose() {
      target.dispose();
      surrogateTarget?.dispose();
    },
  };
}

async function openSurrogate(
  { surrogate = "", teachersDir }: OpenRequest,
  description: DatasetDescription,
): Promise<Subject> {
  const { id } = description;
  try {
    const subject = await openSubject(surrogate, { teachersDir, dataset: id, checkpoint: "best" });
    if (subject.kind === "known") refuseMisfit(subject, classifierShape(description));
    if (subject.dataset === id) return subject;
    throw new InputError(`"${subject.name}" is for ${subject.dataset}, not for ${id}`, {
      expected: `a classifier of ${id}`,
      found: `one of ${subject.dataset}`,
      fix: `mtard teacher list --dataset ${id}`,
    });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`--surrogate: ${error.message}`, { ...error.detail, cause: error });
  }
}

function refuseMisfit(subject: Subject, wanted: ClassifierShape): void {
  const { image, classes } = shapeOf(subject);
  const size = ({ height, width, channels }: ImageShape): string => `${height}x${width}x${channels}`;
  if (classes === wanted.classes && size(image) === size(wanted.image)) return;
  throw new InputError(
    classes === wanted.classes
      ? `"${subject.name}" takes images of ${size(image)}, but those of ${wanted.name} are ${size(wanted.image)}`
      : `"${subject.name}" answers ${classes} classes, but ${wanted.name} has ${wanted.classes}`,
    {
      expected: `a model for ${wanted.name}`,
      found: `one for ${subject.dataset}`,
      fix: `--dataset ${subject.dataset}`,
    },
  );
}

function shapeOf(subject: Subject): { image: ImageShape; classes: number } {
  if (subject.kind === "foreign") return subject.teacher.manifest;
  const { input: image, classes } = (subject satisfies KnownSubject).network;
  return { image, classes };
}
