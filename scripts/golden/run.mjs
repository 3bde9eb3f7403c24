// Holds the attacks against golden/attacks.json of the shared folder, or another file of such verdicts, image by image, and the two engines
// against each other. In L2: --norm l2 --golden test/attacks/l2-verdicts.json, which l2.py made.
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { performance } from "node:perf_hooks";
import yargs from "yargs";
import { log, printResult } from "#mtard/cli/output.js";
import { formatTable } from "#mtard/cli/text-table.js";
import { attacks } from "#mtard/attacks/attacks.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset } from "#mtard/data/store.js";
import { prepareNativeLibraries, threadCount } from "#mtard/runtime/device.js";

const ATTACKS = "clean,fgsm,pgd-sat-no-start,pgd-sat,pgd-trades,cw,apgd-ce,apgd-dlr,apgd-t,fab-t,square";

const args = await yargs(process.argv.slice(2))
  .scriptName("node scripts/golden/run.mjs")
  .usage("$0\n\nHolds the attacks against golden/attacks.json, image by image.")
  .option("attacks", { type: "string", default: ATTACKS, describe: "comma-separated" })
  .option("engine", { choices: ["student", "ONNX"], describe: "one of the engines alone" })
  .option("model", { type: "string", describe: "one of the models alone, as attacks.json calls it" })
  .option("shared", { type: "string", default: process.env["MTARD_SHARED"] ?? "../shared" })
  .option("norm", { choices: /** @type {const} */ (["linf", "l2"]), default: /** @type {const} */ ("linf") })
  .option("golden", {
    type: "string",
    describe: "the verdicts",
    defaultDescription: "golden/attacks.json in --shared",
  })
  .option("limit", { type: "number", default: 256, describe: "so many of the first images" })
  .option("batch", { type: "number", default: 128 })
  .option("seed", { type: "number", default: 0 })
  .option("json", { type: "boolean", default: false })
  .strict()
  .parseAsync();

prepareNativeLibraries("cpu", threadCount());
const { accuracy, agreement, subjects, withstood } = await import("./subjects.mjs");

/**
 * @typedef {{ model: string, engine: string, attack: string, accuracy: number, golden: number, sameVerdict: number,
 *   sameByOtherEngine: number | null, seconds: number }} Row
 */

/** @param {Row} row */
function cells({ model, engine, attack, seconds, ...shares }) {
  const { accuracy, golden, sameVerdict, sameByOtherEngine } = shares;
  const percent = [accuracy, golden, sameVerdict, sameByOtherEngine].map((share) =>
    share === null ? "" : (100 * share).toFixed(2),
  );
  return [model, engine, attack, ...percent, seconds.toFixed(1)];
}

/** An ensemble's verdicts from those of its parts, as attacks.json has it. @param {readonly (readonly number[])[]} parts */
const worstOf = ([first = [], ...others]) =>
  first.map((verdict, index) => Math.min(verdict, ...others.map((part) => part[index] ?? NaN)));

/** @type {Record<string, Record<string, readonly number[]>>} */
const golden = JSON.parse(readFileSync(args.golden ?? join(args.shared, "golden/attacks.json"), "utf8"));
const folder = mkdtempSync(join(tmpdir(), "mtard-golden-"));
/** @type {Row[]} */
const rows = [];
/** Verdicts by model and attack, of the engine that came first. @type {Map<string, readonly number[]>} */
const first = new Map();

/** @param {string} model @param {string} attack */
function verdictsOf(model, attack) {
  const parts = attacks.aa.parts.map((part) => golden[model]?.[part] ?? []);
  return golden[model]?.[attack] ?? (attack === "autoattack" ? worstOf(parts) : []);
}

/**
 * @param {{ model: string, engine: string, attack: string }} what
 * @param {readonly number[]} ours
 * @param {number} seconds
 */
function record(what, ours, seconds) {
  const { model, attack } = what;
  const theirs = verdictsOf(model, attack).slice(0, args.limit);
  const other = first.get(`${model} ${attack}`);
  if (!other) first.set(`${model} ${attack}`, ours);
  const row = {
    ...what,
    accuracy: accuracy(ours),
    golden: accuracy(theirs),
    sameVerdict: agreement(ours, theirs),
    sameByOtherEngine: other ? agreement(ours, other) : null,
    seconds,
  };
  rows.push(row);
  log(cells(row).join("  "));
}

try {
  await prepareDataset("cifar10", folder, {
    from: join(args.shared, "data/cifar-10-binary-subset.tar.gz"),
  });
  const split = openDataset("cifar10", folder, { test: args.limit }).test;
  for (const { model, engine, open } of subjects) {
    if ((args.model ?? model) !== model || (args.engine ?? engine) !== engine) continue;
    const target = await open(args.shared, threadCount());
    /** @type {Map<string, readonly number[]>} */
    const alone = new Map();
    for (const attack of args.attacks.split(",")) {
      const started = performance.now();
      const ours = withstood(target, split, attack, args);
      alone.set(attack, ours);
      record({ model, engine, attack }, ours, (performance.now() - started) / 1000);
    }
    const parts = attacks.aa.parts.flatMap((part) => [alone.get(part) ?? []]);
    if (parts.every((verdicts) => verdicts.length > 0))
      record({ model, engine, attack: "autoattack" }, worstOf(parts), 0);
    target.dispose();
  }
} finally {
  rmSync(folder, { recursive: true });
}

const heading = [
  "model",
  "engine",
  "attack",
  "robust %",
  "golden %",
  "same images %",
  "same as student %",
  "s",
];
printResult(args, { rows }, formatTable([heading, ...rows.map(cells)]));
