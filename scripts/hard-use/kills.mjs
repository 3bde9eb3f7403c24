// `kill -9` at so many random moments of training, data, import with --force, export, evaluate and table: the old or the new is whole, the
// next call goes on to the same end, and nothing hidden is left behind it.
//
//   nice node scripts/hard-use/kills.mjs --kills 500 --seed 0 --only train,data,import,export,evaluate,table
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import {
  importCall,
  leftoversIn,
  options,
  prepareDemo,
  randomFrom,
  require,
  root,
  run,
  sha256,
  start,
  teacherIn,
  TINY,
  workFolder,
  writeArrays,
} from "./program.mjs";

const {
  kills = "",
  seed = "",
  only = "",
} = options({
  kills: "500",
  seed: "0",
  only: "train,data,import,export,evaluate,table",
});
const random = randomFrom(Number(seed));
const work = workFolder("kills");
const { openDataset } = await import(pathToFileURL(join(root, "dist/data/store.js")).href);

/**
 * Something that is killed, in a folder `place` of its own.
 *
 * @typedef {object} Victim
 * @property {(place: string) => void} before Puts there what was there before.
 * @property {(place: string) => string[]} call
 * @property {(place: string) => string[]} [next] The call after it, if it is another one.
 * @property {(place: string) => string} state What there is, whole, in one text; throws if it is not.
 */

const train = ["train", "--dataset", "demo", ...TINY, "--checkpoint-minutes", "0.001"];
const tables =
  "table 3 --methods natural --epochs 1 --limit-train 32 --limit-test 16 --batch-size 16 --attacks fgsm";

/** @type {Record<string, Victim>} */
const victims = {
  train: {
    before: () => undefined,
    call: (place) => [...train, "--out", `${place}/run`],
    next: (place) => [...train, "--out", `${place}/run`, "--resume"],
    state: (place) => runState(join(place, "run")),
  },
  data: {
    before: (place) => cpSync(join(work, "a/tiny"), join(place, "tiny"), { recursive: true }),
    call: (place) => ["data", "tiny", "--from", "b.npz", "--data-dir", place, "--force"],
    state(place) {
      const { fingerprint } = openDataset("tiny", place);
      return fingerprint;
    },
  },
  import: {
    before: (place) => cpSync(join(work, "old/it"), join(place, "it"), { recursive: true }),
    call: (place) => [...importCall(place, "robust"), "--force"],
    state: (place) => teacherIn(join(place, "it")),
  },
  export: {
    before: (place) => copyFileSync(join(work, "old.onnx"), join(place, "it.onnx")),
    call: (place) => ["export", "finished", "--to", "onnx", "--out", `${place}/it.onnx`],
    state: (place) => sha256(join(place, "it.onnx")),
  },
  evaluate: {
    before: (place) => cpSync(join(work, "finished"), join(place, "run"), { recursive: true }),
    call: (place) => [
      "evaluate",
      `${place}/run`,
      "--attacks",
      "fgsm,pgd-sat",
      "--limit",
      "16",
      "--batch-size",
      "4",
    ],
    state: (place) => {
      const path = join(place, "run/evaluation.jsonl");
      return existsSync(path) ? `${sha256(path)} ${readdirSync(join(place, "run/evaluations")).length}` : "";
    },
  },
  table: {
    before: () => undefined,
    call: (place) => [...tables.split(" "), "--runs-dir", `${place}/runs`, "--out", `${place}/table`],
    state(place) {
      const path = join(place, "table/table.json");
      return existsSync(path)
        ? JSON.stringify(JSON.parse(readFileSync(path, "utf8")).rows).replaceAll(place, "")
        : "";
    },
  },
};

/** A run as it ends, but for the clock: nothing while it is not finished. @param {string} folder */
function runState(folder) {
  if (!existsSync(join(folder, "summary.json"))) return "";
  const lines = readFileSync(join(folder, "metrics.jsonl"), "utf8").trimEnd().split("\n");
  const metrics = lines.map((line) => JSON.stringify({ ...JSON.parse(line), seconds: 0 }));
  return [
    sha256(join(folder, "best.safetensors")),
    readFileSync(join(folder, "summary.json"), "utf8"),
    ...metrics,
  ].join("\n");
}

async function prepare() {
  await prepareDemo(work);
  for (const [shift, name] of ["a", "b"].entries())
    await writeArrays(join(work, `${name}.npz`), { train: 2000, side: 32, shift });
  await run(["data", "tiny", "--from", "a.npz", "--data-dir", "a"], work);
  await run(importCall("old", "clean"), work);
  await run([...train, "--out", "finished"], work);
  await run([...train, "--out", "earlier", "--seed", "1"], work);
  await run(["export", "earlier", "--to", "onnx", "--out", "old.onnx"], work);
}

/** @param {string} name */
function freshPlace(name) {
  const place = join(work, name);
  mkdirSync(place);
  return place;
}

await prepare();
const names = only.split(",");
/** How each ends if nobody kills it, how it began, and how long it takes. @type {Map<string, { before: string, end: string, milliseconds: number }>} */
const usual = new Map();
for (const name of names) {
  const victim = victims[name];
  if (!victim) throw new Error(`nothing is called "${name}"`);
  const place = freshPlace(`usual-${name}`);
  victim.before(place);
  const before = name === "train" || name === "table" ? "" : victim.state(place);
  const began = performance.now();
  await run(victim.call(place), work);
  usual.set(name, { before, end: victim.state(place), milliseconds: performance.now() - began });
}

/** @type {Record<string, { killed: number, untouched: number, leftovers: number }>} */
const counts = Object.fromEntries(names.map((name) => [name, { killed: 0, untouched: 0, leftovers: 0 }]));
for (let call = 0, killed = 0; killed < Number(kills); call++) {
  const name = names[call % names.length] ?? "";
  const [victim, known, count] = [victims[name], usual.get(name), counts[name]];
  if (!victim || !known || !count) continue;
  const place = freshPlace(`kill-${call}`);
  victim.before(place);
  const { child, ended } = start(victim.call(place), work);
  const [began, moment] = [performance.now(), known.milliseconds * random()];
  await Promise.race([wait(moment), ended]);
  if (child.exitCode === null) {
    count.killed++;
    killed++;
    known.milliseconds *= 1.01;
  } else {
    // The machine has less to do than before; if it has more again, the line above finds out.
    count.untouched++;
    known.milliseconds = performance.now() - began;
  }
  child.kill("SIGKILL");
  await ended;
  const left = leftoversIn(place);
  if (left.length > 0) count.leftovers++;
  try {
    // Readers see the old or the new, whole, without any call in between.
    const seen = victim.state(place);
    require([known.before, known.end].includes(seen), `neither the old nor the new is there: ${seen}`);
    await run((victim.next ?? victim.call)(place), work);
    require(victim.state(place) === known.end, `it ended in another way: ${victim.state(place)}`);
    const still = leftoversIn(place);
    require(still.length === 0, `still there after the next call: ${still.join(", ")}`);
  } catch (error) {
    console.error(
      `call ${call}, ${name} after ${Math.round(moment)} ms, in ${place}; it left ${left.join(", ")}:`,
    );
    throw error;
  }
  rmSync(place, { recursive: true });
  if ((call + 1) % 20 === 0) console.log(`${killed} kills in ${call + 1} calls`);
}
writeFileSync(1, `${JSON.stringify(counts)}\n`);
rmSync(work, { recursive: true });
