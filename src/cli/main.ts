#!/usr/bin/env node
import { readFileSync } from "node:fs";
import yargs from "yargs";
import { InputError, WorkError } from "../errors.js";
import { commands } from "./commands.js";
import { log, printJson } from "./output.js";

interface PackageJson {
  version: string;
}

const { version } = JSON.parse(
  readFileSync(new URL("../../package.json", import.meta.url), "utf8"),
) as PackageJson;

/** Prints an error the way DESIGN's contract asks for and returns the exit code. */
function reportFailure(error: unknown, verbose: boolean, json: boolean): number {
  const known = error instanceof InputError || error instanceof WorkError;
  const text = known ? error.report() : `error: ${error instanceof Error ? error.message : String(error)}`;
  if (json)
    printJson({
      error: known ? { message: error.message, ...error.detail, cause: undefined } : { message: text },
    });
  log(text);
  if (verbose && error instanceof Error) log(error.stack ?? "");
  else if (!known) log("  try       the same command with --verbose, and report it");
  return known ? error.exitCode : 1;
}

/** Runs one command line and returns its exit code: 0 done, 1 the work failed, 2 the call or its input is wrong. */
export async function main(argv: readonly string[]): Promise<number> {
  const verbose = argv.includes("--verbose");
  const json = argv.includes("--json");
  try {
    await yargs([...argv])
      .scriptName("mtard")
      .usage("$0 <command>\n\nTrains small image classifiers to be accurate and robust (B-MTARD).")
      .version(version)
      .option("json", {
        type: "boolean",
        default: false,
        describe: "print one JSON object on stdout",
        global: true,
      })
      .option("verbose", {
        type: "boolean",
        default: false,
        describe: "stack traces and more logging",
        global: true,
      })
      .option("data-dir", {
        type: "string",
        default: process.env["MTARD_DATA"] ?? "data",
        defaultDescription: "data, or MTARD_DATA",
        describe: "where data sets are kept",
        global: true,
      })
      .option("teachers-dir", {
        type: "string",
        default: process.env["MTARD_TEACHERS"] ?? "teachers",
        defaultDescription: "teachers, or MTARD_TEACHERS",
        describe: "where teachers are kept",
        global: true,
      })
      .command(commands)
      .demandCommand(1, "name a command")
      .recommendCommands()
      .strict()
      .wrap(Math.min(120, process.stdout.columns || 100))
      .help()
      .exitProcess(false)
      .fail((message: string | null, error: Error | undefined) => {
        throw error ?? new InputError(message ?? "the call is wrong", { fix: "mtard --help" });
      })
      .parseAsync();
    // A command whose result is itself bad news, such as `doctor`, prints it and says so here.
    return Number(process.exitCode ?? 0);
  } catch (error) {
    return reportFailure(error, verbose, json);
  }
}

const code = await main(process.argv.slice(2));
if (code !== 0) process.exitCode = code;
