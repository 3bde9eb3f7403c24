import { InputError, WorkError } from "../errors.js";
import { firstOf, INFERENCE_MODE, trainingNodes } from "../onnx/inference-mode.js";
import { parseModel, readModelFile } from "../onnx/model.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { IMAGES, LOGITS } from "../onnx/writer.js";
import { threadCount } from "../runtime/device.js";
import { type InferenceSession, onnxRuntime, openSession } from "../runtime/onnxruntime.js";
import { Random } from "../runtime/random.js";

/** Images the model is tried with, alone and together. */
export const TRIED = 3;
/** Kernels for another batch size may round differently; a model that mixes its images is off by far more. */
export const TOLERANCE = 1e-3;

/** The same random images `dims` in front, however many there are; values in [0, 1]. */
export function randomImages(dims: readonly number[]): Float32Array {
  const random = Random.fromSeed(0);
  return Float32Array.from({ length: dims.reduce((size, extent) => size * extent, 1) }, () =>
    random.uniform(),
  );
}

/** A model in the standard form: its path, or its bytes and the folder of its external data. */
export type StandardModel = string | { readonly bytes: Uint8Array; readonly dataFolder: string | null };

/**
 * Runs a model in the standard form on random images, on the CPU, and checks that its answers can be logits: one for each class,
 * finite, not probabilities, the same when asked again, and the same for an image alone and among others.
 *
 * @returns The logits of three fixed random images, `[3, classes]`.
 * @throws {InputError} naming the first check that fails.
 */
export async function verifyClassifier(
  model: StandardModel,
  expected: ClassifierShape,
  source: string,
): Promise<Float32Array> {
  const [file, dataFolder] = typeof model === "string" ? [model, null] : [model.bytes, model.dataFolder];
  const { session } = await openSession(file, "cpu", threadCount(), {
    optimized: false,
    dataFolder,
  }).catch((cause: unknown) => {
    if (cause instanceof WorkError) throw cause;
    throw new InputError(`ONNX Runtime cannot load ${source}`, {
      expected: "a valid ONNX model",
      found: loadFailure(cause),
      fix: "check the file with onnx.checker, or export it again",
      cause,
    });
  });
  try {
    const { height, width, channels } = expected.image;
    const size = height * width * channels;
    const images = randomImages([TRIED, size]);
    const alone = new Float32Array(TRIED * expected.classes);
    for (let index = 0; index < TRIED; index++) {
      const image = images.subarray(index * size, (index + 1) * size);
      alone.set(await run(session, image, 1, expected, source), index * expected.classes);
    }
    refuseUnusable(alone, expected.classes, source);
    const scale = Math.max(1, ...alone.map(Math.abs));
    const distance = (logits: Float32Array): number =>
      logits.reduce((most, logit, index) => Math.max(most, Math.abs(logit - (alone[index] as number))), 0);
    const change = distance(await run(session, images.subarray(0, size), 1, expected, source));
    if (change > 0) refuseRandom(file, source, change > TOLERANCE * scale);
    const together = await run(session, images, TRIED, expected, source);
    if (distance(together) > TOLERANCE * scale)
      throw fixedBatch(source, "an image's logits change with the images beside it");
    return together;
  } finally {
    await session.release();
  }
}

async function run(
  session: InferenceSession,
  images: Float32Array,
  count: number,
  { image, classes, name }: ClassifierShape,
  source: string,
): Promise<Float32Array> {
  const { Tensor } = onnxRuntime();
  const dims = [count, image.channels, image.height, image.width];
  const results = await session
    .run({ [IMAGES]: new Tensor("float32", images, dims) })
    .catch((cause: unknown) => {
      if (count > 1) throw fixedBatch(source, firstLine(cause), cause);
      throw new InputError(`${source} fails on images of ${name}`, {
        expected: `a classifier of ${image.height}x${image.width} images`,
        found: firstLine(cause),
        fix: `choose a model trained on ${name}`,
        cause,
      });
    });
  const logits = results[LOGITS];
  const found = logits?.dims ?? [];
  if (found[0] !== count && found[1] === classes)
    throw fixedBatch(source, `[${found.join(", ")}] for ${count} images`);
  if (!(logits?.data instanceof Float32Array) || found.length !== 2 || found[1] !== classes)
    throw new InputError(
      found.length === 2
        ? `${source} answers ${found[1] ?? 0} classes, but ${name} has ${classes}`
        : `${source} does not answer with logits`,
      {
        expected: `float32 [batch, ${classes}]`,
        found: `${logits?.type ?? "nothing"} [${found.join(", ")}]`,
        fix: `choose a model trained on ${name}`,
      },
    );
  return logits.data;
}

