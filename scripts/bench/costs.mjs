// Prints what the paper's runs, tables and figures cost at full budget, as the Markdown tables of docs/scaling.md: counted from the code's own plans.
import yargs from "yargs";
import { InputError } from "#mtard/errors.js";
import { runBench } from "./main.mjs";
import { reportTable } from "./cost-of-reports.mjs";
import { attackTable, fileTable, runTable, splitTable, stepTable } from "./cost-of-runs.mjs";

/** @param {readonly string[]} argv */
function parse(argv) {
  return yargs([...argv])
    .scriptName("node scripts/bench/costs.mjs")
    .usage(
      "$0\n\nPrints what the paper's runs, tables and figures cost; nothing is computed but these numbers.",
    )
    .option("seeds", { type: "number", default: 1, describe: "of every run of a table" })
    .option("json", { type: "boolean", default: false, describe: "print one JSON object on stdout" })
    .strict()
    .exitProcess(false)
    .fail((/** @type {string | null} */ message, /** @type {Error | undefined} */ error) => {
      throw error ?? new InputError(message ?? "the call is wrong");
    })
    .parseAsync();
}

/** @param {Awaited<ReturnType<typeof parse>>} args */
function costs({ seeds }) {
  if (!Number.isInteger(seeds) || seeds < 1)
    throw new InputError("the number of seeds is wrong", { expected: "1 or more", found: String(seeds) });
  return Promise.resolve({
    "A step of B-MTARD": stepTable(),
    "A run of B-MTARD": runTable(),
    "An attack on 10,000 images": attackTable(),
    "Tables and figures": reportTable(seeds),
    "One run on several GPUs": splitTable(),
    "Files of a run": fileTable(),
  });
}

await runBench(parse, costs, (tables) =>
  Object.entries(tables)
    .map(([title, table]) => `## ${title}\n\n${table}`)
    .join("\n\n"),
);
