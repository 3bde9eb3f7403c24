import type * as OnnxRuntime from "onnxruntime-common";
import type { LossGradient } from "./ascent.js";

/** What the page uses of onnxruntime-web. */
export type WebRuntime = Pick<typeof OnnxRuntime, "env" | "InferenceSession" | "Tensor">;

/** A classifier that runs in the browser. */
export interface Classifier {
  /** The logits of an image `[3, height, width]` in [0, 1], and the gradient of the cross-entropy with this label in its pixels. */
  lossGradient(image: Float32Array, label: number): Promise<LossGradient>;
}

/**
 * Opens a classifier from its gradient graph: one thread, and nothing is loaded from elsewhere.
 *
 * @param wasm onnxruntime-web's WebAssembly, as it is beside its scripts.
 * @param model The graph from `images` and `labels` to `logits` and `gradient`.
 */
export async function openClassifier(
  runtime: WebRuntime,
  wasm: Uint8Array,
  model: Uint8Array,
  { height, width }: { readonly height: number; readonly width: number },
): Promise<Classifier> {
  const { env, InferenceSession, Tensor } = runtime;
  env.logLevel = "error";
  env.wasm.numThreads = 1;
  env.wasm.wasmBinary = wasm;
  const session = await InferenceSession.create(model, { executionProviders: ["wasm"] });
  // A session answers one question at a time, and an attack that is no longer wanted may still be asking.
  let last: Promise<unknown> = Promise.resolve();

  async function ask(image: Float32Array, label: number): Promise<LossGradient> {
    const { logits, gradient } = await session.run({
      images: new Tensor("float32", image, [1, 3, height, width]),
      labels: new Tensor("int32", Int32Array.of(label), [1]),
    });
    return { logits: floatsOf(logits), gradient: floatsOf(gradient) };
  }

  return {
    lossGradient(image, label) {
      const answer = last.then(() => ask(image, label));
      last = answer.catch(() => undefined);
      return answer;
    },
  };
}

function floatsOf(tensor: OnnxRuntime.Tensor | undefined): Float32Array {
  if (!(tensor?.data instanceof Float32Array)) throw new Error("the model gave no such output");
  return tensor.data;
}

/** The bytes that an element of the page holds as base64 of gzip. */
export async function packedBytes(id: string): Promise<Uint8Array> {
  const bytes = bytesOfBase64(document.getElementById(id)?.textContent ?? "");
  const unpacked = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip"));
  return new Uint8Array(await new Response(unpacked).arrayBuffer());
}

export function bytesOfBase64(text: string): Uint8Array<ArrayBuffer> {
  const characters = atob(text);
  const bytes = new Uint8Array(characters.length);
  for (let at = 0; at < bytes.length; at++) bytes[at] = characters.charCodeAt(at);
  return bytes;
}