function refuseUnusable(logits: Float32Array, classes: number, source: string): void {
  if (!logits.every(Number.isFinite))
    throw new InputError(`${source} answers NaN or infinity`, {
      expected: "finite logits for images in [0, 1]",
      found: `${logits.filter((logit) => !Number.isFinite(logit)).length} of ${logits.length} are not`,
      fix: "check --mean and --std, and the file",
    });
  const rows = Array.from({ length: logits.length / classes }, (_, row) =>
    logits.subarray(row * classes, (row + 1) * classes),
  );
  const factor = probabilitySum(rows);
  if (factor === null) return;
  throw new InputError(`${source} answers probabilities${factor === 1 ? "" : ", times a constant"}`, {
    expected: "logits, as they are before softmax",
    found: `rows of numbers of one sign that sum to ${factor}`,
    fix: "export the model without its softmax",
  });
}

/**
 * What every row sums to, if that makes the rows look like probabilities, or like probabilities times a constant; null for logits, whose
 * sums differ or whose signs do.
 */
function probabilitySum(rows: readonly Float32Array[]): number | null {
  const sums = rows.map((row) => row.reduce((total, value) => total + value, 0));
  const sum = Number((sums[0] ?? 0).toPrecision(3));
  const oneSign = [1, -1].some((sign) => rows.every((row) => row.every((value) => value * sign >= 0)));
  if (sum === 0 || !oneSign || !sums.every((one) => Math.abs(one / sum - 1) < 1e-3)) return null;
  // Logits that are the same for every image sum to the same, too.
  const [first] = rows;
  const differ = rows.some((row) =>
    row.some((value, at) => Math.abs(value - (first?.[at] ?? 0)) > 1e-3 * Math.abs(sum)),
  );
  return differ || sum === 1 ? sum : null;
}

/** Refuses a model whose answers to one image differed: by much, or by any amount where there are operators that make random numbers. */
function refuseRandom(file: string | Uint8Array, source: string, isMuch: boolean): void {
  const model = parseModel(typeof file === "string" ? readModelFile(file) : file, source);
  const { random } = trainingNodes(model);
  if (random.length === 0 && !isMuch) return;
  throw new InputError(`${source} answers the same image differently when asked again`, {
    expected: "a model in inference mode, without random numbers",
    found: random.length === 0 ? "other logits the second time" : `random numbers in ${firstOf(random)}`,
    fix: `${INFERENCE_MODE}; noise that is part of the model has to be left out`,
  });
}

function fixedBatch(source: string, found: string, cause?: unknown): InputError {
  return new InputError(`the batch size of ${source} cannot be made free`, {
    expected: "a model that treats every image alone, whatever their number",
    found,
    fix: "export the model with a dynamic batch (torch.onnx.export: dynamic_axes or dynamic_shapes), after model.eval()",
    cause,
  });
}

/** ONNX Runtime's message, without the path of the file it loaded. */
function loadFailure(cause: unknown): string {
  const found = cause instanceof InputError ? (cause.detail.found ?? cause.message) : firstLine(cause);
  return found.replace(/^Load model from .*? failed:\s*/, "");
}

function firstLine(cause: unknown): string {
  return (cause instanceof Error ? cause.message : String(cause)).split("\n")[0] ?? "";
}
