import { InputError } from "../errors.js";
import type { Network } from "../graph/network.js";
import { loadWeights, type Weights } from "../graph/parameters.js";
import { exportModel as writeExport, type ExportFormat, exportFormats } from "../model/export.js";
import { type FetchOptions, fetchTeacher as fetchDescribed } from "../teacher/fetch.js";
import { requireDescription } from "../teacher/find-description.js";
import { importTeacher as importInto, type ImportedTeacher, type ImportRequest } from "../teacher/import.js";
import { recogniseWeights } from "../weights/recognise-weights.js";
import { normalizationText } from "../weights/stored-normalization.js";
import { withWeightsFile } from "../weights/weights-file.js";
import { checkImported, type ImportCheck } from "../evaluation/import-check.js";
import type { StopSignal } from "./stop.js";
import type { OpenModel } from "./open-model.js";
import { type Places, placesOf, type ShapeOption, shapeOf } from "./places.js";

/** What becomes a teacher. */
export type ImportTeacherOptions = Omit<ImportRequest, "dataset" | "teachersDir"> &
  Places & {
    readonly dataset: ShapeOption;
    /** Whether its accuracy is looked at, where the data set is packed; true by default. */
    readonly check?: boolean | undefined;
    /** Ends the look at the accuracy; the teacher is imported by then. */
    readonly signal?: StopSignal | undefined;
  };

/**
 * Makes a teacher of a classifier: a PyTorch checkpoint, safetensors or npz file of a network mtard has, or an ONNX model. Where the data
 * set is packed, `check` says its accuracy on a few hundred test images, and what looks wrong; it is null where that was not asked for.
 *
 * @throws {InputError} if the name, the file or what the file holds is wrong; {@link WorkError} if the store cannot be written.
 */
export async function importTeacher({
  dataset,
  check = true,
  signal,
  ...options
}: ImportTeacherOptions): Promise<ImportedTeacher & { readonly check: ImportCheck | null }> {
  const { dataDir, teachersDir } = placesOf(options);
  const imported = await importInto({ ...options, dataset: shapeOf(dataset, dataDir), teachersDir });
  if (!check) return { ...imported, check: null };
  const data = typeof dataset === "object" && "description" in dataset ? dataset : dataDir;
  const { onProgress } = options;
  return { ...imported, check: await checkImported(imported, data, { signal, onProgress }) };
}

/** How a published model is fetched. */
export type FetchTeacherOptions = Omit<FetchOptions, "dataset" | "teachersDir"> & Places;

/**
 * Fetches a published model into the store of teachers: one of those that `mtard teacher list` describes, or one of RobustBench's by its
 * name.
 *
 * @throws {InputError} if nothing is known by the name, what came is not the published file, or it does not fit; {@link WorkError} if the
 * download fails.
 */
export async function fetchTeacher(
  name: string,
  options: FetchTeacherOptions = {},
): Promise<ImportedTeacher> {
  const { dataDir, teachersDir } = placesOf(options);
  const description = requireDescription(name);
  return fetchDescribed(description, {
    ...options,
    dataset: shapeOf(description.dataset, dataDir),
    teachersDir,
  });
}

/**
 * Reads a network's weights from a PyTorch checkpoint, safetensors or npz file. Nothing the file names is run.
 *
 * @param key Which weights, where the file has several: their keys joined by dots, such as `state_dict_ema`.
 * @throws {InputError} if the file is damaged, its tensors do not fit the network, or hold another normalisation than it has.
 */
export function readWeights(path: string, network: Network, key?: string): Promise<Weights> {
  return withWeightsFile(path, (file) => {
    const found = recogniseWeights([network], file, path, { given: network.normalization, key });
    if (found.storedNormalization && !network.normalization)
      throw new InputError(`${path} holds a normalisation that ${network.id} does not have`, {
        expected: "a network with the normalisation of its weights",
        found: normalizationText(found.storedNormalization),
        fix: "give the network this normalisation: { ...network, normalization }",
      });
    return loadWeights(found.weights);
  });
}

/**
 * Writes a model's weights as `onnx` (checked against the student in ONNX Runtime), `safetensors` or `npz`, under PyTorch's names.
 *
 * @returns For ONNX, the largest difference of the two engines' logits relative to the largest logit; otherwise null.
 * @throws {InputError} if the model is an ONNX graph of another origin, or a value; {@link WorkError} if the engines disagree.
 */
export async function exportModel(
  model: OpenModel,
  format: ExportFormat,
  path: string,
): Promise<number | null> {
  if (!model.known)
    throw new InputError(`"${model.name}" has no weights to export`, {
      expected: "a run, or a teacher of a network that mtard has",
      found: model.reference ? "an ONNX graph of another origin" : "a model given as bytes or a value",
    });
  if (!exportFormats.includes(format))
    throw new InputError(`unknown format "${format}"`, { expected: exportFormats.join(", ") });
  return writeExport({ ...model.known, dataset: model.dataset }, format, path);
}
