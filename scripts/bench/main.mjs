import { log, printResult } from "#mtard/cli/output.js";
import { InputError, WorkError } from "#mtard/errors.js";

/**
 * Runs a benchmark as the commands of mtard run: its result as text or JSON, errors on a few lines, the same exit codes.
 *
 * @template {{ json: boolean }} Arguments
 * @template {object} Result
 * @param {(argv: string[]) => Promise<Arguments>} parse
 * @param {(args: Arguments) => Promise<Result>} bench
 * @param {(result: Result) => string} text
 */
export async function runBench(parse, bench, text) {
  try {
    const args = await parse(process.argv.slice(2));
    const result = "help" in args && args.help === true ? null : await bench(args);
    if (result) printResult(args, result, text(result));
  } catch (error) {
    const known = error instanceof InputError || error instanceof WorkError;
    log(known ? error.report() : `error: ${error instanceof Error ? error.stack : String(error)}`);
    process.exitCode = known ? error.exitCode : 1;
  }
}
