import { classifierShape, type DatasetDescription, findDataset } from "../data/datasets.js";
import { InputError } from "../errors.js";
import { type Model, openModel, requireFit } from "../model/model.js";
import { findModel } from "../model/reference.js";
import type { StudentChoice } from "../model/run-student.js";
import type { DeviceRequest } from "../runtime/device.js";
import type { ModelUse } from "../teacher/tried.js";
import { shellWord } from "./output.js";

/** Images a batch of most data sets' evaluations. */
const USUAL_BATCH = 128;

/** What a model will be asked, as far as it is known before its data set is: one trial for all of a call. */
export function expectedUse(
  gradient: boolean,
  limit: number | undefined,
  batch: number | null = null,
): ModelUse {
  return { batches: [Math.min(batch ?? USUAL_BATCH, limit ?? Infinity)], gradient };
}

/** The models that a call names. */
export interface NamedModels {
  readonly model: string;
  /** The data set it is attacked on; by default the one it was made for. */
  readonly dataset: string | undefined;
  readonly surrogate: string | undefined;
  readonly checkpoint: StudentChoice;
  readonly device: DeviceRequest;
  readonly teachersDir: string;
  readonly dataDir: string;
  /** What they will be asked, as far as the call says it. */
  readonly use?: ModelUse;
}

/** How a call named a model, its data set and which student of a run, as words of another command. */
export function wordsFor({
  model,
  dataset,
  checkpoint,
}: {
  model: string;
  dataset?: string | undefined;
  checkpoint: StudentChoice;
}): string {
  const words = dataset === undefined ? [] : ["--dataset", shellWord(dataset)];
  const which = checkpoint === "best" ? [] : ["--checkpoint", checkpoint];
  return [shellWord(model), ...words, ...which].join(" ");
}

/** What a model is called, with the student of a run that is not the best one. */
export function titleOf({ name, reference }: Model, checkpoint: StudentChoice): string {
  return reference.kind === "run" && checkpoint !== "best" ? `${name} (${checkpoint})` : name;
}

/** A model to be attacked, its data set, and the surrogate of transfer attacks if there is one. */
export interface AttackedModel {
  readonly model: Model;
  readonly description: DatasetDescription;
  readonly surrogate: Model | null;
  dispose(): void;
}

/**
 * Opens the models that a call names; the caller disposes of them.
 *
 * @throws {InputError} if there is no such model, or it does not fit the data set.
 */
export async function openModels(named: NamedModels): Promise<AttackedModel> {
  const { checkpoint, teachersDir, dataDir, device, dataset } = named;
  const wanted = dataset === undefined ? undefined : classifierShape(findDataset(dataset, dataDir));
  const model = await openModel(findModel(named.model, teachersDir), {
    ...{ dataset: wanted, checkpoint, device, use: named.use },
  });
  const description = findDataset(dataset ?? model.dataset, dataDir);
  // An own data set may have been made anew, with other images, since the model was.
  requireFit(model, classifierShape(description));
  const surrogate = named.surrogate === undefined ? null : await openSurrogate(named, description);
  return {
    model,
    description,
    surrogate,
    dispose() {
      model.dispose();
      surrogate?.dispose();
    },
  };
}

async function openSurrogate(
  { surrogate = "", teachersDir, device }: NamedModels,
  description: DatasetDescription,
): Promise<Model> {
  const { id } = description;
  try {
    const reference = findModel(surrogate, teachersDir);
    const model = await openModel(reference, { dataset: classifierShape(description), device });
    if (model.dataset === id) return model;
    throw new InputError(`"${model.name}" is for ${model.dataset}, not for ${id}`, {
      expected: `a classifier of ${id}`,
      found: `one of ${model.dataset}`,
      fix: `mtard teacher list --dataset ${id}`,
    });
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    throw new InputError(`--surrogate: ${error.message}`, { ...error.detail, cause: error });
  }
}
