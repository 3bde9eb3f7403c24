/*
 * Makes a folder of runs as they look after long trainings, serves it, and says how long `mtard watch` takes and how much memory:
 *
 *   node scripts/bench/watch.mjs FOLDER [--runs 200] [--steps 100000]
 *
 * The folder is made where it is missing, and is not removed: 200 runs of 100,000 steps are 6 GB.
 */

import {
  appendFileSync,
  closeSync,
  existsSync,
  mkdirSync,
  openSync,
  writeFileSync,
  writeSync,
} from "node:fs";
import { request } from "node:http";
import { performance } from "node:perf_hooks";
import { join } from "node:path";
import { setInterval } from "node:timers";
import { setTimeout as wait } from "node:timers/promises";
import { parseArgs } from "node:util";
import { recipe } from "#mtard/recipes/recipes.js";
import { servePages } from "#mtard/watch/server.js";
import { watchFolder } from "#mtard/watch/watcher.js";

const { values, positionals } = parseArgs({
  allowPositionals: true,
  options: {
    runs: { type: "string", default: "200" },
    steps: { type: "string", default: "100000" },
    serve: { type: "boolean", default: false },
  },
});
const [folder = "."] = positionals;
const [runs, steps] = [Number(values.runs), Number(values.steps)];
const EPOCHS = 250;

/** The line of a step of B-MTARD. @param {number} seed @param {number} step @param {number} perEpoch */
function stepLine(seed, step, perEpoch) {
  const falling = Math.exp((-3 * step) / steps);
  const noise = (/** @type {number} */ salt) => 0.1 * Math.sin(step * salt + seed) * falling;
  const content = {
    epoch: Math.ceil(step / perEpoch),
    step,
    lossTotal: 2 * falling + noise(1.3),
    lossNat: 1.1 * falling + noise(2.7),
    lossAdv: 0.9 * falling + noise(3.1),
    relativeLossNat: falling,
    relativeLossAdv: falling + noise(1.1),
    weightNat: 0.5 + noise(0.7),
    weightAdv: 0.5 - noise(0.7),
    temperatureNat: 1 + step / steps,
    temperatureAdv: 1 - (0.3 * step) / steps,
    entropyNat: 0.9 + noise(0.2),
    entropyAdv: 0.8 + noise(0.3),
    learningRate: 0.1,
    seconds: Math.round(step * 85) / 1000,
  };
  return `${JSON.stringify(content)}\n`;
}

/** @param {string} run @param {number} seed */
function makeRun(run, seed) {
  mkdirSync(run, { recursive: true });
  const settings = {
    ...{
      dataset: "cifar10",
      method: "b-mtard",
      student: "resnet-18",
      reading: "paper",
      cleanTeacher: "a",
      robustTeacher: "b",
    },
    ...{ seed, limitTrain: null, limitTest: null },
    ...recipe({ dataset: "cifar10", method: "b-mtard", student: "resnet-18" }),
    epochs: EPOCHS,
  };
  const inputs = { data: "0".repeat(64), cleanTeacher: "1".repeat(64), robustTeacher: "2".repeat(64) };
  const perEpoch = steps / EPOCHS;
  const file = openSync(join(run, "metrics.jsonl"), "w");
  let best = 0;
  let lines = "";
  for (let step = 1; step <= steps; step++) {
    lines += stepLine(seed, step, perEpoch);
    if (step % perEpoch !== 0) continue;
    const robust = 0.5 * (1 - Math.exp((-4 * step) / steps)) + 0.01 * Math.sin(seed + step);
    const wRobust = (0.8 + robust) / 2;
    const evaluation = { epoch: step / perEpoch, step, clean: 0.8, robust, wRobust, best: wRobust > best };
    best = Math.max(best, wRobust);
    lines += `${JSON.stringify({ ...evaluation, selection: "test", seconds: Math.round(step * 85) / 1000 })}\n`;
    writeSync(file, lines);
    lines = "";
  }
  closeSync(file);
  // Last, so that a run which was cut short is made again.
  writeFileSync(join(run, "settings.json"), JSON.stringify({ ...settings, recipe: {}, inputs }, null, 2));
}

for (let seed = 0; seed < runs; seed++) {
  const run = join(folder, `group-${seed % 10}`, `cifar10-b-mtard-resnet-18-seed${seed}`);
  if (!existsSync(join(run, "settings.json"))) makeRun(run, seed);
}

/** Seconds until a whole answer is there, and its bytes. @param {string} address */
function answerTime(address) {
  const began = performance.now();
  return new Promise((done) => {
    request(address, (response) => {
      let bytes = 0;
      response.on("data", (/** @type {Buffer} */ part) => (bytes += part.length));
      response.on("end", () => done({ milliseconds: Math.round(performance.now() - began), bytes }));
    }).end();
  });
}

/** Milliseconds until the first event is whole: all that the first page shows. @param {string} address */
function overviewTime(address) {
  const began = performance.now();
  return new Promise((done) => {
    const asked = request(`${address}events`, (response) => {
      let text = "";
      response.on("data", (/** @type {Buffer} */ part) => {
        text += part.toString();
        if (!text.endsWith("\n\n") || !text.includes("event: overview")) return;
        asked.destroy();
        done({ milliseconds: Math.round(performance.now() - began), bytes: text.length });
      });
    });
    asked.on("error", () => undefined).end();
  });
}

const megabytes = () => Math.round(process.memoryUsage().rss / 2 ** 20);
/** Milliseconds for which the server answered nobody, at most. */
let longest = 0;
let before = performance.now();
setInterval(() => {
  const now = performance.now();
  longest = Math.max(longest, now - before - 5);
  before = now;
}, 5).unref();

const began = performance.now();
const watcher = watchFolder(folder);
await watcher.begin();
const shown = Math.round(performance.now() - began);
const served = await servePages({ folder, watcher, port: 0, isOnly: true, report: async () => "" });
const unread = () => watcher.overview().runs.filter(({ read }) => !read).length;
console.log({ runs: watcher.overview().runs.length, allShownAfterMilliseconds: shown, unread: unread() });
console.log("overview while reading", await overviewTime(served.address));
let most = 0;
while (unread() > 0) {
  most = Math.max(most, megabytes());
  await wait(50);
}
const readSeconds = Math.round((performance.now() - began) / 100) / 10;
console.log({
  allReadAfterSeconds: readSeconds,
  processorSeconds: Math.round((process.cpuUsage().user + process.cpuUsage().system) / 1e5) / 10,
  mostMegabytes: most,
  longestSilenceMilliseconds: Math.round(longest),
});
longest = 0;
const [first, second] = watcher.overview().runs;
console.log("overview", await overviewTime(served.address));
console.log("a run, its metrics read whole", await answerTime(`${served.address}api/runs/${first?.id}`));
console.log("the same run again", await answerTime(`${served.address}api/runs/${first?.id}`));
console.log({ megabytes: megabytes(), longestSilenceMilliseconds: Math.round(longest) });
// A run that goes on: how long until a page hears of it.
const going = second && (await watcher.find(second.id));
if (second && going) {
  const path = join(going, "metrics.jsonl");
  const told = new Promise((done) => {
    const forget = watcher.listen(({ runs: changed }) => {
      if (!changed.some(({ id }) => id === second.id)) return;
      forget();
      done(performance.now());
    });
  });
  const from = performance.now();
  appendFileSync(path, stepLine(0, second.step + 1, steps / EPOCHS));
  console.log({ heardAfterMilliseconds: Math.round(Number(await told) - from) });
}
if (values.serve) console.log(served.address);
else {
  watcher.end();
  await served.end();
  process.exit(0);
}
