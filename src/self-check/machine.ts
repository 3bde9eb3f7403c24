import { availableParallelism, cpus, loadavg, release, totalmem } from "node:os";
import { WorkError } from "../errors.js";
import { type Arithmetic, arithmeticOf } from "../runtime/arithmetic.js";
import { type Device, gpuNames, threadCount } from "../runtime/device.js";
import { askLibrary } from "../runtime/diagnosis.js";
import { askNvidiaSmi } from "../runtime/nvidia-smi.js";
import { version } from "../version.js";

/** What a self-check is made on. */
export interface Machine {
  /** Where the student runs. */
  readonly device: Device;
  /** Where teachers run. */
  readonly teacherDevice: Device;
  /** Whether passes are compiled. */
  readonly compiles: boolean;
  readonly arithmetic: Arithmetic;
  /** What a person wants to know of it, by name. */
  readonly facts: Readonly<Record<string, string>>;
}

/**
 * Looks at the machine; the engines are asked in processes of their own.
 *
 * @throws {WorkError} if one of them does not work; the signal's reason if that stopped it.
 */
export async function describeMachine(signal: AbortSignal): Promise<Machine> {
  const load = loadavg()[0] ?? 0;
  const [tensorflow, onnxRuntime] = await Promise.all([
    askLibrary("libtensorflow"),
    askLibrary("onnxruntime"),
  ]);
  // What stops this process on a terminal stops those too.
  signal.throwIfAborted();
  if ("failure" in tensorflow) throw unusable("libtensorflow", tensorflow.failure);
  if ("failure" in onnxRuntime) throw unusable("ONNX Runtime", onnxRuntime.failure);
  const { device, compiling } = tensorflow;
  const arithmetic = arithmeticOf(device);
  const gpus = askNvidiaSmi("name", "driver_version", "memory.total").map(
    ([name = "?", driver = "?", mebibytes]) =>
      `${name}, driver ${driver}, ${(Number(mebibytes) / 1024).toFixed(1)} GiB`,
  );
  return {
    device,
    teacherDevice: onnxRuntime.device,
    compiles: compiling?.works ?? false,
    arithmetic,
    facts: {
      processor: `${cpus()[0]?.model.trim() ?? "?"}, ${availableParallelism()} cores, ${threadCount()} threads a library`,
      memory: `${(totalmem() / 1e9).toFixed(1)} GB`,
      load: `${load.toFixed(1)} before the start${load > 0.5 ? ": other work slows what is measured here" : ""}`,
      GPU: (gpus.length > 0 ? gpus : gpuNames()).join("; ") || "none",
      student: `libtensorflow ${tensorflow.version} on ${device}, ${compiling?.found ?? "kernel by kernel"}`,
      teachers: `ONNX Runtime ${onnxRuntime.version} on ${onnxRuntime.device}`,
      bfloat16: arithmetic.bfloat16.works
        ? `yes, ${arithmetic.bfloat16.found}`
        : `no, ${arithmetic.bfloat16.found}`,
      tf32: arithmetic.tf32.works ? `yes, ${arithmetic.tf32.found}` : `no, ${arithmetic.tf32.found}`,
      software: `mtard ${version}, Node.js ${process.version}, Linux ${release()}`,
    },
  };
}

function unusable(engine: string, found: string): WorkError {
  return new WorkError(`${engine} does not work`, { found, fix: "mtard doctor" });
}
