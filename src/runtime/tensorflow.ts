import util from "node:util";
import type * as TensorFlow from "@tensorflow/tfjs-node-gpu";
import { loadLibrary } from "./native-library.js";

export type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, Scalar } from "@tensorflow/tfjs-node-gpu";

/** Node 23 removed functions that tfjs-node still calls. */
function restoreRemovedNodeFunctions(): void {
  const target = util as unknown as Record<string, unknown>;
  target["isNullOrUndefined"] ??= (value: unknown) => value === null || value === undefined;
  target["isArray"] ??= Array.isArray;
}

let loaded: typeof TensorFlow | undefined;

function tensorFlow(): typeof TensorFlow {
  if (loaded !== undefined) return loaded;
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "2";
  restoreRemovedNodeFunctions();
  return (loaded = loadLibrary("@tensorflow/tfjs-node-gpu", "libtensorflow") as typeof TensorFlow);
}

/**
 * TensorFlow.js on libtensorflow, loaded at the first use of any of its functions (about half a second).
 *
 * @throws {WorkError} at that use, if the native library cannot be loaded.
 */
export const tf: typeof TensorFlow = new Proxy({} as typeof TensorFlow, {
  get: (_, name) => Reflect.get(tensorFlow(), name) as unknown,
});
