// Many processes at once on one folder that several hosts share: one of them wins each time, nothing is mixed, lost or done twice,
// and nothing hidden is left.
//
//   node scripts/hard-use/shared-disk.mjs --folders /mnt/a,/mnt/b --processes 20 --seed 0 --only lock,folder,data,run,store,train
//
// Each of the folders is the same one, as one of the hosts sees it; the processes take turns. Without --folders it is one on this disk.
import { mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { fileURLToPath, pathToFileURL } from "node:url";
import {
  leftoversIn,
  options,
  randomFrom,
  require,
  root,
  run,
  start,
  startProcess,
  TINY,
  workFolder,
} from "./program.mjs";

const settings = options({
  folders: "",
  processes: "20",
  often: "1",
  seed: "0",
  only: "lock,folder,data,run,store",
});
const processes = Number(settings["processes"]);
const often = Number(settings["often"]);
const random = randomFrom(Number(settings["seed"]));
const hosts = (settings["folders"] ?? "").split(",").filter((path) => path !== "");
const [first = workFolder("shared-disk")] = hosts;
if (hosts.length === 0) hosts.push(first);
const worker = fileURLToPath(new URL("shared-disk-worker.mjs", import.meta.url));

/** @type {typeof import("../../src/files/folder.js")} */
const { tidyPlaces } = await import(pathToFileURL(join(root, "dist/files/folder.js")).href);

/**
 * @typedef {object} Part
 * @property {number} times What each process is told.
 * @property {boolean} [kills] Whether processes are killed at random moments; others go on then.
 * @property {(place: string) => void} [before]
 * @property {(place: string, found: any[], killed: number) => string} check
 */

/** @type {Record<string, Part>} */
const parts = {
  lock: {
    times: 20 * often,
    before(place) {
      mkdirSync(join(place, "inside"));
      writeFileSync(join(place, "counter"), "0");
    },
    check(place, found) {
      const count = Number(readFileSync(join(place, "counter"), "utf8"));
      const expected = processes * 20 * often;
      require(count === expected, `the lock was taken ${expected} times, and ${count} saw what was before`);
      return `taken ${count} times, refused ${sum(found.map(({ refused }) => refused))} times`;
    },
  },
  folder: {
    times: 2 * often,
    before(place) {
      mkdirSync(join(place, "it"));
      for (const name of ["one", "two", "three"]) writeFileSync(join(place, "it", name), "0");
    },
    check: (_, found) =>
      `replaced ${sum(found.map(({ written }) => written))} times, read whole ${sum(found.map(({ read }) => read))} times`,
  },
  data: {
    times: 1,
    check(_, found) {
      const packed = found.filter((each) => each.packed);
      require(packed.length === 1, `packed ${packed.length} times`);
      require(new Set(found.map(({ fingerprint }) => fingerprint)).size === 1, "other data");
      return `packed once, read by ${found.length}`;
    },
  },
  run: {
    times: 1200 * often,
    kills: true,
    check(place, found, killed) {
      const lines = readFileSync(join(place, "run/metrics.jsonl"), "utf8").trimEnd().split("\n");
      const steps = lines.map((line) => JSON.parse(line).step);
      const expected = Array.from({ length: 1200 * often }, (_, at) => at + 1);
      require(steps.join() ===
        expected.join(), `metrics.jsonl has ${steps.length} lines, not each step once`);
      require(new Set(found.map(({ finished }) => finished)).size === 1, "several finished the run");
      const worked = found.filter(({ from, to }) => from < to);
      require(worked.length === 1, `${worked.length} processes that lived trained the run to its end`);
      return `trained once, by ${killed} processes that were killed and one that went on`;
    },
  },
  store: {
    times: 6 * often,
    kills: true,
    check(place, found, killed) {
      const measured = found.flatMap((each) =>
        each.measured.map((/** @type {{ at: number }} */ { at }) => at),
      );
      require(new Set(measured).size === measured.length, `measured twice: ${measured.join(", ")}`);
      const names = readdirSync(join(place, "evaluations"));
      require(names.length === 6 * often && names.every((name) => name.endsWith(".json")), names.join(", "));
      const went = found.flatMap((each) => each.measured).filter(({ from }) => from > 0).length;
      return `${names.length} keys measured, none twice; ${killed} processes killed, ${went} records gone on with`;
    },
  },
};

/** @param {number[]} numbers */
function sum(numbers) {
  return numbers.reduce((total, each) => total + each, 0);
}

/** Stops and continues processes at random moments, and kills a few if asked to. @param {import("node:child_process").ChildProcess[]} children @param {boolean} kills @param {{ over: boolean }} signal */
async function disturb(children, kills, signal) {
  let left = kills ? Math.floor(children.length / 4) : 0;
  for (let rounds = 0; !signal.over; rounds++) {
    await wait(100 * random());
    const child = children[Math.floor(random() * children.length)];
    if (!child || child.exitCode !== null || child.signalCode !== null) continue;
    if (left > 0 && rounds > 20 && random() < 0.1) {
      left--;
      child.kill("SIGKILL");
      continue;
    }
    child.kill("SIGSTOP");
    await wait(50 * random());
    child.kill("SIGCONT");
  }
}

/** @param {string} name @param {string} folder Its name in each host's folder. */
async function runPart(name, folder) {
  const part = parts[name];
  if (!part) throw new Error(`there is no part "${name}"`);
  part.before?.(join(first, folder));
  const started = Array.from({ length: processes }, (_, index) => {
    const place = join(hosts[index % hosts.length] ?? first, folder);
    return startProcess([worker, name, place, String(part.times)], first, process.env);
  });
  const signal = { over: false };
  const disturbing = disturb(
    started.map(({ child }) => child),
    part.kills === true,
    signal,
  );
  const ended = await Promise.all(started.map(({ ended }) => ended));
  signal.over = true;
  await disturbing;
  const killed = started.filter(({ child }) => child.signalCode === "SIGKILL").length;
  const lived = ended.filter((_, index) => started[index]?.child.signalCode !== "SIGKILL");
  for (const { code, stderr } of lived) require(code === 0, stderr);
  const found = lived.map(({ stdout }) => JSON.parse(stdout));
  const said = part.check(join(first, folder), found, killed);
  // What a network disk kept of files that were open, as the next reader does.
  tidyPlaces(join(first, folder));
  const left = hosts.flatMap((host) => hiddenIn(join(host, folder)));
  require(left.length === 0, `left behind: ${left.join(", ")}`);
  return said;
}

/** What is only there while someone works, or what a network disk keeps of an open file that was removed. @param {string} folder */
function hiddenIn(folder) {
  const names = readdirSync(folder, { recursive: true, encoding: "utf8" });
  return [...leftoversIn(folder), ...names.filter((name) => basename(name).startsWith(".nfs"))];
}

/** Real trainings of one run. @param {string} folder */
async function train(folder) {
  await run(["data", "demo"], join(first, folder));
  const started = Array.from({ length: processes }, (_, index) => {
    const place = join(hosts[index % hosts.length] ?? first, folder);
    return start(["train", "--dataset", "demo", ...TINY, "--out", `${place}/run`], place);
  });
  const ended = await Promise.all(started.map(({ ended }) => ended));
  const winners = ended.filter(({ code }) => code === 0);
  for (const { code, stderr } of ended)
    require(code === 0 || /another mtard is working in|already holds this run/.test(stderr), stderr);
  require(winners.length === 1, `${winners.length} trained it`);
  const lines = readFileSync(join(first, folder, "run/metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n");
  require(lines.length === 3, `metrics.jsonl has ${lines.length} lines, not 3`);
  for (const line of lines) JSON.parse(line);
  const left = hiddenIn(join(first, folder));
  require(left.length === 0, `left behind: ${left.join(", ")}`);
  return "one winner, nothing mixed";
}

for (const name of (settings["only"] ?? "").split(",").filter((each) => each !== "")) {
  const work = mkdtempSync(join(first, `mtard-${name}-`));
  const began = performance.now();
  try {
    const said = name === "train" ? await train(basename(work)) : await runPart(name, basename(work));
    const seconds = ((performance.now() - began) / 1000).toFixed(1);
    console.log(`${name}: ${processes} processes through ${hosts.length} mounts: ${said} (${seconds} s)`);
  } catch (error) {
    console.error(`${name}, in ${work}:`);
    throw error;
  }
  rmSync(work, { recursive: true });
}
if (settings["folders"] === "") rmSync(first, { recursive: true });
