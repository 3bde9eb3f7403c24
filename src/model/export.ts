import { renameSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { encodeNpz } from "../weights/npz.js";
import { encodeSafetensors } from "../weights/safetensors.js";
import { InputError, WorkError } from "../errors.js";
import type { Network } from "../graph/network.js";
import { storedWeights, type Weights } from "../graph/parameters.js";
import { writeModel, type WriteModelOptions } from "../onnx/write-model.js";
import { IMAGES, LOGITS, networkModel } from "../onnx/writer.js";
import { writeFailure, writeFileAtomically } from "../files/atomic.js";
import { type Place, takePlace } from "../files/folder.js";
import { onnxRuntime, openSession } from "../runtime/onnxruntime.js";
import { Random } from "../runtime/random.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import { version } from "../version.js";
import { studentOf } from "./targets.js";

/** The formats that `exportModel` writes. */
export const exportFormats = ["onnx", "safetensors", "npz"] as const;

/** One of {@link exportFormats}. */
export type ExportFormat = (typeof exportFormats)[number];

/** A network with its weights, and the id of the data set it is for. */
export interface ExportedModel {
  readonly network: Network;
  readonly weights: Weights;
  readonly dataset: string;
}

/** How many random images both engines are compared on. */
const COMPARED = 8;
/** The largest difference of their logits, relative to the largest logit, that counts as rounding. */
const TOLERANCE = 1e-4;

/**
 * Writes a model as ONNX (`images [batch, C, H, W]` to `logits`, normalisation inside; large weights in `path.data` beside it) or as
 * safetensors or npz under PyTorch's names.
 *
 * @returns For ONNX, how far ONNX Runtime's logits are from the student's at most, relative to the largest logit; otherwise null.
 * @throws {WorkError} if the two engines disagree; then no file is left.
 */
export async function exportModel(
  exported: ExportedModel,
  format: ExportFormat,
  path: string,
  options: WriteModelOptions = {},
): Promise<number | null> {
  const place = takePlace(path, {
    busy: `another mtard is writing ${path}`,
    once: "one export to a file at a time",
    instead: "name another file with --out",
  });
  try {
    return await exportTo(place, exported, format, path, options);
  } finally {
    place.release();
  }
}

async function exportTo(
  place: Place,
  exported: ExportedModel,
  format: ExportFormat,
  path: string,
  options: WriteModelOptions,
): Promise<number | null> {
  const { network, weights, dataset } = exported;
  if (format === "safetensors") {
    const metadata = { mtard: JSON.stringify({ version, network: network.id, dataset }) };
    writeFileAtomically(path, encodeSafetensors(weights, metadata));
    return null;
  }
  if (format === "npz") {
    writeFileAtomically(path, encodeNpz(storedWeights(weights)));
    return null;
  }
  return place.beside((folder) => exportOnnx(folder, exported, path, options));
}

/** Writes the model into `folder`, which is beside `path`, compares it there, and moves its file or files into place. */
async function exportOnnx(
  folder: string,
  exported: ExportedModel,
  path: string,
  options: WriteModelOptions,
): Promise<number> {
  const { network, weights, dataset } = exported;
  const name = basename(path);
  try {
    const model = networkModel(network, storedWeights(weights), { version, dataset });
    const { data } = writeModel(join(folder, name), model, options);
    const difference = await compareEngines(exported, join(folder, name));
    if (!(difference <= TOLERANCE)) {
      throw new WorkError("ONNX Runtime does not answer what the student answers", {
        expected: `logits within ${TOLERANCE} of the largest`,
        found: `a difference of ${difference}`,
        fix: "mtard doctor, and report it",
      });
    }
    for (const file of [...data.map((one) => one.file), name])
      renameSync(join(folder, file), join(dirname(path), file));
    return difference;
  } catch (error) {
    throw error instanceof InputError || error instanceof WorkError ? error : writeFailure(path, error);
  }
}

async function compareEngines(exported: ExportedModel, model: string): Promise<number> {
  const { height, width, channels } = exported.network.input;
  const random = Random.fromSeed(0);
  const values = Float32Array.from({ length: COMPARED * height * width * channels }, () => random.uniform());
  const images = tf.tensor4d(values, [COMPARED, height, width, channels]);
  const student = studentOf(exported);
  const ours = tf.tidy(() => student.logits(images)).dataSync<"float32">();
  student.dispose();
  const nchw = tf.tidy(() => tf.transpose<Tensor4D>(images, [0, 3, 1, 2])).dataSync<"float32">();
  images.dispose();

  const { session } = await openSession(model, "cpu", 1);
  const { Tensor } = onnxRuntime();
  const feeds = { [IMAGES]: new Tensor("float32", nchw, [COMPARED, channels, height, width]) };
  const theirs = (await session.run(feeds))[LOGITS]?.data as Float32Array;
  await session.release();
  const scale = ours.reduce((most, logit) => Math.max(most, Math.abs(logit)), 1);
  return ours.reduce(
    (most, logit, index) => Math.max(most, Math.abs(logit - (theirs[index] ?? NaN)) / scale),
    0,
  );
}
