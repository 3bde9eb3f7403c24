/*
 * Loads one native library and prints what it is as one JSON line. Run as a program of its own by `mtard doctor` and by
 * set-up, because a library that does not fit the machine can end the process that loads it.
 */
import { WorkError, type ErrorDetail } from "../errors.js";
import {
  gpuNames,
  prepareNativeLibraries,
  requestedDevice,
  tensorflowDevice,
  threadCount,
  type Device,
} from "./device.js";
import { compiled, compileRefusal, usesXla, isCompiling } from "./compiled.js";
import { requireEngines } from "./native-library.js";
import { tf } from "./tensorflow.js";
import { chooseDevice, cudaProblem, onnxRuntime, runProbe } from "./onnxruntime.js";

/** What a library says of itself. */
export interface NativeReport {
  readonly version: string;
  readonly device: Device;
  /** The NVIDIA GPUs whose driver is loaded. */
  readonly gpus: string[];
  /** The file that was loaded, where it is known. */
  readonly binding?: string;
  /** Whether libtensorflow compiles passes, and how it does. */
  readonly compiling?: { readonly works: boolean; readonly found: string };
  /** Why ONNX Runtime cannot use the GPU, if so. */
  readonly cudaProblem?: ErrorDetail;
}

export type NativeLibrary = "libtensorflow" | "onnxruntime";

const checks: Record<NativeLibrary, () => NativeReport | Promise<NativeReport>> = {
  libtensorflow() {
    const sum = tf.tidy(() => tf.sum(tf.tensor1d([1, 2])).dataSync()[0]);
    if (sum !== 3) throw new Error(`libtensorflow computed 1 + 2 = ${String(sum)}`);
    const { binding } = tf.backend() as unknown as { binding: { TF_Version: string } };
    const module = requireEngines().resolve("@tensorflow/tfjs-node-gpu/package.json");
    return {
      version: binding.TF_Version,
      device: tensorflowDevice(tf),
      gpus: gpuNames(),
      binding: module.replace("package.json", "lib/napi-v8/tfjs_binding.node"),
      compiling: checkCompiling(),
    };
  },
  async onnxruntime() {
    await runProbe("cpu");
    const problem = await cudaProblem();
    return {
      version: onnxRuntime().env.versions.node ?? "unknown",
      device: await chooseDevice("auto"),
      gpus: gpuNames(),
      ...(problem === undefined ? {} : { cudaProblem: { ...problem, cause: undefined } }),
    };
  },
};

/** Compiles something small, as passes are. */
function checkCompiling(): { works: boolean; found: string } {
  if (process.env["MTARD_COMPILE"] === "0")
    return { works: false, found: "kernel by kernel: MTARD_COMPILE=0" };
  if (!isCompiling())
    return { works: false, found: "kernel by kernel: the binding was set up before it knew functions" };
  const inputs = new Map([["given", tf.scalar(2)]]);
  const made = compiled(inputs, "twice", inputs, (given) => {
    const value = given.get("given");
    return new Map(value ? [["twice", tf.add(value, value)]] : []);
  });
  const refusal = compileRefusal();
  const answer = made.get("twice")?.dataSync()[0];
  if (refusal !== null) return { works: false, found: `kernel by kernel: ${refusal}` };
  if (answer !== 4) throw new Error(`a function of libtensorflow computed 2 + 2 = ${String(answer)}`);
  return { works: true, found: usesXla() ? "passes compiled, by XLA" : "passes compiled" };
}

const library = process.argv[2] as NativeLibrary;
try {
  prepareNativeLibraries(requestedDevice(), threadCount());
  process.stdout.write(`${JSON.stringify(await checks[library]())}\n`);
} catch (error) {
  process.stderr.write(`${reason(error)}\n`);
  process.exitCode = 1;
}

/** One line: the library's own message, rather than that it cannot be loaded. */
function reason(error: unknown): string {
  if (error instanceof WorkError) return error.detail.found ?? error.message;
  return error instanceof Error ? error.message : String(error);
}
