import { basename, resolve } from "node:path";
import type { DatasetDescription } from "../../data/datasets.js";
import { warningTexts } from "../../evaluation/record.js";
import type { KeptRecord } from "../../evaluation/store.js";
import type { ImageShape } from "../../graph/network.js";
import type { Model } from "../../model/model.js";
import type { StudentChoice } from "../../model/run-student.js";
import { isRunFinished, readRun, type RunDescription } from "../../run/run-directory.js";
import { readManifest, type TeacherManifest } from "../../teacher/manifest.js";
import { type MeasuredRow, measuredRows } from "./measured.js";

/** The run that a model is a student of. */
export interface RunOrigin {
  readonly kind: "run";
  readonly description: RunDescription;
  readonly checkpoint: StudentChoice;
  readonly finished: boolean;
}

/** What is known of a model that is handed on. */
export interface HandedModel {
  readonly title: string;
  /** Its network's id; null for an ONNX graph of another origin. */
  readonly network: string | null;
  readonly image: ImageShape;
  /** The id of the data set that its classes, numbers and sample images are of; a run may have been trained on another. */
  readonly dataset: string;
  /** What is known of the data set here; null where it is another user's own. */
  readonly description: DatasetDescription | null;
  /** One name for each logit. */
  readonly classNames: readonly string[];
  readonly origin:
    RunOrigin | { readonly kind: "teacher"; readonly manifest: TeacherManifest } | { readonly kind: "file" };
  readonly measured: readonly MeasuredRow[];
  /** What makes the measured numbers doubtful, one sentence each. */
  readonly warnings: readonly string[];
  /** What its owner says of its licence; null if nothing. */
  readonly licence: string | null;
}

/**
 * Puts together what is known of a model.
 *
 * @param records Finished measurements of it.
 */
export function handedModel(
  model: Pick<Model, "name" | "reference" | "dataset" | "classes" | "image" | "known">,
  checkpoint: StudentChoice,
  description: DatasetDescription | null,
  records: readonly KeptRecord[],
  licence: string | null,
): HandedModel {
  const { reference, name } = model;
  const names = description?.classNames ?? [];
  return {
    title: reference.kind === "run" ? basename(resolve(reference.folder)) : basename(name),
    network: model.known?.network.id ?? null,
    image: model.image,
    dataset: description?.id ?? model.dataset,
    description,
    classNames: Array.from({ length: model.classes }, (_, index) => names[index] ?? `class ${index}`),
    origin: originOf(reference, checkpoint),
    measured: measuredRows(records),
    warnings: [...new Set(records.flatMap(({ record }) => warningTexts(record)))],
    licence,
  };
}

/**
 * The SHA-256 of the data that a model's numbers are to be of: what the data set holds here, else what a run of it was trained on; null if
 * neither is known, so that no measurement can be told from one on other data.
 *
 * @param here Of the data set's store; null where it is not there.
 */
export function measuredData(
  { reference, dataset: own }: Pick<Model, "reference" | "dataset">,
  dataset: string,
  here: string | null,
): string | null {
  if (here !== null || reference.kind !== "run" || dataset !== own) return here;
  return readRun(reference.folder).inputs.data;
}

function originOf(reference: Model["reference"], checkpoint: StudentChoice): HandedModel["origin"] {
  if (reference.kind === "file") return { kind: "file" };
  const { folder, kind } = reference;
  if (kind === "folder") return { kind: "teacher", manifest: readManifest(folder) };
  return { kind, description: readRun(folder), checkpoint, finished: isRunFinished(folder) };
}

/** What a model is, in one sentence. */
export function summaryOf({ network, origin, description, dataset, classNames }: HandedModel): string {
  const what = network === null ? "An image classifier" : `An image classifier (${network})`;
  const images = description === null ? dataset : `${dataset}: ${description.title}`;
  const made = origin.kind === "run" ? `, trained with the method ${origin.description.settings.method}` : "";
  return `${what} of ${classNames.length} classes${made}, for images of ${images}.`;
}
