import { existsSync, readFileSync } from "node:fs";
import { basename, join, resolve } from "node:path";
import { keptEvaluations } from "../evaluation/store.js";
import { readMetrics } from "../run/metrics.js";
import { drawSvg } from "../report/figures/draw.js";
import { runPageHtml } from "../report/run-page.js";
import { runPanels } from "../report/run-panels.js";
import { isFinished } from "../reproduction/run-store.js";
import { writeFileAtomically } from "../files/atomic.js";
import { sha256Of } from "../teacher/store.js";
import { readRun, RUN_FILES } from "../run/run-directory.js";
import type { CommandBody } from "./commands.js";
import { printResult, type GlobalArguments } from "./output.js";

interface ReportArguments extends GlobalArguments {
  run: string;
  out: string | undefined;
}

/** `mtard report RUN`: a page about a run. */
export const reportCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .positional("run", { type: "string", demandOption: true, describe: "a run directory" })
      .option("out", {
        type: "string",
        requiresArg: true,
        describe: "the HTML file",
        defaultDescription: "report.html in the run directory",
      }),
  handler: (args) => runReport(args as unknown as ReportArguments),
};

async function runReport(args: ReportArguments): Promise<void> {
  const { run: folder } = args;
  const run = readRun(folder);
  const metrics = readMetrics(folder);
  const best = join(folder, RUN_FILES.best);
  const evaluations = existsSync(best) ? keptEvaluations(folder, sha256Of(readFileSync(best))) : [];
  const pictures = [];
  for (const figure of runPanels(metrics)) pictures.push({ title: figure.title, svg: await drawSvg(figure) });
  const page = {
    name: basename(resolve(folder)),
    run,
    metrics,
    finished: isFinished(folder),
    evaluations,
    pictures,
  };
  const file = args.out ?? join(folder, "report.html");
  writeFileAtomically(file, runPageHtml(page));
  printResult(args, { run: folder, file }, file);
}
