// The program that splits.mjs starts for each split: opens a B-MTARD run, and makes a step each time it is told to.
import { mkdtempSync, readFileSync, readdirSync, rmSync } from "node:fs";
import { setPriority, tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { prepareNativeLibraries, threadCount } from "#mtard/runtime/device.js";

/**
 * @typedef {object} Asked
 * @property {string} student
 * @property {number} batch
 * @property {string} dataset
 * @property {string} cleanTeacher
 * @property {string} robustTeacher
 * @property {string} dataDir
 * @property {string} teachersDir
 * @property {"cpu"} device
 * @property {number} steps How many batches are drawn.
 * @property {number} nice What is added to the teachers' niceness.
 */

/** The unit of processor time in /proc. */
const TICKS_A_SECOND = 100;

/** The processes of teachers, which this one has started. */
function teacherProcesses() {
  return readdirSync("/proc")
    .filter((name) => /^\d+$/.test(name) && readProcess(name)?.[1] === String(process.pid))
    .map(Number);
}

/**
 * What /proc says of a process from its state on: the parent's id is second, its times in ticks are twelfth and thirteenth.
 *
 * @param {string | number} pid
 */
function readProcess(pid) {
  try {
    const text = readFileSync(`/proc/${pid}/stat`, "utf8");
    return text.slice(text.lastIndexOf(")") + 2).split(" ");
  } catch {
    return null; // it has ended meanwhile
  }
}

/** Seconds of processor time that this process and its teachers' have taken. */
function processorTime() {
  return [process.pid, ...teacherProcesses()]
    .map((pid) => readProcess(pid))
    .reduce((total, stat) => total + (Number(stat?.[11]) + Number(stat?.[12])) / TICKS_A_SECOND, 0);
}

/** @param {Asked} asked */
async function serve(asked) {
  prepareNativeLibraries("cpu", threadCount());
  const { openOurStep } = await import("./ours.mjs");
  const folder = mkdtempSync(join(tmpdir(), "mtard-splits-"));
  const start = performance.now();
  const { student, batch, steps, nice, ...places } = asked;
  // The case's images and classes are the data set's own.
  const subject = {
    ...{ ...places, folder, case: { student, batch, size: 32, classes: 10 } },
    ...{ precision: /** @type {const} */ ("float32"), batches: steps },
  };
  const run = await openOurStep(subject, join(folder, "run"));
  const opened = (performance.now() - start) / 1000;
  if (nice > 0)
    for (const pid of teacherProcesses())
      for (const thread of readdirSync(`/proc/${pid}/task`)) setPriority(Number(thread), nice);
  process.on("message", (/** @type {number | "end"} */ message) => {
    if (message === "end") {
      void run.close().finally(() => {
        rmSync(folder, { recursive: true, force: true });
        process.disconnect();
      });
      return;
    }
    const before = processorTime();
    void run.step(message).then(({ seconds }) => {
      process.send?.({ seconds, cpuSeconds: processorTime() - before });
    });
  });
  process.send?.({ opened });
}

process.once("message", (/** @type {Asked} */ asked) => void serve(asked));
