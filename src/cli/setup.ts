import { setUp } from "../../scripts/setup/setup.mjs";
import { type ErrorDetail, WorkError } from "../errors.js";
import { log, printResult, type GlobalArguments } from "./output.js";
import type { CommandBody } from "./usages.js";

interface SetupArguments extends GlobalArguments {
  device: string | undefined;
}

/** `mtard setup`: brings the engines into the user's cache, as `make setup` does in a checkout. */
export const setupCommand: CommandBody = {
  builder: (yargs) =>
    yargs.option("device", {
      type: "string",
      requiresArg: true,
      describe: "cpu, or cuda for NVIDIA GPUs",
      defaultDescription: "DEVICE, what the last set-up was for, or cpu",
    }),
  handler: (args) => runSetup(args as unknown as SetupArguments),
};

async function runSetup(args: SetupArguments): Promise<void> {
  try {
    const made = await setUp(args.device, log);
    printResult(args, made, "Ready: mtard demo, or mtard --help");
  } catch (error) {
    if (!isSetupError(error)) throw error;
    throw new WorkError(error.message, { ...error.detail, cause: error });
  }
}

/** Set-up runs before this program is built, and has an error of its own. */
function isSetupError(error: unknown): error is Error & { detail: ErrorDetail } {
  return error instanceof Error && typeof (error as { detail?: unknown }).detail === "object";
}
