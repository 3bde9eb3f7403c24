import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir, totalmem } from "node:os";
import { join } from "node:path";
import { askNvidiaSmi } from "../runtime/nvidia-smi.js";
import type { Check, Found } from "./check.js";
import type { Machine } from "./machine.js";
import { precisionsOf } from "./numbers.js";
import { operationsOf } from "./speed.js";

/** Networks that are timed, and their batches. */
const SIZES = {
  cpu: { repeats: 3, peaks: [768, 2048], networks: { "resnet-18": 8, "resnet-20": 32 } },
  cuda: { repeats: 10, peaks: [4096, 8192], networks: { "resnet-18": 128, "resnet-20": 128 } },
} as const;

/** Below this share of the machine's peak, a gradient is worth a look. */
const LOW_SHARE = 0.1;
/** Above this share of the memory there is, steps are. */
const HIGH_SHARE = 0.8;

/** How fast the machine is: its peak in each arithmetic, and gradients and steps beside it. */
export function speedChecks(machine: Machine): Check[] {
  const { device } = machine;
  const { networks, repeats, peaks: sizes } = SIZES[device];
  /** Operations a second, by arithmetic. */
  const peaks = new Map<string, number>();
  return precisionsOf(machine).flatMap(({ name, precision, environment }) => [
    {
      section: "speed",
      title: `the peak in ${name}`,
      async find(ask) {
        const { operations, size } = await ask("peak", { device, precision, sizes }, environment);
        peaks.set(name, operations);
        return [
          inSpeed({
            subject: `peak in ${name}, product of ${size}x${size} matrices`,
            found: `${(operations / 1e9).toFixed(0)} GFLOP/s`,
            expected: "",
            verdict: operations > 0 ? "ok" : "failed",
            values: { operationsPerSecond: operations, size },
          }),
        ];
      },
    },
    ...Object.entries(networks).map(([network, count]): Check => ({
      section: "speed",
      title: `${network} in ${name}`,
      async find(ask) {
        const { gradient, step, firstStep } = await ask(
          "speed",
          { network, count, device, precision, repeats },
          environment,
        );
        const operations = operationsOf(network, count);
        const shares = shareOf(peaks.get(name), operations, { gradient, step });
        const known = Number.isFinite(shares.gradient);
        const share = (of: number): string => (known ? ` (${(100 * of).toFixed(0)}%)` : "");
        return [
          inSpeed({
            subject: `${network}, ${count} images, ${name}`,
            found: `gradient ${time(gradient)}${share(shares.gradient)}, step ${time(step)}${share(shares.step)}, first ${time(firstStep)}`,
            expected: known ? `gradient ${100 * LOW_SHARE}% of peak` : "",
            verdict: shares.gradient < LOW_SHARE ? "low" : "ok",
            values: {
              gradient,
              step,
              firstStep,
              ...(known ? { gradientShare: shares.gradient, stepShare: shares.step } : {}),
            },
          }),
        ];
      },
    })),
  ]);
}

/** What student and teacher hold while they make steps together. */
export function memoryCheck({ device, teacherDevice }: Machine): Check {
  const network = "resnet-18";
  const count = SIZES[device].networks[network];
  return {
    section: "memory",
    title: "a step with a teacher in its own process",
    async find(ask) {
      const folder = mkdtempSync(join(tmpdir(), "mtard-self-check-"));
      try {
        const question = { network, count, device, teacherDevice, precision: "float32", folder } as const;
        // The teacher is gone after the check: what is kept of its trial goes with it.
        const held = await ask("memory", question, { MTARD_TRIALS: join(folder, "trials") });
        const { student, teacher, gpu, step } = held;
        const used = gpu === null || device === "cpu" ? (student + teacher) / totalmem() : gpu / gpuTotal();
        const onGpu = gpu === null ? "" : `; on the GPU ${gigabytes(gpu)}`;
        return [
          {
            section: "memory",
            subject: `${network}, ${count} images, student beside a teacher`,
            found: `student ${gigabytes(student)}, teacher ${gigabytes(teacher)}${onGpu}; step ${time(step)}`,
            expected: `up to ${100 * HIGH_SHARE}% of memory`,
            verdict: used > HIGH_SHARE ? "high" : "ok",
            values: { student, teacher, ...(gpu === null ? {} : { gpu }), step },
          },
        ];
      } finally {
        rmSync(folder, { recursive: true, force: true });
      }
    },
  };
}

function shareOf<Part extends string>(
  peak = NaN,
  operations: Readonly<Record<Part, number>>,
  seconds: Readonly<Record<Part, number>>,
): Record<Part, number> {
  const parts = Object.keys(seconds) as Part[];
  return Object.fromEntries(parts.map((part) => [part, operations[part] / seconds[part] / peak])) as Record<
    Part,
    number
  >;
}

/** Bytes of memory of all GPUs; NaN where that is not known. */
function gpuTotal(): number {
  return askNvidiaSmi("memory.total").reduce((sum, [mebibytes]) => sum + Number(mebibytes) * 2 ** 20, 0);
}

const inSpeed = (found: Found) => ({ section: "speed", ...found }) as const;

function gigabytes(bytes: number): string {
  return `${(bytes / 1e9).toFixed(2)} GB`;
}

function time(seconds: number): string {
  return seconds < 1 ? `${(1000 * seconds).toFixed(seconds < 0.01 ? 1 : 0)} ms` : `${seconds.toFixed(2)} s`;
}
