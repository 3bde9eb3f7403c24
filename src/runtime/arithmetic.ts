import { readFileSync } from "node:fs";
import { InputError } from "../errors.js";
import { isCompiling } from "./compiled.js";
import type { Device } from "./device.js";
import { askNvidiaSmi } from "./nvidia-smi.js";

/** What a machine's processor, or its GPU, computes in besides float32. */
export interface Arithmetic {
  /** The instructions that multiply bfloat16, or why there are none. */
  readonly bfloat16: { readonly works: boolean; readonly found: string };
  /** TensorFloat-32, which only NVIDIA's GPUs have. */
  readonly tf32: { readonly works: boolean; readonly found: string };
}

/** The first generation of NVIDIA's GPUs, Ampere, that multiplies bfloat16 and TF32. */
const AMPERE = 8;

/** Looks at what the hardware of a device computes in. */
export function arithmeticOf(device: Device): Arithmetic {
  if (device === "cpu") {
    const flags = processorFlags();
    const has = ["amx_bf16", "avx512_bf16"].filter((flag) => flags.has(flag));
    const found = has.length > 0 ? has.join(", ") : "a processor without avx512_bf16 and amx_bf16";
    return {
      bfloat16: { works: has.length > 0, found },
      tf32: { works: false, found: "a processor: TF32 is NVIDIA's GPUs'" },
    };
  }
  const capability = computeCapability();
  const works = capability >= AMPERE;
  const found = `a GPU of compute capability ${capability}${works ? "" : `, below ${AMPERE}.0`}`;
  return { bfloat16: { works, found }, tf32: { works, found } };
}

/** How training computes: its settings of that name. */
export interface PrecisionSettings {
  readonly precision: "float32" | "bfloat16" | "tf32";
  readonly attackPrecision: "float32" | "bfloat16";
}

/** @throws {InputError} if the settings ask for what the device, or this installation, does not have. */
export function requireArithmetic({ precision, attackPrecision }: PrecisionSettings, device: Device): void {
  const { bfloat16, tf32 } = arithmeticOf(device);
  if (precision === "tf32" && !tf32.works)
    throw new InputError("precision is tf32, which this device does not have", {
      expected: `an NVIDIA GPU of compute capability ${AMPERE}.0 or newer`,
      found: tf32.found,
      fix: "--set precision=float32",
    });
  const asking = precision === "bfloat16" ? "precision" : "attackPrecision";
  if (precision !== "bfloat16" && attackPrecision !== "bfloat16") return;
  const fix = `--set ${asking}=float32`;
  if (!bfloat16.works)
    throw new InputError(`${asking} is bfloat16, which this device does not have`, {
      expected:
        "a processor with avx512_bf16 or amx_bf16, or an NVIDIA GPU of compute capability 8.0 or newer",
      found: bfloat16.found,
      fix,
    });
  if (!isCompiling())
    throw new InputError(`${asking} is bfloat16, and passes are not compiled`, {
      expected: "compiled passes: bfloat16 is within them only",
      found: "MTARD_COMPILE=0",
      fix: `unset MTARD_COMPILE, or ${fix}`,
    });
}

/**
 * Tells NVIDIA's libraries, before they are loaded, whether float32 may be TF32, which has 10 bits of fraction instead of 23. They would
 * use it by themselves.
 */
export function allowTf32(allowed: boolean): void {
  process.env["NVIDIA_TF32_OVERRIDE"] = allowed ? "1" : "0";
}

function processorFlags(): Set<string> {
  try {
    const line = /^flags\s*:\s*(.*)$/m.exec(readFileSync("/proc/cpuinfo", "utf8"))?.[1] ?? "";
    return new Set(line.split(/\s+/));
  } catch {
    return new Set();
  }
}

/** The lowest compute capability of the GPUs that may be used, 0 if it cannot be asked. */
function computeCapability(): number {
  const capabilities = askNvidiaSmi("compute_cap").map(([capability]) => Number(capability));
  const lowest = Math.min(...capabilities);
  return Number.isFinite(lowest) ? lowest : 0;
}
