import { readdirSync, readFileSync } from "node:fs";
import { availableParallelism } from "node:os";
import { InputError, WorkError } from "../errors.js";
import { askNvidiaSmi } from "./nvidia-smi.js";
import type { tf } from "./tensorflow.js";

/** Where a network runs. */
export type Device = "cpu" | "cuda";

/** Where the user wants networks to run; `auto` takes the GPU where it works. */
export type DeviceRequest = Device | "auto";

const REQUESTS: readonly string[] = ["auto", "cpu", "cuda"] satisfies DeviceRequest[];

/**
 * The device asked for by `--device`, else by `MTARD_DEVICE`, else `auto`.
 *
 * @throws {InputError} if it is not `auto`, `cpu` or `cuda`.
 */
export function requestedDevice(option?: string): DeviceRequest {
  const asked = option ?? (process.env["MTARD_DEVICE"] || "auto");
  if (REQUESTS.includes(asked)) return asked as DeviceRequest;
  throw new InputError(`unknown device "${asked}"`, {
    expected: "auto, cpu or cuda",
    found: `${option === undefined ? "MTARD_DEVICE=" : "--device "}${asked}`,
  });
}

/**
 * Tells libtensorflow and ONNX Runtime, before either is loaded, which device and how many threads to use.
 *
 * Call it on the main thread: a worker's environment does not reach the native libraries.
 */
export function prepareNativeLibraries(device: DeviceRequest, threads: number): void {
  if (device === "cpu") process.env["CUDA_VISIBLE_DEVICES"] = "-1";
  process.env["NVIDIA_TF32_OVERRIDE"] ??= "0"; // float32 is float32 until the settings of a run say tf32
  process.env["TF_FORCE_GPU_ALLOW_GROWTH"] ??= "true"; // otherwise libtensorflow takes all GPU memory, the teachers' too
  process.env["TF_NUM_INTRAOP_THREADS"] ??= String(threads);
}

/**
 * Threads for one library: `MTARD_THREADS`, else one per core this process may use.
 *
 * @throws {InputError} if `MTARD_THREADS` is not a whole number from 1 to 1024.
 */
export function threadCount(): number {
  const asked = process.env["MTARD_THREADS"];
  if (asked === undefined || asked === "") return availableParallelism();
  const threads = Number(asked);
  if (Number.isInteger(threads) && threads >= 1 && threads <= 1024) return threads;
  throw new InputError("MTARD_THREADS is not a number of threads", {
    expected: "a whole number from 1 to 1024",
    found: `"${asked}"`,
  });
}

/** The device that libtensorflow, and so the student, really runs on. */
export function tensorflowDevice(engine: typeof tf): Device {
  const backend = engine.backend() as unknown as { isUsingGpuDevice?: boolean };
  return backend.isUsingGpuDevice === true ? "cuda" : "cpu";
}

/**
 * The device the student runs on.
 *
 * @throws {WorkError} if `cuda` was asked for and libtensorflow does not use it.
 */
export function studentDevice(engine: typeof tf, request: DeviceRequest): Device {
  const device = tensorflowDevice(engine);
  if (request !== "cuda" || device === "cuda") return device;
  const names = gpuNames();
  throw new WorkError("the student does not run on the GPU", {
    expected: "libtensorflow on cuda",
    found:
      names.length === 0
        ? "no NVIDIA GPU with a driver on this machine"
        : `libtensorflow on cpu, with ${names.join(", ")} present`,
    fix: names.length === 0 ? "--device cpu" : "mtard setup --device cuda, then mtard doctor",
  });
}

/** The names of the NVIDIA GPUs whose driver is loaded, empty if there is none. */
export function gpuNames(): string[] {
  const fromDriver = namesFromDriver("/proc/driver/nvidia/gpus");
  // WSL has no folder under /proc.
  return fromDriver.length > 0 ? fromDriver : askNvidiaSmi("name").map(([name = ""]) => name);
}

function namesFromDriver(folder: string): string[] {
  try {
    return readdirSync(folder).map((gpu) => {
      const text = readFileSync(`${folder}/${gpu}/information`, "utf8");
      return /^Model:\s*(.+)$/m.exec(text)?.[1]?.trim() ?? "NVIDIA GPU";
    });
  } catch {
    return [];
  }
}
