import { existsSync } from "node:fs";
import { dirname, join } from "node:path";
import type * as OnnxRuntime from "onnxruntime-common";
import { InputError, WorkError, type ErrorDetail } from "../errors.js";
import { loadLibrary, requireEngines } from "./native-library.js";
import { gpuNames, type Device, type DeviceRequest } from "./device.js";

export type { InferenceSession, Tensor } from "onnxruntime-common";

/** A model ready to run, and where it really runs. */
export interface OpenSession {
  readonly session: OnnxRuntime.InferenceSession;
  readonly device: Device;
}

export interface OpenSessionOptions {
  /** The folder with the external data of a model given as bytes, if it has any; ONNX Runtime maps them into memory. */
  readonly dataFolder?: string | null | undefined;
  /**
   * Whether ONNX Runtime rewrites the graph for speed, as it does by default. It then holds most weights a second time, in the layout
   * of its kernels, and takes longer to load.
   */
  readonly optimized?: boolean | undefined;
}

let loaded: typeof OnnxRuntime | undefined;

/**
 * ONNX Runtime, loaded at the first call.
 *
 * @throws {WorkError} if its native library cannot be loaded.
 */
export function onnxRuntime(): typeof OnnxRuntime {
  if (loaded !== undefined) return loaded;
  loaded = loadLibrary("onnxruntime-node", "ONNX Runtime") as typeof OnnxRuntime;
  loaded.env.logLevel = "fatal"; // what it would print is in the error it throws
  return loaded;
}

/**
 * Opens a model, given as a file's path or its bytes, on the device asked for; `auto` takes the GPU where it works.
 *
 * @param threads How many threads one run may use on the CPU.
 * @throws {WorkError} if ONNX Runtime is not set up, or `cuda` was asked for and cannot be used.
 * @throws {InputError} if the model cannot be loaded.
 */
export async function openSession(
  model: string | Uint8Array,
  request: DeviceRequest,
  threads: number,
  options: OpenSessionOptions = {},
): Promise<OpenSession> {
  const device = await chooseDevice(request);
  try {
    return { session: await createSession(model, device, threads, options), device };
  } catch (cause) {
    // It is not the model that is wrong where ONNX Runtime is not set up.
    if (cause instanceof WorkError) throw cause;
    throw new InputError(
      `ONNX Runtime cannot load ${typeof model === "string" ? model : "the model given as bytes"}`,
      { expected: "a valid ONNX model", found: firstLine(cause), cause },
    );
  }
}

/**
 * The device a model asked for with `request` runs on.
 *
 * @throws {WorkError} if `cuda` was asked for and cannot be used.
 */
export async function chooseDevice(request: DeviceRequest): Promise<Device> {
  if (request === "cpu") return "cpu";
  const problem = await cudaProblem();
  if (problem === undefined) return "cuda";
  if (request === "cuda") throw new WorkError("ONNX Runtime does not run on the GPU", problem);
  return "cpu";
}

let knownProblem: Promise<ErrorDetail | undefined> | undefined;

/** Why ONNX Runtime cannot use CUDA here and what to do about it, or undefined if it can; found out once per process. */
export function cudaProblem(): Promise<ErrorDetail | undefined> {
  return (knownProblem ??= findCudaProblem());
}

async function findCudaProblem(): Promise<ErrorDetail | undefined> {
  const expected = "an NVIDIA GPU with its driver, and ONNX Runtime's CUDA provider";
  if (process.env["CUDA_VISIBLE_DEVICES"] === "-1")
    return {
      expected,
      found: "the GPU is hidden by CUDA_VISIBLE_DEVICES=-1",
      fix: "unset CUDA_VISIBLE_DEVICES",
    };
  if (gpuNames().length === 0)
    return { expected, found: "no NVIDIA GPU with a driver on this machine", fix: "--device cpu" };
  if (!existsSync(join(nativeFolder(), "libonnxruntime_providers_cuda.so")))
    return { expected, found: "the CUDA provider is not set up", fix: "mtard setup --device cuda" };
  try {
    await runProbe("cuda");
    return undefined;
  } catch (cause) {
    return { expected, found: firstLine(cause), fix: "mtard doctor; or --device cpu", cause };
  }
}

/** y = 3 x as a 1x1 convolution, the smallest model that makes the CUDA provider load cuDNN. */
const PROBE = Buffer.from(
  "CAc6ZwoPCgF4CgF3EgF5IgRDb252EgVwcm9iZSoTCAEIAQgBCAEQASIEAABAQEIBd1obCgF4EhYKFAgBEhAKAggBCgIIAQoCCAEKAggBYhsKAXkSFgoUCAESEAoCCAEKAggBCgIIAQoCCAFCBAoAEA0=",
  "base64",
);

/**
 * Runs a one-convolution model on the device, as a proof that ONNX Runtime works there.
 *
 * @throws {Error} ONNX Runtime's own error if it does not.
 */
export async function runProbe(device: Device): Promise<void> {
  const session = await createSession(PROBE, device, 1);
  try {
    const { Tensor } = onnxRuntime();
    const { y } = await session.run({ x: new Tensor("float32", Float32Array.of(2), [1, 1, 1, 1]) });
    if (y?.data[0] !== 6)
      throw new Error(`a test convolution on ${device} gave ${String(y?.data[0])}, not 6`);
  } finally {
    await session.release();
  }
}

async function createSession(
  model: string | Uint8Array,
  device: Device,
  threads: number,
  options: OpenSessionOptions = {},
): Promise<OnnxRuntime.InferenceSession> {
  const { InferenceSession } = onnxRuntime();
  const session = sessionOptions(device, threads, options);
  return typeof model === "string"
    ? await InferenceSession.create(model, session)
    : await InferenceSession.create(model, session);
}

/** ONNX Runtime's options for a session. */
export function sessionOptions(
  device: Device,
  threads: number,
  { dataFolder = null, optimized = true }: OpenSessionOptions,
): OnnxRuntime.InferenceSession.SessionOptions {
  if (device === "cuda") loadCudaLibraries();
  return {
    executionProviders: device === "cuda" ? ["cuda", "cpu"] : ["cpu"],
    graphOptimizationLevel: optimized ? "all" : "disabled",
    intraOpNumThreads: threads,
    // What it would print has names from the file in it; an error that it throws says the same.
    logSeverityLevel: 4,
    extra: {
      session: {
        // Idle threads that spin would take the cores libtensorflow computes on.
        intra_op: { allow_spinning: "0" },
        ...(dataFolder === null ? {} : { model_external_initializers_file_folder_path: dataFolder }),
      },
    },
  };
}

/**
 * Loads the CUDA libraries before the provider asks for them, through a module that set-up made: the provider knows their
 * names, but not where they are.
 */
function loadCudaLibraries(): void {
  const libraries = join(nativeFolder(), "cuda_libraries.node");
  if (existsSync(libraries)) requireEngines()(libraries);
}

/** Where onnxruntime-node keeps its native libraries and looks for its providers. */
function nativeFolder(): string {
  return join(dirname(requireEngines().resolve("onnxruntime-node/package.json")), "bin/napi-v6/linux/x64");
}

/** The part of an ONNX Runtime error that helps a person. */
export function firstLine(cause: unknown): string {
  const text = cause instanceof Error ? cause.message : String(cause);
  return /CUDA failure \d+: [^;]+/.exec(text)?.[0].trim() ?? text.split("\n")[0] ?? "";
}
