// Runs the demo with several seeds, prints means and deviations of its table, and ends with 1 unless B-MTARD has the best W-Robust with every seed.
//
//   node scripts/check-demo.mjs --seeds 0,1,2 --out runs/check-demo
import { spawnSync } from "node:child_process";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs } from "node:util";
import { formatTable } from "#mtard/cli/text-table.js";
import { log, printResult } from "#mtard/cli/output.js";

const main = join(dirname(fileURLToPath(import.meta.url)), "../dist/cli/main.js");
const { values } = parseArgs({
  options: {
    seeds: { type: "string", default: "0,1,2" },
    out: { type: "string", default: "runs/check-demo" },
    json: { type: "boolean", default: false },
  },
});
const seeds = values.seeds.split(",").map(Number);

/** @typedef {{ clean: number, robust: number, wRobust: number }} Scores In percent. */

/**
 * The demo's table with a seed. A demo that was stopped goes on; one that was finished is read.
 *
 * @param {number} seed
 * @returns {{ model: string, scores: Scores }[]}
 */
function demo(seed) {
  log(`seed ${seed}`);
  const call = [main, "demo", "--seed", String(seed), "--out", join(values.out, `seed${seed}`), "--json"];
  const { status, stdout } = spawnSync(process.execPath, call, {
    encoding: "utf8",
    stdio: ["ignore", "pipe", "inherit"],
  });
  if (status !== 0) process.exit(status ?? 1);
  /** @type {{ table: { model: string, clean: { accuracy: number }, "pgd-trades": { accuracy: number, wRobust: number } }[] }} */
  const { table } = JSON.parse(stdout);
  return table.map(({ model, clean, "pgd-trades": attacked }) => ({
    model,
    scores: {
      clean: 100 * clean.accuracy,
      robust: 100 * attacked.accuracy,
      wRobust: 100 * attacked.wRobust,
    },
  }));
}

/** @param {readonly number[]} numbers Their mean, and their standard deviation over n - 1. */
function spread(numbers) {
  const mean = numbers.reduce((sum, number) => sum + number, 0) / numbers.length;
  const squares = numbers.reduce((sum, number) => sum + (number - mean) ** 2, 0);
  return { mean, deviation: numbers.length > 1 ? Math.sqrt(squares / (numbers.length - 1)) : 0 };
}

const tables = seeds.map(demo);
const rows = (tables[0] ?? []).map(({ model }, row) => {
  const runs = tables.flatMap((table) => table[row]?.scores ?? []);
  return {
    model,
    runs,
    clean: spread(runs.map(({ clean }) => clean)),
    robust: spread(runs.map(({ robust }) => robust)),
    wRobust: spread(runs.map(({ wRobust }) => wRobust)),
  };
});
// The demo's last row is the student of both teachers.
const ours = rows.at(-1);
const others = rows.slice(0, -1);
/** By how much W-Robust is above the best of the others, seed by seed. */
const leads = seeds.map(
  (_, index) =>
    (ours?.runs[index]?.wRobust ?? NaN) - Math.max(...others.map(({ runs }) => runs[index]?.wRobust ?? NaN)),
);
const holds = leads.every((lead) => lead > 0);

/** @param {{ mean: number, deviation: number }} numbers */
const cell = ({ mean, deviation }) => `${mean.toFixed(1)} ± ${deviation.toFixed(1)}`;
printResult(
  values,
  { seeds, rows, leads, holds },
  `${formatTable([
    [`${seeds.length} seeds`, "clean", "PGD-trades", "W-Robust", "W-Robust by seed"],
    ...rows.map(({ model, clean, robust, wRobust, runs }) => [
      model,
      ...[clean, robust, wRobust].map(cell),
      runs.map((run) => run.wRobust.toFixed(1)).join(", "),
    ]),
  ])}

B-MTARD is ahead of the best other row by ${leads.map((lead) => lead.toFixed(1)).join(", ")} points of W-Robust: ${holds ? "above all with every seed" : "NOT above all with every seed"}`,
);
if (!holds) process.exitCode = 1;
