import { InputError } from "../errors.js";
import { buildTable, tableRequests } from "../report/build-table.js";
import type { TablePlan } from "../paper/plan.js";
import { scaleOf } from "../reproduction/scale.js";
import { tableNumbers, tablePlan } from "../paper/tables.js";
import { tableCsv, tableJson, tableMarkdown, tableText } from "../report/render-table.js";
import { isRun, isTeacherPlan } from "../reproduction/run-request.js";
import type { CommandBody } from "./usages.js";
import { examples } from "./options.js";
import { printResult, suggest } from "./output.js";
import { performCall, reportUnfinished, unfinishedJson } from "./perform-call.js";
import { formatTable } from "./text-table.js";
import {
  methodsOption,
  paperDatasetOption,
  reproductionOf,
  withReproductionOptions,
  filesText,
  nextOfRuns,
  workDone,
  writeReport,
  type Reproduction,
  type ReproductionArguments,
} from "./reproduction.js";

/** `mtard table N`: a table of the paper, its numbers beside ours. */
export const tableCommand: CommandBody = {
  builder: (yargs) =>
    withReproductionOptions(
      yargs
        .positional("number", { type: "string", demandOption: true, describe: tableNumbers.join(", ") })
        .option("dataset", paperDatasetOption)
        .option("methods", methodsOption),
    )
      .option("second-clean-teacher", { type: "string", requiresArg: true, describe: "of table 11" })
      .option("second-robust-teacher", { type: "string", requiresArg: true, describe: "of table 11" })
      .epilogue(
        examples({
          "all methods in minutes, on the demo data": "mtard table 3 --budget smoke",
          "some methods on part of CIFAR-10, two seeds":
            "mtard table 3 --budget subset --methods sat,rslad,b-mtard --seeds 0,1 --clean-teacher A --robust-teacher B",
        }),
      ),
  handler: (args) => runTable(args as unknown as ReproductionArguments),
};

async function runTable(args: ReproductionArguments): Promise<void> {
  const call = reproductionOf("table", args);
  const plan = withMethods(tablePlan(call.number, call.dataset), call);
  const scale = scaleOf(call.budget, call.dataset, plan.student, call.options);
  const requests = tableRequests(plan, call.seeds, scale);
  const { attackChanges } = plan;
  const found = await performCall(args, { requests, scale, attackChanges, showsParts: true });
  if (!found) return;
  const { outcomes, unfinished } = found;
  const table = buildTable(plan, outcomes, call.seeds, scale);
  const files = writeReport(call.out, {
    "table.md": tableMarkdown(table),
    "table.csv": tableCsv(table),
    "table.json": tableJson(table),
  });
  const done = workDone(outcomes);
  printResult(
    args,
    { ...table, ...done, ...unfinishedJson(unfinished), files },
    `${tableText(table, formatTable)}\n\n${filesText(files)}`,
  );
  reportUnfinished(unfinished);
  suggest(...nextOfRuns(outcomes.filter(isRun).map(({ folder }) => folder)));
}

function withMethods(plan: TablePlan, { methods }: Reproduction): TablePlan {
  if (!methods) return plan;
  const rows = plan.rows.filter(({ cells }) =>
    cells.flat().every(({ of }) => isTeacherPlan(of) || methods.some((id) => id === of.method)),
  );
  if (rows.length > 0) return { ...plan, rows };
  const there = plan.rows.flatMap(({ cells }) =>
    cells.flat().flatMap(({ of }) => (isTeacherPlan(of) ? [] : [of.method])),
  );
  throw new InputError(`table ${plan.number} has no row of these methods`, {
    expected: `some of ${[...new Set(there)].join(", ")}`,
    found: methods.join(", "),
  });
}
