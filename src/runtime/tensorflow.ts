import util from "node:util";
import { loadLibrary } from "./native-library.js";
import type { TensorFlow } from "./tensor.js";

export type { Scalar, Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D } from "./tensor.js";

/** Node 23 removed functions that tfjs-node still calls. */
function restoreRemovedNodeFunctions(): void {
  const target = util as unknown as Record<string, unknown>;
  target["isNullOrUndefined"] ??= (value: unknown) => value === null || value === undefined;
  target["isArray"] ??= Array.isArray;
}

let loaded: TensorFlow | undefined;

function tensorFlow(): TensorFlow {
  if (loaded !== undefined) return loaded;
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "2";
  restoreRemovedNodeFunctions();
  return (loaded = loadLibrary("@tensorflow/tfjs-node-gpu", "libtensorflow") as TensorFlow);
}

/**
 * TensorFlow.js on libtensorflow, loaded at the first use of any of its functions (about half a second).
 *
 * @throws {WorkError} at that use, if the native library cannot be loaded.
 */
export const tf: TensorFlow = new Proxy({} as TensorFlow, {
  get: (_, name) => Reflect.get(tensorFlow(), name) as unknown,
});
