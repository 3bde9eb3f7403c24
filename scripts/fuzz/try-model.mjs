import { execFileSync, spawn } from "node:child_process";
import { mkdirSync, readdirSync, readFileSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { clearInterval, setInterval } from "node:timers";
import { fileURLToPath } from "node:url";

const MAIN = fileURLToPath(new URL("../../dist/cli/main.js", import.meta.url));
const LOOK_MILLISECONDS = 30;
/** Something is wrong long before. */
const END_SECONDS = 240;

/** @typedef {import("./nasty-models.mjs").NastyModel} NastyModel */

/**
 * What a command did with a model.
 *
 * @typedef {object} Outcome
 * @property {number | null} code Its exit code; null if a signal ended it.
 * @property {number} seconds Wall time.
 * @property {number} processor Processor seconds of all its processes.
 * @property {number} megabytes The most memory that all its processes had at once.
 * @property {string} stderr
 */

/**
 * Runs a command of mtard on a model in a folder of its own, and measures it and all processes it starts.
 *
 * @param {NastyModel} model
 * @param {(path: string) => string[]} command
 * @param {string} folder
 * @param {NodeJS.ProcessEnv} [env]
 * @returns {Promise<Outcome>}
 */
export async function tryModel({ bytes, beside = {} }, command, folder, env = {}) {
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(folder, { recursive: true });
  const path = join(folder, "nasty.onnx");
  writeFileSync(path, bytes);
  for (const [name, what] of Object.entries(beside)) {
    if (what === "fifo") execFileSync("mkfifo", [join(folder, name)]);
    else {
      writeFileSync(join(folder, name), "");
      truncateSync(join(folder, name), 4e11);
    }
  }
  const began = performance.now();
  const child = spawn(process.execPath, [MAIN, ...command(path)], {
    stdio: ["ignore", "ignore", "pipe"],
    env: { ...process.env, MTARD_TRIALS: join(folder, "trials"), ...env },
  });
  let stderr = "";
  child.stderr.on("data", (/** @type {Buffer} */ text) => (stderr += text.toString()));
  let megabytes = 0;
  /** @type {Map<number, number>} */
  const processor = new Map();
  const timer = setInterval(() => {
    const found = usageOfTree(child.pid ?? 0);
    megabytes = Math.max(megabytes, found.megabytes);
    for (const [pid, seconds] of found.processor) processor.set(pid, seconds);
    if (performance.now() - began > END_SECONDS * 1000) child.kill("SIGKILL");
  }, LOOK_MILLISECONDS);
  /** @type {number | null} */
  const code = await new Promise((resolve) => child.once("close", resolve));
  clearInterval(timer);
  const seconds = (performance.now() - began) / 1000;
  rmSync(folder, { recursive: true, force: true });
  const total = [...processor.values()].reduce((sum, one) => sum + one, 0);
  return { code, seconds, processor: total, megabytes, stderr };
}

/**
 * Memory and processor time of a process and those it started.
 *
 * @param {number} root
 */
function usageOfTree(root) {
  /** @type {Map<number, { parent: number, seconds: number, megabytes: number }>} */
  const all = new Map();
  for (const name of readdirSync("/proc")) {
    if (!/^\d+$/.test(name)) continue;
    try {
      const stat = readFileSync(`/proc/${name}/stat`, "utf8");
      const fields = stat.slice(stat.lastIndexOf(")") + 2).split(" ");
      const seconds = (Number(fields[11]) + Number(fields[12])) / 100;
      all.set(Number(name), {
        parent: Number(fields[1]),
        seconds,
        megabytes: (Number(fields[21]) * 4096) / 1e6,
      });
    } catch {
      // It ended meanwhile.
    }
  }
  let megabytes = 0;
  /** @type {Map<number, number>} */
  const processor = new Map();
  const isOurs = (/** @type {number} */ pid) => {
    for (let at = pid; at > 1; at = all.get(at)?.parent ?? 0) if (at === root) return true;
    return false;
  };
  for (const [pid, usage] of all) {
    if (!isOurs(pid)) continue;
    megabytes += usage.megabytes;
    processor.set(pid, usage.seconds);
  }
  return { megabytes, processor };
}

/**
 * What is wrong with how a command ended; none of it may happen, whatever the model.
 *
 * @param {Outcome} outcome
 */
export function faultsOf({ code, processor, megabytes, stderr }) {
  return [
    ...(code === 0 || code === 1 || code === 2 ? [] : [`exit code ${code}`]),
    ...(processor > 10 ? [`${processor.toFixed(1)} s`] : []),
    ...(megabytes > 1500 ? [`${megabytes.toFixed(0)} MB`] : []),
    ...(/^\s+at .*:\d+:\d+\)?$/m.test(stderr) || stderr.includes("report it") ? ["a stack trace"] : []),
    // eslint-disable-next-line no-control-regex
    ...(/[\u0000-\u0008\u000b-\u001f\u007f]/.test(stderr) ? ["control characters"] : []),
  ];
}
