import { availableParallelism } from "node:os";
import { readFileSync } from "node:fs";
import { askNvidiaSmi } from "../runtime/nvidia-smi.js";
import type { DeviceRequest } from "../runtime/device.js";

/** What one of several processes on this machine gets of it. */
export interface Share {
  /** The GPU, as `CUDA_VISIBLE_DEVICES` names it; null where there is none to give. */
  readonly gpu: string | null;
  /** The cores it is kept to, by number. */
  readonly cores: readonly number[];
}

/**
 * Shares out a machine to so many processes: each is kept to its own cores, and gets a GPU where there are some, by turns where there are fewer.
 *
 * @param gpus The GPUs, as `CUDA_VISIBLE_DEVICES` names them.
 * @param cores The cores there are, by number.
 */
export function shareOut(processes: number, gpus: readonly string[], cores: readonly number[]): Share[] {
  return Array.from({ length: processes }, (_, index) => {
    const gpu = gpus[index % gpus.length] ?? null;
    const first = Math.floor((index * cores.length) / processes);
    const end = Math.floor(((index + 1) * cores.length) / processes);
    return { gpu, cores: cores.slice(first, Math.max(end, first + 1)) };
  });
}

/** The GPUs that a process of this call may use: those of `CUDA_VISIBLE_DEVICES`, else all; none where the CPU is asked for. */
export function gpusHere(device: DeviceRequest): string[] {
  if (device === "cpu") return [];
  const visible = process.env["CUDA_VISIBLE_DEVICES"];
  if (visible === undefined) return askNvidiaSmi("index").map(([index = ""]) => index);
  const named = visible.split(",").map((name) => name.trim());
  // CUDA itself stops at the first that there cannot be.
  const end = named.findIndex((name) => name === "" || name.startsWith("-"));
  return end < 0 ? named : named.slice(0, end);
}

/** The cores that this process may use, by number. */
export function coresHere(): number[] {
  try {
    const list = /^Cpus_allowed_list:\s*(.+)$/m.exec(readFileSync("/proc/self/status", "utf8"))?.[1] ?? "";
    const cores = list.split(",").flatMap((range) => {
      const [first = NaN, last = first] = range.split("-").map(Number);
      return Array.from({ length: last - first + 1 }, (_, index) => first + index);
    });
    if (cores.length > 0 && cores.every(Number.isInteger)) return cores;
  } catch {
    // Only Linux has it.
  }
  return Array.from({ length: availableParallelism() }, (_, index) => index);
}
