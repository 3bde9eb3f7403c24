/* What processes have taken, read from the kernel, so that every side of a comparison is measured alike. */
import { readdirSync, readFileSync } from "node:fs";
import { cpus } from "node:os";
import { performance } from "node:perf_hooks";

/** The kernel's clock ticks a second, which are the same on every Linux that Node runs on. */
const TICKS = 100;

/**
 * @typedef {object} Taken
 * @property {number} cpuSeconds Processor time, of all threads.
 * @property {number} peakBytes The most that was in memory at once.
 */

/**
 * What a process and those that it started have taken so far, as far as they are there; peaks are added, as if they were at one time.
 *
 * @param {number} pid
 * @returns {Taken}
 */
export function takenBy(pid) {
  const parents = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    const stat = read(`/proc/${name}/stat`);
    if (stat !== null) parents.set(Number(name), parseStat(stat));
  }
  const family = new Set([pid]);
  for (let before = 0; before < family.size;) {
    before = family.size;
    for (const [child, { parent }] of parents) if (family.has(parent)) family.add(child);
  }
  const taken = { cpuSeconds: 0, peakBytes: 0 };
  for (const member of family) {
    taken.cpuSeconds += parents.get(member)?.cpuSeconds ?? 0;
    taken.peakBytes += parsePeak(read(`/proc/${member}/status`) ?? "");
  }
  return taken;
}

/**
 * The parent of a process and its processor time.
 *
 * @param {string} stat The text of its /proc/PID/stat: a name in brackets may hold anything, so fields are counted from the last one.
 */
export function parseStat(stat) {
  const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
  return { parent: Number(fields[1]), cpuSeconds: (Number(fields[11]) + Number(fields[12])) / TICKS };
}

/**
 * The most memory that a process had, in bytes; 0 if it is gone.
 *
 * @param {string} status The text of its /proc/PID/status.
 */
export function parsePeak(status) {
  return Number(/^VmHWM:\s+(\d+) kB$/m.exec(status)?.[1] ?? 0) * 1024;
}

/** Seconds so far: of processor time by all of the machine, and on the clock. */
export function machineUsage() {
  const machine = cpus().reduce((sum, { times }) => sum + times.user + times.nice + times.sys + times.irq, 0);
  return { cpuSeconds: machine / 1000, clock: performance.now() / 1000 };
}

/** @param {string} path */
function read(path) {
  try {
    return readFileSync(path, "utf8");
  } catch {
    return null;
  }
}
