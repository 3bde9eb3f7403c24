// One of the processes of `shared-disk.mjs`:
//
//   node scripts/hard-use/shared-disk-worker.mjs PART FOLDER HOW-OFTEN
//
// It prints what it found as one line of JSON.
import { mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { pathToFileURL } from "node:url";
import { require, root } from "./program.mjs";

const [part = "", folder = "", often = ""] = process.argv.slice(2);
const times = Number(often);

/** A module of the build. @param {string} name @returns {Promise<any>} */
const built = (name) => import(pathToFileURL(join(root, "dist", name)).href);
const { tryLock, waitForLock, workingLock } = await built("files/lock.js");
const { writeFileAtomically } = await built("files/atomic.js");

const MODEL = "a".repeat(64);
const CLASSES = 10;

/** @type {Record<string, () => Promise<object>>} */
const parts = {
  /** Takes a lock; whoever has it is alone, and sees what the one before it wrote. */
  async lock() {
    const [inside, counter] = [join(folder, "inside"), join(folder, "counter")];
    let refused = 0;
    for (let taken = 0; taken < times;) {
      const lock = tryLock(join(folder, "deep", ".working"));
      if (typeof lock === "string") {
        refused++;
        await wait(20 * Math.random());
        continue;
      }
      const own = `${process.pid}-${taken}`;
      writeFileSync(join(inside, own), "");
      if (Math.random() < 0.2) await wait(5 * Math.random());
      const found = readdirSync(inside);
      require(found.join() === own, `inside at once: ${found.join(", ")}`);
      // Another name than before, as a record has: it is moved over what was there.
      const before = Number(readFileSync(counter, "utf8"));
      writeFileAtomically(counter, String(before + 1));
      rmSync(join(inside, own));
      lock.release();
      taken++;
    }
    return { refused };
  },

  /** Replaces a folder of three files, and reads it whole in between. */
  async folder() {
    const { takePlace, readWhole } = await built("files/folder.js");
    const place = join(folder, "it");
    const names = ["one", "two", "three"];
    const rule = { busy: "busy", once: "one at a time", instead: "another" };
    const counts = { written: 0, refused: 0, read: 0 };
    while (counts.written < times) {
      const read = readWhole(place, () => names.map((name) => readFileSync(join(place, name), "utf8")));
      require(new Set(read).size === 1, `a mixed folder: ${read.join(", ")}`);
      counts.read++;
      let taken;
      try {
        taken = takePlace(place, rule);
      } catch (/** @type {any} */ error) {
        require(error.message === "busy", String(error.stack));
        counts.refused++;
        await wait(20 * Math.random());
        continue;
      }
      const content = `${process.pid}-${counts.written++}`;
      try {
        await taken.put(async (/** @type {string} */ partial) => {
          for (const name of names) writeFileAtomically(join(partial, name), content);
        });
      } finally {
        taken.release();
      }
    }
    return counts;
  },

  /** Asks for the data set. */
  async data() {
    const { prepareDataset } = await built("data/prepare.js");
    const { openDataset } = await built("data/store.js");
    const { alreadyThere } = await prepareDataset("demo", folder);
    return { packed: !alreadyThere, fingerprint: openDataset("demo", folder).fingerprint };
  },

  /** Works on one run, as a training does: lines of metrics, and a checkpoint that says how long they are. */
  async run() {
    const { openMetrics, problemOfMetrics } = await built("run/metrics-file.js");
    const run = join(folder, "run");
    const [checkpoint, summary] = [join(run, "checkpoint.json"), join(run, "summary.json")];
    const lock = await waitForLock(workingLock(run), () => undefined);
    const { step: begun, length } = JSON.parse(readOr(checkpoint, '{"step":0,"length":0}'));
    const done = { from: begun, to: begun };
    if (readOr(summary, "") === "") {
      const problem = problemOfMetrics(run, length, begun);
      require(problem === null, `${problem}, at step ${begun}`);
      const metrics = openMetrics(run, length);
      while (done.to < times) {
        metrics.append({ epoch: 1, step: ++done.to, process: process.pid });
        if (done.to % 30 !== 0 && done.to < times) continue;
        const state = { step: done.to, length: metrics.sync() };
        writeFileAtomically(checkpoint, JSON.stringify(state));
        await wait(5);
      }
      metrics.close();
      writeFileAtomically(summary, JSON.stringify({ process: process.pid }));
    }
    lock.release();
    return { ...done, finished: JSON.parse(readFileSync(summary, "utf8")).process };
  },

  /** Measures under several keys of one evaluation store, batch by batch, as `measure` does, and lists them meanwhile. */
  async store() {
    const { holdKeys } = await built("evaluation/key-locks.js");
    const { cleanKey } = await built("evaluation/key.js");
    const { openStore } = await built("evaluation/store.js");
    const { isFinished } = await built("evaluation/record.js");
    const store = openStore(join(folder, "evaluations"));
    const images = 20;
    const measured = [];
    for (let at = 1; at <= times; at++) {
      const key = cleanKey({ model: MODEL, data: MODEL, images, batchSize: at });
      const keys = { clean: key, attacks: new Map() };
      const needs = (/** @type {unknown} */ _, /** @type {boolean} */ isKnown) => !isKnown;
      const locks = await holdKeys(store, keys, CLASSES, needs, () => undefined);
      const known = store.read(key, CLASSES);
      require(typeof known !== "string", String(known));
      const labels = Array.from({ length: images }, (_, image) => image % CLASSES);
      const clean = [...(known?.clean ?? [])];
      if (known === null || !isFinished(key, known)) {
        measured.push({ at, from: clean.length });
        while (clean.length < images) {
          clean.push(clean.length % CLASSES);
          const warnings = { answers: null, gradients: null };
          const device = String(process.pid);
          store.write(key, { device, labels, clean, attack: null, images: null, warnings });
          store.list(MODEL, CLASSES);
          await wait(2);
        }
      }
      locks.releaseAll();
      const last = store.read(key, CLASSES);
      require(last !== null &&
        typeof last !== "string" &&
        isFinished(key, last), `the record ${at}: ${last}`);
    }
    return { measured };
  },
};

/** @param {string} path @param {string} otherwise */
function readOr(path, otherwise) {
  try {
    return readFileSync(path, "utf8");
  } catch (/** @type {any} */ error) {
    if (error.code === "ENOENT") return otherwise;
    throw error;
  }
}

mkdirSync(folder, { recursive: true });
console.log(JSON.stringify(await parts[part]?.()));
