import { createHash } from "node:crypto";
import { readdirSync } from "node:fs";
import { cpus } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { z } from "zod";
import { cacheFolder } from "../../scripts/setup/cache.mjs";
import { pinsKey } from "../../scripts/setup/record.mjs";
import { WorkError } from "../errors.js";
import { writeFileOnce } from "../files/atomic.js";
import { readTextFile } from "../files/read-text.js";
import { isSystemError } from "../files/system-error.js";
import { threadCount } from "./device.js";

/*
 * Some works have two ways to the same result, and which is faster depends on the machine. Both are measured when the work first comes up,
 * and the result is kept in the user's cache for good: a run that goes on, or is started again, computes as it did before.
 */

/** The other way must take less than this share of the usual one's time: within the noise of a measurement, the usual one stays. */
const MARGIN = 0.9;
const ROUNDS = 3;
const MAXIMUM_BYTES = 1 << 16;

const schema = z.object({
  machine: z.string(),
  work: z.string(),
  /** The best times of both ways. */
  milliseconds: z.object({ usual: z.number().positive(), other: z.number().positive() }),
});

/** A work that has two ways, and how long they took here. */
export interface KernelChoice extends Readonly<z.infer<typeof schema>> {}

/** What this process goes by; it stays also where the cache cannot be written. */
const choices = new Map<string, KernelChoice>();

/** Whether the other way of a work is used; not before it was measured. */
export function otherPays(work: string): boolean {
  const choice = choices.get(work);
  return choice !== undefined && isOther(choice);
}

/** Whether a choice is for the other way. */
export function isOther({ milliseconds: { usual, other } }: KernelChoice): boolean {
  return other < MARGIN * usual;
}

/** Times two ways, each call of which does the whole work and waits for its end. */
export type Stopwatch = (usual: () => void, other: () => void) => KernelChoice["milliseconds"];

/**
 * Measures both ways of a work, unless this machine did so before.
 *
 * @param measure Is called where they are to be measured, and returns what the stopwatch says.
 */
export function measureOnce(work: string, measure: (time: Stopwatch) => KernelChoice["milliseconds"]): void {
  if (choices.has(work)) return;
  const machine = machineName();
  const known = readChoice(pathOf(machine, work));
  choices.set(work, known ?? keep({ machine, work, milliseconds: measure(bestTimes) }));
}

/** What was measured on this machine. */
export function knownChoices(): KernelChoice[] {
  const machine = machineName();
  let names: string[] = [];
  try {
    names = readdirSync(folder()).filter((name) => name.endsWith(".json"));
  } catch {
    // Nothing was measured yet.
  }
  return names
    .flatMap((name) => readChoice(join(folder(), name)) ?? [])
    .filter((choice) => choice.machine === machine)
    .sort((one, other) => one.work.localeCompare(other.work));
}

function bestTimes(usual: () => void, other: () => void): KernelChoice["milliseconds"] {
  const best = { usual: Infinity, other: Infinity };
  usual();
  other();
  for (let round = 0; round < ROUNDS; round++) {
    best.usual = Math.min(best.usual, timeOf(usual));
    best.other = Math.min(best.other, timeOf(other));
  }
  return best;
}

function timeOf(way: () => void): number {
  const start = performance.now();
  way();
  return performance.now() - start;
}

/** The processor, its threads and the engines: with others, other choices may be right. */
function machineName(): string {
  return `${cpus()[0]?.model.trim() ?? "unknown processor"}, ${threadCount()} threads, engines ${pinsKey()}`;
}

/** In the user's cache; `MTARD_KERNELS` moves it, as tests do. */
function folder(): string {
  return process.env["MTARD_KERNELS"] || join(cacheFolder(), "kernels");
}

function pathOf(machine: string, work: string): string {
  const name = createHash("sha256")
    .update(JSON.stringify([machine, work]))
    .digest("hex");
  return join(folder(), `${name.slice(0, 32)}.json`);
}

function readChoice(path: string): KernelChoice | null {
  try {
    return schema.parse(JSON.parse(readTextFile(path, MAXIMUM_BYTES)));
  } catch {
    return null;
  }
}

/** Keeps what was measured, and returns what counts: of processes that measure at once, the first one's. */
function keep(choice: KernelChoice): KernelChoice {
  const path = pathOf(choice.machine, choice.work);
  try {
    writeFileOnce(path, `${JSON.stringify(choice)}\n`);
  } catch (error) {
    if (!(error instanceof WorkError) && !isSystemError(error)) throw error;
  }
  return readChoice(path) ?? choice;
}
