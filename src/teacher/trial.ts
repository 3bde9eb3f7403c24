import { readFileSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { withGradient } from "../attacks/with-gradient.js";
import { InputError } from "../errors.js";
import { type AdaptOptions, adaptClassifier } from "../onnx/adapt.js";
import { dataFilesOf, embedChanged, openStoredModel } from "../onnx/external-data.js";
import { differentiate } from "../onnx/gradient/differentiate.js";
import { lossGradientModel } from "../onnx/gradient/loss-gradient.js";
import { lacksMemory } from "../files/system-error.js";
import { parseModel, readModelFile, serializeModel } from "../onnx/model.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { requireSteadyShapes } from "../onnx/steady-shapes.js";
import { IMAGES, LOGITS } from "../onnx/writer.js";
import { onnxRuntime } from "../runtime/onnxruntime.js";
import { Random } from "../runtime/random.js";
import { openSynchronousModel, type SynchronousSession } from "../runtime/synchronous-session.js";
import { choosesBySize } from "../onnx/batch-choices.js";
import { batchLimits, firstLimits, type Limits, type Tried } from "./trial-limits.js";
import { randomImages, TOLERANCE, TRIED, verifyClassifier } from "./verify.js";

/* What is done in the process that verify-apart.ts starts. */

/** What is asked of a trial. */
export interface TrialRequest {
  /** Its path; external data are in the same folder. */
  readonly model: string;
  readonly expected: ClassifierShape;
  /** What the model is called in errors. */
  readonly source: string;
  /** How a model that is not in the standard form is brought into it; null for one that is. */
  readonly adapt: Omit<AdaptOptions, "source" | "stored"> | null;
  /** Whether to read it only, without running it. */
  readonly readOnly: boolean;
  /** Batch sizes it will meet, besides 1 and 3. */
  readonly batches: readonly number[];
  /** Whether it is asked for gradients, too. */
  readonly gradient: boolean;
  /** Whether one without a gradient will do all the same; not by default. */
  readonly gradientOptional?: boolean;
}

/** What a trial found. */
export interface TrialResult {
  /** Of three fixed random images, `[3, classes]`; empty if the model was only read. */
  readonly logits: Float32Array;
  /** How long an answer to the largest batch took, in seconds of one thread; 0 if the model was only read. */
  readonly seconds: number;
}

/** Told before each part of a trial what it is and what it may take. */
export type OnPart = (doing: string, limits: Limits) => void;

/** A gradient takes three times what answers take; its nodes are mtard's own, so it is tried on a batch only where that is quick. */
const GRADIENT = { cost: 4, seconds: 2 } as const;
/** How long other batch sizes are tried, where the graph may choose by them. */
const OTHER_SIZES_SECONDS = 1;

/**
 * Reads a model, runs it on few images and on batches, and asks it for a gradient, so that whatever it can do is done here.
 *
 * @throws {InputError} if it is no classifier of the data set, or an answer is wrong.
 */
export async function tryModel(request: TrialRequest, onPart: OnPart): Promise<TrialResult> {
  const { expected, source, batches, gradient, model } = request;
  const { image } = expected;
  const { size } = statSync(model);
  onPart("to be read", firstLimits({ megabytes: size / 1e6, image }));
  const { bytes, dataFolder, besides } = standardForm(request);
  const tried: Tried = { megabytes: (size + besides) / 1e6, image };
  if (request.readOnly) return { logits: new Float32Array(), seconds: 0 };

  onPart("for a few images", firstLimits(tried));
  const logits = await verifyClassifier({ bytes, dataFolder }, expected, source);
  // Said before the batches, which may take long.
  if (gradient && request.gradientOptional !== true) withGradient(parseModel(bytes, source), dataFolder);
  const session = openSynchronousModel(bytes, { device: "cpu", threads: 1, dataFolder });
  const answer = answersOf(session, expected, source);
  answer(1);
  const [few, fewSeconds] = timed(() => answer(TRIED));
  const measured = fewSeconds / TRIED;
  let seconds = fewSeconds;
  const largest = Math.max(TRIED, ...batches);
  for (const batch of [...new Set(batches)].sort((one, other) => one - other)) {
    const limits = batchLimits(tried, batch, measured);
    onPart(`for ${batch} images at once`, limits);
    const [many, took] = timed(() => answer(batch));
    requireLittleMemory(limits, source, `${batch} images`);
    requireSame(few, many, batch, source);
    if (batch === largest) seconds = took;
  }
  if (choosesBySize(parseModel(bytes, source))) {
    onPart(`for batches of up to ${largest} images`, batchLimits(tried, largest, measured));
    otherSizes(largest, (batch) => requireSame(few, answer(batch), batch, source));
  }
  // Whoever asks for gradients asks for answers too, so this session keeps its memory meanwhile.
  if (gradient) tryGradient(bytes, dataFolder, request, tried, { measured, largest, onPart });
  session.release();
  return { logits, seconds };
}

/** The model's bytes in the standard form, and the folder of its external data if it has any. */
function standardForm({ model, source, adapt, expected }: TrialRequest) {
  const folder = dirname(model);
  const bytes = readModelFile(model);
  const opened = openStoredModel(bytes, source, folder);
  if (adapt) {
    const options = { ...adapt, stored: opened.stored, source };
    embedChanged(opened, adaptClassifier(opened.model, expected, options).opened);
  }
  requireSteadyShapes(opened.model, source);
  const files = dataFilesOf(opened.model);
  return {
    bytes: adapt ? serializeModel(opened.model) : bytes,
    dataFolder: files.length === 0 ? null : folder,
    besides: files.reduce((total, file) => total + statSync(join(folder, file)).size, 0),
  };
}

/** Runs a model on so many of the same random images, and checks the shape of what it answers. */
function answersOf(
  session: SynchronousSession,
  { image, classes }: ClassifierShape,
  source: string,
): (count: number) => Float32Array {
  const { Tensor } = onnxRuntime();
  return (count) => {
    const dims = [count, image.channels, image.height, image.width];
    let logits;
    try {
      logits = session.run({ [IMAGES]: new Tensor("float32", randomImages(dims), dims) }, [LOGITS])[LOGITS];
    } catch (cause) {
      if (lacksMemory(cause)) throw memoryProblem(source, `${count} images`, cause);
      throw batchProblem(source, count, cause instanceof Error ? messageOf(cause) : String(cause));
    }
    const shape = logits?.dims ?? [];
    if (shape.length !== 2 || shape[0] !== count || shape[1] !== classes)
      throw batchProblem(source, count, `it answers [${shape.join(", ")}]`);
    return logits?.data as Float32Array;
  };
}

function messageOf(cause: Error & { detail?: { found?: string } }): string {
  return cause.detail?.found ?? cause.message;
}

function requireSame(few: Float32Array, many: Float32Array, batch: number, source: string): void {
  const scale = few.reduce((largest, logit) => Math.max(largest, Math.abs(logit)), 1);
  const same = few.subarray(0, many.length);
  if (!same.every((logit, index) => Math.abs(logit - (many[index] as number)) <= TOLERANCE * scale))
    throw batchProblem(source, batch, "an image's logits change with the images beside it");
}

function batchProblem(source: string, batch: number, found: string): InputError {
  return new InputError(`${source} cannot classify ${batch} images at once`, {
    expected: "a model that treats every image alone, whatever their number",
    found,
    fix: "export the model with a dynamic batch (torch.onnx.export: dynamic_axes or dynamic_shapes)",
  });
}

/** A run may be over before its memory is looked at from outside, so the most that this process ever had is looked at after it. */
function requireLittleMemory({ megabytes }: Limits, source: string, what: string): void {
  const peak = /^VmHWM:\s+(\d+)/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? 0;
  if (Number(peak) / 1000 > megabytes)
    throw memoryProblem(source, what, `${Math.round(Number(peak) / 1000)} MB`);
}

/** The limit on the process's memory comes as the engine's error where it is asked for much at once. */
function memoryProblem(source: string, what: string, cause: unknown): InputError {
  return new InputError(
    `${source} takes more memory for ${what} at once than a classifier of its size needs`,
    {
      expected: "no more than the limit of its trial",
      found: cause instanceof Error ? messageOf(cause) : String(cause),
      fix: "a smaller --batch-size; or, if it is your own and may take as much, the same command after MTARD_TRIAL_FACTOR=4",
      cause,
    },
  );
}

/** Tries batch sizes up to `largest` in random order, as long as they are few seconds. */
function otherSizes(largest: number, attempt: (batch: number) => void): void {
  const random = Random.fromSeed(1);
  const sizes = Array.from({ length: largest }, (_, index) => ({ size: index + 1, key: random.uniform() }));
  sizes.sort((one, other) => one.key - other.key);
  const end = performance.now() + OTHER_SIZES_SECONDS * 1000;
  for (const { size } of sizes) {
    if (performance.now() > end) return;
    attempt(size);
  }
}

/** Writes the gradient's graph and runs it; a model without a gradient is none the worse for answers. */
function tryGradient(
  bytes: Uint8Array,
  dataFolder: string | null,
  { expected, source }: TrialRequest,
  tried: Tried,
  {
    measured,
    largest,
    onPart,
  }: { readonly measured: number; readonly largest: number; readonly onPart: OnPart },
): void {
  const { seconds } = batchLimits(tried, TRIED, GRADIENT.cost * measured);
  // What answered the largest batch has kept its memory.
  const { megabytes } = batchLimits(tried, largest, measured);
  onPart("for its gradient", { seconds, megabytes });
  let written: Uint8Array;
  try {
    written = serializeModel(
      lossGradientModel(differentiate(parseModel(bytes, source), dataFolder), "cotangent"),
    );
  } catch (error) {
    if (error instanceof InputError) return;
    throw error;
  }
  const session = openSynchronousModel(written, { device: "cpu", threads: 1, dataFolder });
  const { channels, height, width } = expected.image;
  const { Tensor } = onnxRuntime();
  const run = (batch: number): void => {
    const dims = [batch, channels, height, width];
    const ones = new Float32Array(batch * expected.classes).fill(1);
    try {
      session.run({
        [IMAGES]: new Tensor("float32", randomImages(dims), dims),
        cotangent: new Tensor("float32", ones, [batch, expected.classes]),
      });
    } catch (cause) {
      throw lacksMemory(cause) ? memoryProblem(source, `the gradient of ${batch} images`, cause) : cause;
    }
  };
  run(TRIED);
  if (largest * measured * GRADIENT.cost < GRADIENT.seconds) {
    const limits = batchLimits(tried, largest, GRADIENT.cost * measured);
    onPart(`for the gradient of ${largest} images`, limits);
    run(largest);
    requireLittleMemory(limits, source, `the gradient of ${largest} images`);
  }
  session.release();
}

/** What a call makes, and the processor seconds it took. */
function timed<Result>(work: () => Result): [Result, number] {
  const begin = process.cpuUsage();
  const result = work();
  const { user, system } = process.cpuUsage(begin);
  return [result, (user + system) / 1e6];
}
