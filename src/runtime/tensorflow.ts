import { createRequire } from "node:module";
import util from "node:util";
import type * as TensorFlow from "@tensorflow/tfjs-node-gpu";
import { WorkError } from "../errors.js";

export type { Tensor, Tensor1D, Tensor2D, Tensor3D, Tensor4D, Scalar } from "@tensorflow/tfjs-node-gpu";

/** Node 23 removed functions that tfjs-node still calls. */
function restoreRemovedNodeFunctions(): void {
  const target = util as unknown as Record<string, unknown>;
  target["isNullOrUndefined"] ??= (value: unknown) => value === null || value === undefined;
  target["isArray"] ??= Array.isArray;
}

function load(): typeof TensorFlow {
  process.env["TF_CPP_MIN_LOG_LEVEL"] ??= "2";
  restoreRemovedNodeFunctions();
  try {
    return createRequire(import.meta.url)("@tensorflow/tfjs-node-gpu") as typeof TensorFlow;
  } catch (cause) {
    throw new WorkError("libtensorflow cannot be loaded", {
      found: cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause),
      fix: "make setup, then mtard doctor",
      cause,
    });
  }
}

/** TensorFlow.js on libtensorflow; importing this file loads the native library (about half a second). */
export const tf: typeof TensorFlow = load();
