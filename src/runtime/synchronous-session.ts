import type { InferenceSession, Tensor } from "onnxruntime-common";
import { InputError, WorkError } from "../errors.js";
import type { Device } from "./device.js";
import { requireEngines } from "./native-library.js";
import { firstLine, onnxRuntime, sessionOptions } from "./onnxruntime.js";

/** What is used of onnxruntime-node's `dist/binding.js`, which its public types do not show. */
interface Internals {
  readonly initOrt: () => void;
  binding: { InferenceSession: new () => NativeSession };
}

interface NativeSession {
  loadModel(
    buffer: ArrayBuffer,
    byteOffset: number,
    byteLength: number,
    options: InferenceSession.SessionOptions,
  ): void;
  readonly outputMetadata: readonly { readonly name: string }[];
  run(
    feeds: Readonly<Record<string, Tensor>>,
    fetches: Readonly<Record<string, null>>,
    options: object,
  ): Record<string, Tensor>;
  dispose(): void;
}

/** A model that runs without promises, as attacks need it: they are written as plain loops over tensors. */
export interface SynchronousSession {
  /**
   * Runs the model and returns the named outputs, by default all of them.
   *
   * @throws {WorkError} if ONNX Runtime fails, such as for lack of memory.
   */
  run(
    feeds: Readonly<Record<string, Tensor>>,
    outputs?: readonly string[],
  ): Readonly<Partial<Record<string, Tensor>>>;
  release(): void;
}

/** Where and how a model runs. */
export interface SynchronousSessionOptions {
  readonly device: Device;
  /** How many threads one run may use on the CPU. */
  readonly threads: number;
  /** The folder of the model's external data, or null if it has none. */
  readonly dataFolder: string | null;
  /** Whether ONNX Runtime rewrites the model first, which takes longer than a few runs; true by default. */
  readonly optimized?: boolean;
}

/**
 * Opens a model on a device that `chooseDevice` found to work.
 *
 * ONNX Runtime's public `run` wraps a blocking call of its binding in a promise. This makes that call directly.
 *
 * @throws {InputError} if the model cannot be loaded.
 */
export function openSynchronousModel(
  model: Uint8Array,
  { device, threads, dataFolder, optimized = true }: SynchronousSessionOptions,
): SynchronousSession {
  onnxRuntime();
  const { binding, initOrt } = requireEngines()("onnxruntime-node/dist/binding.js") as Internals;
  initOrt();
  const session = new binding.InferenceSession();
  try {
    const { buffer, byteOffset, byteLength } = model;
    session.loadModel(
      buffer as ArrayBuffer,
      byteOffset,
      byteLength,
      sessionOptions(device, threads, { dataFolder, optimized }),
    );
  } catch (cause) {
    throw new InputError("ONNX Runtime cannot load the model", {
      expected: "a valid ONNX model",
      found: firstLine(cause),
      cause,
    });
  }
  const all = session.outputMetadata.map(({ name }) => name);
  return {
    run(feeds, outputs = all) {
      try {
        return session.run(feeds, Object.fromEntries(outputs.map((name) => [name, null])), {});
      } catch (cause) {
        throw new WorkError("ONNX Runtime cannot run the model", { found: firstLine(cause), cause });
      }
    },
    release: () => session.dispose(),
  };
}
