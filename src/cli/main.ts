#!/usr/bin/env node
import { readFileSync } from "node:fs";
import yargs, { type Argv } from "yargs";
import { InputError, oneLine, type WorkError } from "../errors.js";
import { reportedError } from "../files/system-error.js";
import { outliveChannels, results } from "./channels.js";
import { commandsFor } from "./commands.js";
import { ASKS_COMPLETIONS, completions } from "./completion.js";
import { withConfig } from "./config.js";
import { hideWarningsOfTfjs } from "./node-warnings.js";
import { log, logAlways, printJson, printText, reportLoss, setManner } from "./output.js";
import { COMPLETION, declaredOptions, helpOf, requireCommand, usageError } from "./usage-error.js";
import { usages } from "./usages.js";
import { tellOfTrials } from "../teacher/trial-notice.js";

interface PackageJson {
  version: string;
}

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as PackageJson;

/** Prints an error the way DESIGN's contract asks for and returns the exit code. */
function reportFailure(error: unknown, argv: readonly string[], verbose: boolean, json: boolean): number {
  const known = reportable(error, argv);
  const text = known?.report() ?? `error: ${oneLine(error instanceof Error ? error.message : String(error))}`;
  if (json) {
    const content = known ? { message: known.message, ...known.detail, cause: undefined } : { message: text };
    printJson({ error: content });
  }
  logAlways(text);
  if (verbose && error instanceof Error) logAlways(error.stack ?? "");
  else if (!known) logAlways("  try       the same command with --verbose, and report it");
  return known?.exitCode ?? 1;
}

/** The error to show to the user, always with something to try; null for an unexpected one. */
function reportable(unknown: unknown, argv: readonly string[]): InputError | WorkError | null {
  const error = reportedError(unknown);
  if (!(error instanceof InputError)) return error;
  return new InputError(error.message, { ...error.detail, fix: error.detail.fix ?? helpOf(argv, usages) });
}

const globalOptions = {
  json: { type: "boolean", default: false, describe: "print one JSON object on stdout" },
  quiet: { type: "boolean", default: false, describe: "results and errors only" },
  verbose: { type: "boolean", default: false, describe: "stack traces of errors" },
  "data-dir": {
    type: "string",
    requiresArg: true,
    default: process.env["MTARD_DATA"] || "data",
    defaultDescription: "MTARD_DATA, or data",
    describe: "where data sets are kept",
  },
  "teachers-dir": {
    type: "string",
    requiresArg: true,
    default: process.env["MTARD_TEACHERS"] || "teachers",
    defaultDescription: "MTARD_TEACHERS, or teachers",
    describe: "where teachers are kept",
  },
} as const;

/** The call as yargs knows it: `mtard` and `mtard help COMMAND` ask for help. */
function asked(argv: readonly string[]): readonly string[] {
  const [first, ...others] = argv;
  if (first === undefined) return ["--help"];
  return first === "help" ? [...others, "--help"] : argv;
}

/** Refuses an option given twice: yargs makes a list of it, which only list options expect. */
function refuseRepeated(values: Record<string, unknown>, { array }: { array?: unknown }): true {
  const lists: readonly unknown[] = Array.isArray(array) ? array : [];
  // Each value is there under both names, some-list and someList; `array` has only the first.
  const dashed = (name: string): string => name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`);
  for (const [name, value] of Object.entries(values)) {
    if (name === "_" || !Array.isArray(value) || lists.includes(dashed(name))) continue;
    throw new InputError(`--${name} is given ${value.length} times`, {
      expected: "it once",
      found: value.join(" and "),
    });
  }
  return true;
}

/** The parser of a call, which runs its command when it parses. */
async function parserFor(argv: readonly string[]): Promise<Argv> {
  const parser = yargs([...argv]);
  return parser
    .scriptName("mtard")
    .locale("en")
    .usage("$0 <command>\n\nTrains small image classifiers to be accurate and robust (B-MTARD).")
    .version(version)
    .alias("version", "v")
    .options(globalOptions)
    .group(["help", "version"], "Options:")
    .group(Object.keys(globalOptions), "Options of every command:")
    .command(await commandsFor(argv))
    .completion(COMPLETION, "print a script that completes commands, options and names in bash or zsh")
    .demandCommand(1, "name a command")
    .check(refuseRepeated)
    .strict()
    .wrap(Math.min(120, results.columns || 100))
    .help()
    .alias("help", "h")
    .epilogue("mtard help COMMAND, or mtard COMMAND --help, shows the options of a command.")
    .exitProcess(false)
    .fail((message: string | null, error: Error | undefined) => {
      if (error !== undefined && error.name !== "YError") throw error;
      throw usageError(
        error?.message ?? message ?? "the call is wrong",
        argv,
        usages,
        declaredOptions(parser).names,
      );
    });
}

/** Prints what can stand where the last word of a call is, a line each, as the script of `mtard completion` asks for it. */
async function printCompletions(words: readonly string[]): Promise<void> {
  const proposals = await completions({
    words,
    teachersDir: globalOptions["teachers-dir"].default,
    dataDir: globalOptions["data-dir"].default,
    helpOf: async (call) => (await parserFor(call)).getHelp(),
  });
  if (proposals.length > 0) printText(proposals.join("\n"));
}

/** Runs one command line and returns its exit code: 0 done, 1 the work failed, 2 the call or its input is wrong. */
export async function main(argv: readonly string[]): Promise<number> {
  const verbose = argv.includes("--verbose");
  const json = argv.includes("--json");
  setManner({ quiet: argv.includes("--quiet"), json });
  tellOfTrials(log);
  try {
    if (argv[0] === ASKS_COMPLETIONS) {
      await printCompletions(argv.slice(2));
      return 0;
    }
    requireCommand(argv, usages);
    const parser = await parserFor(await withConfig(argv, Object.keys(globalOptions)));
    await parser.parseAsync();
    // A command whose result is itself bad news, such as `doctor`, prints it and sets the exit code.
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return reportFailure(error, argv, verbose, json);
  }
}

outliveChannels();
hideWarningsOfTfjs();
const code = await main(asked(process.argv.slice(2)));
if ((await reportLoss()) || code !== 0) process.exitCode = code === 0 ? 1 : code;
