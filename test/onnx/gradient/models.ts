import type * as Ort from "onnxruntime-common";
import { fileURLToPath } from "node:url";
import type { ModelProto } from "onnx-buf";
import { float32Values, readSafetensors } from "#mtard/weights/safetensors.js";
import { differentiate } from "#mtard/onnx/gradient/differentiate.js";
import { lossGradientModel } from "#mtard/onnx/gradient/loss-gradient.js";
import type { LossHeadKind } from "#mtard/onnx/gradient/losses.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { onnxRuntime } from "../../../src/runtime/onnxruntime.js";

const ort = onnxRuntime();

export interface HostArray {
  readonly shape: readonly number[];
  readonly data: Float32Array | Int32Array;
}

/** A graph whose gradient is known, as golden.py and networks.py write it. */
export interface GoldenGraph {
  /** Empty where the file itself is in shared/. */
  readonly model: Uint8Array;
  readonly images: HostArray;
  /** The gradient of <logits, cotangent> in the images, or of the summed cross-entropy to the labels. */
  readonly gradient: HostArray;
  readonly cotangent?: HostArray;
  readonly labels?: HostArray;
  /** What the network answers, where it is kept. */
  readonly logits?: HostArray;
}

/** The graphs of a golden file beside this one, by name. */
export async function goldenGraphs(file: string): Promise<[string, GoldenGraph][]> {
  const { tensors } = await readSafetensors(fileURLToPath(new URL(file, import.meta.url)));
  const found = (name: string): HostArray | undefined => {
    const tensor = tensors.get(name);
    if (!tensor) return undefined;
    const { shape, bytes, dtype } = tensor;
    return { shape, data: dtype === "int32" ? new Int32Array(bytes.buffer) : float32Values(tensor) };
  };
  const names = [...tensors.keys()].flatMap((name) =>
    name.endsWith("/images") ? [name.slice(0, -"/images".length)] : [],
  );
  return names.sort().map((name) => {
    const [images, gradient] = [found(`${name}/images`), found(`${name}/gradient`)];
    if (!images || !gradient) throw new Error(`${file} has not all of "${name}"`);
    const [cotangent, labels] = [found(`${name}/cotangent`), found(`${name}/labels`)];
    const logits = found(`${name}/logits`);
    const model = tensors.get(`${name}/model`)?.bytes ?? new Uint8Array();
    return [
      name,
      {
        model,
        images,
        gradient,
        ...(cotangent ? { cotangent } : {}),
        ...(labels ? { labels } : {}),
        ...(logits ? { logits } : {}),
      },
    ];
  });
}

/** The first `count` rows as a tensor. */
export function rows({ shape: [, ...rest], data }: HostArray, count: number): Ort.Tensor {
  const size = rest.reduce((product, extent) => product * extent, 1);
  const taken = data.slice(0, count * size);
  return taken instanceof Int32Array
    ? new ort.Tensor("int32", taken, [count, ...rest])
    : new ort.Tensor("float32", taken, [count, ...rest]);
}

/** Builds the gradient of a classifier in the standard form, and runs it. */
export async function runGradient(
  model: ModelProto,
  kind: LossHeadKind,
  feeds: Record<string, Ort.Tensor>,
): Promise<{ logits: Float32Array; gradient: Float32Array; dims: readonly number[] }> {
  const bytes = serializeModel(lossGradientModel(differentiate(model), kind));
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const { logits, gradient } = await session.run(feeds);
  await session.release();
  if (!logits || !gradient) throw new Error("no gradient");
  return {
    logits: logits.data as Float32Array,
    gradient: gradient.data as Float32Array,
    dims: gradient.dims,
  };
}
