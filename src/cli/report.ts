import { existsSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
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
  const html = await reportHtml(folder, log);
  const file = args.out ?? join(folder, "report.html");
  writeFileAtomically(file, html);
  printResult(args, { run: folder, file }, file);
  suggest(`open ${shellWord(file)} in a browser`);
}

/**
 * The page about the run in a folder, as HTML.
 *
 * @param say Called with what is wrong with the run and does not keep the page from being made.
 * @throws {InputError} if there is no run.
 */
export async function reportHtml(folder: string, say: (text: string) => void): Promise<string> {
  const run = readRun(folder);
  const metrics = readDamagedMetrics(folder);
  const gaps = metrics.problems.map((problem) => `${RUN_FILES.metrics} is not whole: ${problem}`);
  for (const gap of gaps.slice(0, MOST_GAPS)) say(`warning: ${gap}; the rest is shown`);
  const kept = await measurementsOf(folder, run, "best", say);
  const averaged = run.settings.ema > 0 ? await measurementsOf(folder, run, "best-averaged", say) : [];
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
  return runPageHtml({
    name: basename(resolve(folder)),
    run,
    metrics,
    finished: isRunFinished(folder),
    evaluations,
    warnings: [...new Set(warnings)],
    pictures,
  });
}

function keyed({ key, record }: KeptRecord): KeyedEvaluation {
  return { key, evaluation: evaluationOfRecord(key, record) };
}

/** The doubts that arise from comparing attacks of one epsilon with each other; it is named unless it is the run's own. */
function comparisonsOf(evaluations: readonly KeyedEvaluation[], { settings }: RunDescription): string[] {
  const usual = settings.evaluationEpsilon;
  const epsilons = new Set([usual, ...evaluations.flatMap(({ key }) => key.epsilon ?? [])]);
  return [...epsilons].flatMap((epsilon) => {
    const measured = evaluations.filter(({ key }) => key.epsilon === epsilon);
    const doubts = doubtsOf(measured.map(({ evaluation }) => evaluation));
    return epsilon === usual
      ? doubts
      : doubts.map((doubt) => `at epsilon ${distanceText(epsilon)}, ${doubt}`);
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
  say: (text: string) => void,
): Promise<KeptRecord[]> {
  const file = checkpoint === "best" ? RUN_FILES.best : RUN_FILES.bestAveraged;
  if (!existsSync(join(folder, file))) return [];
  try {
    const model = await openModel({ kind: "run", folder }, { checkpoint });
    const store = openModelStore(model, dirname(folder), say);
    return store
      .list(model.identity, model.classes)
      .filter(({ key, record }) => key.data === inputs.data && isFinished(key, record));
  } catch (error) {
    if (!(error instanceof InputError)) throw error;
    say(`its ${checkpoint} student is not shown: ${error.message}`);
    return [];
  }
}
