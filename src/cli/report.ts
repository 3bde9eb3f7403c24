import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { norms } from "../attacks/norms.js";
import { InputError } from "../errors.js";
import { doubtsOf } from "../evaluation/doubts.js";
import { openModelStore } from "../evaluation/model-store.js";
import { evaluationOfRecord, isFinished, warningTexts } from "../evaluation/record.js";
import type { KeptRecord } from "../evaluation/store.js";
import { writeFileAtomically } from "../files/atomic.js";
import { openModel } from "../model/model.js";
import { drawSvg } from "../report/figures/draw.js";
import { distanceText, runPageHtml, type KeyedEvaluation } from "../report/run-page.js";
import { runPanels } from "../report/run-panels.js";
import { readDamagedMetrics } from "../run/metrics.js";
import { isRunFinished, readRun, RUN_FILES, type RunDescription } from "../run/run-directory.js";
import { log, printResult, type GlobalArguments, shellWord, suggest } from "./output.js";
import type { CommandBody } from "./usages.js";

interface ReportArguments extends GlobalArguments {
  run: string;
  out: string | undefined;
}

/** How many of the gaps in a run's metrics are named. */
const MOST_GAPS = 5;

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
  const metrics = readDamagedMetrics(folder);
  const gaps = metrics.problems.map((problem) => `${RUN_FILES.metrics} is not whole: ${problem}`);
  for (const gap of gaps.slice(0, MOST_GAPS)) log(`warning: ${gap}; the rest is shown`);
  const kept = await measurementsOf(folder, run, "best");
  const averaged = run.settings.ema > 0 ? await measurementsOf(folder, run, "best-averaged") : [];
  const raw = kept.map(keyed);
  const ofAverage = averaged.map(keyed);
  const warnings = [
    ...gaps.slice(0, MOST_GAPS),
    ...kept.flatMap(({ record }) => warningTexts(record)),
    ...comparisonsOf(raw, run),
    ...[...averaged.flatMap(({ record }) => warningTexts(record)), ...comparisonsOf(ofAverage, run)].map(
      (warning) => `with averaged weights, ${warning}`,
    ),
  ];
  const evaluations = [...raw, ...ofAverage.map((each) => ({ ...each, averaged: true }))];
  const pictures = [];
  for (const figure of runPanels(metrics)) pictures.push({ title: figure.title, svg: await drawSvg(figure) });
  const page = {
    name: basename(resolve(folder)),
    run,
    metrics,
    finished: isRunFinished(folder),
    evaluations,
    warnings: [...new Set(warnings)],
    pictures,
  };
  const file = args.out ?? join(folder, "report.html");
  writeFileAtomically(file, runPageHtml(page));
  printResult(args, { run: folder, file }, file);
  suggest(`open ${shellWord(file)} in a browser`);
}

function keyed({ key, record }: KeptRecord): KeyedEvaluation {
  return { key, evaluation: evaluationOfRecord(key, record) };
}

/** The doubts that arise from comparing attacks of one norm and epsilon with each other; they are named unless they are the run's own. */
function comparisonsOf(evaluations: readonly KeyedEvaluation[], { settings }: RunDescription): string[] {
  const usual = settings.evaluationEpsilon;
  const place = ({ key: { norm, epsilon } }: KeyedEvaluation): string =>
    epsilon === null || (norm === undefined && epsilon === usual)
      ? ""
      : `at epsilon ${distanceText(epsilon)}${norm === undefined ? "" : ` in ${norms[norm].title}`}, `;
  const places = new Set(["", ...evaluations.map(place)]);
  return [...places].flatMap((where) => {
    const measured = evaluations.filter((each) => each.key.epsilon !== null && place(each) === where);
    return doubtsOf(measured.map(({ evaluation }) => evaluation)).map((doubt) => `${where}${doubt}`);
  });
}

/**
 * The finished measurements of one of a run's best students on the data that it was trained on; none if it is missing or cannot be
 * read. Those of an earlier best student, or of the data set as it was prepared at another time, say nothing about this one.
 */
async function measurementsOf(
  folder: string,
  { inputs }: RunDescription,
  checkpoint: "best" | "best-averaged",
): Promise<KeptRecord[]> {
  const file = checkpoint === "best" ? RUN_FILES.best : RUN_FILES.bestAveraged;
  if (!existsSync(join(folder, file))) return [];
  try {
    const model = await openModel({ kind: "run", folder }, { checkpoint });
    const store = openModelStore(model, dirname(folder), log);
    return store
      .list(model.identity, model.classes)
      .filter(({ key, record }) => key.data === inputs.data && isFinished(key, record));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    log(`its ${checkpoint} student is not shown: ${error.message}`);
    return [];
  }
}
