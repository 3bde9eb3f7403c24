import { datasetIds, ownDatasetIds } from "../data/datasets.js";
import { readStoreRecord } from "../data/store.js";
import { InputError, WorkError } from "../errors.js";
import { requireFilePath, writeFileAtomically } from "../files/atomic.js";
import { diagnoseMachine, type Check } from "../runtime/diagnosis.js";
import { pageMarkdown, pageText } from "../self-check/page.js";
import { selfCheck, type SelfCheck } from "../self-check/self-check.js";
import { listTeachers } from "../teacher/store.js";
import type { CommandBody } from "./usages.js";
import { type GlobalArguments, printResult, suggest } from "./output.js";
import { formatDuration, ProgressLine } from "./progress.js";
import { formatRows, formatTable } from "./text-table.js";

interface DoctorArguments extends GlobalArguments {
  thorough: boolean;
  out: string | undefined;
}

/** `mtard doctor`: what runs here, and what to do about what does not; `--thorough` computes and compares. */
export const doctorCommand: CommandBody = {
  builder: (yargs) =>
    yargs
      .option("thorough", {
        type: "boolean",
        default: false,
        describe: "also compute: numbers against PyTorch's and the CPU's, speed, memory; ten minutes at most",
      })
      .option("out", {
        type: "string",
        requiresArg: true,
        describe: "with --thorough: a Markdown file for the page of results",
      }),
  handler: (args) => runDoctor(args as unknown as DoctorArguments),
};

async function runDoctor(args: DoctorArguments): Promise<void> {
  const { thorough, out } = args;
  if (out !== undefined && !thorough)
    throw new InputError("--out is for the page of --thorough", {
      expected: "mtard doctor --thorough --out FILE",
      found: "--out without --thorough",
    });
  if (out !== undefined) requireFilePath(out, "doctor.md");
  const checks = [
    ...(await diagnoseMachine()),
    storeCheck("data sets", "mtard data demo", () => describeData(args.dataDir)),
    storeCheck("teachers", "mtard teacher import --help", () => describeTeachers(args.teachersDir)),
  ];
  const works = checks.every(({ status }) => status !== "broken");
  if (!thorough || !works) {
    printResult(args, { ok: works, checks }, formatRows(checks.flatMap(rows)));
    if (!works) process.exitCode = 1;
    suggest(checks.find(({ status }) => status === "broken")?.fix ?? "mtard demo");
    return;
  }
  const result = await checkThoroughly();
  if (out !== undefined) writeFileAtomically(out, pageMarkdown(result));
  printResult(
    args,
    { ok: result.ok, checks, thorough: result, ...(out === undefined ? {} : { file: out }) },
    pageText(result, formatRows, formatTable),
  );
  if (!result.ok) process.exitCode = 1;
  suggest(out === undefined ? "mtard doctor --thorough --out doctor.md" : "mtard demo");
}

/** The self-check, with progress; Ctrl-C ends it and what it started. */
async function checkThoroughly(): Promise<SelfCheck> {
  const line = new ProgressLine();
  const stop = new AbortController();
  const onSignal = (signal: NodeJS.Signals): void =>
    stop.abort(
      new WorkError("the self-check was stopped", {
        found: signal,
        fix: "mtard doctor --thorough begins anew",
      }),
    );
  for (const signal of SIGNALS) process.once(signal, onSignal);
  try {
    const began = performance.now();
    return await selfCheck(stop.signal, ({ part, parts, title }) => {
      const seconds = (performance.now() - began) / 1000;
      line.show(`self-check: part ${part} of ${parts}  ${title}  ${formatDuration(seconds)}`);
    });
  } finally {
    line.clear();
    for (const signal of SIGNALS) process.off(signal, onSignal);
  }
}

const SIGNALS = ["SIGINT", "SIGTERM", "SIGHUP"] as const;

function rows({ name, status, found, fix }: Check): string[][] {
  const line = [status, name, found];
  return fix === undefined ? [line] : [line, ["", "", `fix: ${fix}`]];
}

/** A store that is empty or cannot be read is a warning: the program can fill it. */
function storeCheck(name: string, fix: string, describe: () => string): Check {
  try {
    const found = describe();
    return found === "" ? { name, status: "warning", found: "none yet", fix } : { name, status: "ok", found };
  } catch (error) {
    return { name, status: "warning", found: error instanceof Error ? error.message : String(error), fix };
  }
}

function describeData(dataDir: string): string {
  return [...datasetIds, ...ownDatasetIds(dataDir)]
    .flatMap((id) => {
      const record = readStoreRecord(id, dataDir);
      return record === null ? [] : [`${id} (${record.train} train, ${record.test} test)`];
    })
    .join(", ");
}

function describeTeachers(teachersDir: string): string {
  return listTeachers(teachersDir)
    .map((teacher) =>
      "error" in teacher ? `${teacher.name} (broken: ${teacher.error.message})` : teacher.name,
    )
    .join(", ");
}
