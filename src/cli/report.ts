import { basename, join, resolve } from "node:path";
import type { Argv } from "yargs";
import { InputError, WorkError } from "../errors.js";
import { fileName } from "../evaluation/model-store.js";
import { requireFilePath, writeFileAtomically } from "../files/atomic.js";
import { sha256Of } from "../files/sha256.js";
import { readComparison } from "../report/comparison/read.js";
import { comparisonHtml, comparisonJson } from "../report/comparison/page.js";
import { EXAMPLES, makeExamples } from "../report/run-report/make-examples.js";
import { runNumbers, runReportJson } from "../report/run-report/numbers.js";
import { runReportHtml } from "../report/run-report/page.js";
import { readRunReport } from "../report/run-report/read.js";
import { bestOf } from "../report/run-report/students.js";
import { prepareNativeLibraries, requestedDevice, threadCount } from "../runtime/device.js";
import { deviceOption, examples, type HandlerArguments } from "./options.js";
import { type GlobalArguments, log, printResult, shellWord, suggest } from "./output.js";
import type { CommandBody } from "./usages.js";

function options(yargs: Argv<GlobalArguments>) {
  return yargs
    .positional("runs", {
      type: "string",
      array: true,
      demandOption: true,
      describe: "a run directory; several are compared",
    })
    .option("out", {
      type: "string",
      requiresArg: true,
      describe: "the HTML file",
      defaultDescription: "report.html in the run directory; of several, in reports",
    })
    .option("examples", {
      type: "boolean",
      default: true,
      describe: `make ${EXAMPLES} adversarial examples where the run keeps none of its best student; --no-examples leaves them out`,
    })
    .option("device", deviceOption)
    .epilogue(
      examples({
        "a page about a run": "mtard report runs/demo",
        "without starting an engine": "mtard report runs/demo --no-examples",
        "runs beside each other": "mtard report runs/demo runs/demo-rslad --out compared.html",
      }),
    );
}

type ReportArguments = GlobalArguments & HandlerArguments<typeof options>;

/** `mtard report RUN...`: a page about a run, or one that compares several. */
export const reportCommand: CommandBody = {
  builder: (yargs) => options(yargs as Argv<GlobalArguments>),
  handler: (args) => runReport(args as unknown as ReportArguments),
};

async function runReport(args: ReportArguments): Promise<void> {
  const { out, runs } = args;
  if (out !== undefined) requireFilePath(out, "report.html");
  const [folder = "", ...more] = runs;
  const { file, numbers } = more.length === 0 ? await reportOn(folder, args) : await compare(runs, args);
  printResult(args, { ...numbers, file }, file);
  suggest(`open ${shellWord(file)} in a browser`);
}

interface Written {
  readonly file: string;
  readonly numbers: object;
}

async function reportOn(folder: string, args: ReportArguments): Promise<Written> {
  const { dataDir } = args;
  let report = await readRunReport(folder, { dataDir, say: log });
  if (args.examples && !report.examples && bestOf(report.students)) {
    await tryExamples(folder, args);
    report = await readRunReport(folder, { dataDir });
  }
  const file = args.out ?? join(folder, "report.html");
  writeFileAtomically(file, await runReportHtml(report));
  return { file, numbers: runReportJson(report, runNumbers(report)) };
}

/** Makes examples; a page without them is better than none, so what hinders it is said. */
async function tryExamples(folder: string, { dataDir, device: asked }: ReportArguments): Promise<void> {
  const device = requestedDevice(asked);
  try {
    prepareNativeLibraries(device, threadCount());
    await makeExamples(folder, { dataDir, device }, (runsOn) =>
      log(`${EXAMPLES} adversarial examples of its best student, on ${runsOn}`),
    );
  } catch (error) {
    if (!(error instanceof InputError || error instanceof WorkError)) throw error;
    log(`note: no adversarial examples are shown: ${error.message}`);
  }
}

async function compare(folders: readonly string[], args: ReportArguments): Promise<Written> {
  const comparison = await readComparison(folders, { dataDir: args.dataDir, say: log });
  const file = args.out ?? join("reports", comparisonName(folders));
  writeFileAtomically(file, await comparisonHtml(comparison));
  return { file, numbers: comparisonJson(comparison) };
}

/** Longer names of several runs are not all in a file's. */
const LONGEST_NAME = 100;

/** The file of a comparison: the names of the runs where they are short enough, else how many they are and a hash of their folders. */
function comparisonName(folders: readonly string[]): string {
  const names = folders.map((folder) => basename(resolve(folder))).join("-");
  return names.length <= LONGEST_NAME
    ? `${fileName(`compare-${names}`)}.html`
    : `compare-${folders.length}-runs-${sha256Of(folders.map((folder) => resolve(folder)).join("\n")).slice(0, 8)}.html`;
}
