import { statSync, type Stats } from "node:fs";
import { InputError } from "../errors.js";
import { isSystemError, reportedError } from "./system-error.js";

/** What a path is, or null if there is nothing, as below a file or under a name too long for the file system. */
export function kindOf(path: string): "file" | "folder" | null {
  try {
    return statSync(path).isDirectory() ? "folder" : "file";
  } catch {
    return null;
  }
}

/** What can stand at a path, in a word. */
export function kindOfStatus(status: Stats): "file" | "folder" | "pipe" | "socket" | "device" {
  if (status.isFile()) return "file";
  if (status.isDirectory()) return "folder";
  if (status.isFIFO()) return "pipe";
  return status.isSocket() ? "socket" : "device";
}

/**
 * Refuses what is no plain file, before it is opened: a pipe would wait for its writer, and a device has no end.
 *
 * @param expected What the file should be.
 * @throws {InputError} if there is nothing, or something else than a file; {@link WorkError} if the system does not let it be looked at.
 */
export function requireRegularFile(path: string, expected: string): void {
  const kind = kindOfStatus(look(path, expected));
  if (kind === "file") return;
  throw new InputError(`${path} is not a file`, {
    expected,
    found: `a ${kind}`,
    fix: kind === "folder" ? "name the file in it" : "put what it gives into a file, and name that",
  });
}

/** Whether there is something at a path; unlike `existsSync`, what may not be looked at is no nothing. @throws {WorkError} for that. */
export function isThere(path: string): boolean {
  try {
    return statSync(path, { throwIfNoEntry: false }) !== undefined;
  } catch (error) {
    if (isSystemError(error) && NOTHING.includes(error.code)) return false;
    throw reportedError(error) ?? error;
  }
}

/** How the system says that nothing can be at a path. */
const NOTHING = ["ENOENT", "ENOTDIR", "ENAMETOOLONG", "ELOOP", "EINVAL"];

function look(path: string, expected: string): Stats {
  try {
    return statSync(path);
  } catch (cause) {
    if (isSystemError(cause) && NOTHING.includes(cause.code))
      throw new InputError(cause.code === "ENOENT" ? `there is no file ${path}` : `cannot read ${path}`, {
        expected,
        found: cause.message,
        fix: "check the path and its permissions",
        cause,
      });
    throw reportedError(cause) ?? cause;
  }
}
