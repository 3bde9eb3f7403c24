import { constants, fstatSync, openSync, readFileSync } from "node:fs";
import { InputError } from "../errors.js";
import { kindOfStatus } from "./kind.js";
import { closeQuietly, despiteOldViews } from "./refresh.js";
import { reportedError } from "./system-error.js";

/**
 * Reads a whole file of text that people and programs may have put there: a pipe or device in its place is not waited for. Where another
 * host replaces it meanwhile, the new one is read.
 *
 * @param most The most bytes that such a file can have.
 * @throws {InputError} if it is no plain file, or larger; {@link WorkError} if the system refuses, as where there is none.
 */
export function readTextFile(path: string, most: number): string {
  try {
    return despiteOldViews("ESTALE", () => readOnce(path, most));
  } catch (error) {
    throw reportedError(error, path) ?? error;
  }
}

function readOnce(path: string, most: number): string {
  const file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  try {
    const status = fstatSync(file);
    const kind = kindOfStatus(status);
    if (kind !== "file") throw new InputError(`${path} is not a file`, { found: `a ${kind}` });
    if (status.size > most)
      throw new InputError(`${path} is too large`, {
        expected: `at most ${most} bytes`,
        found: `${status.size} bytes`,
      });
    return readFileSync(file, "utf8");
  } finally {
    closeQuietly(file);
  }
}
