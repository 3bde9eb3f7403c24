import { closeSync, fsyncSync, linkSync, openSync, renameSync, rmSync, statSync } from "node:fs";
import { dirname, join } from "node:path";
import { InputError, WorkError } from "../errors.js";
import { kindOf, kindOfStatus } from "./kind.js";
import { lacksMemory, meaningOf, systemCodeOf, tooLittleMemory } from "./system-error.js";
import { writeWhole } from "./write-whole.js";
import { openBeside, removeLeftovers } from "./leftovers.js";
import { makeFolders } from "./make-folders.js";

/**
 * Refuses a path where no file can be written, before any work is done for it.
 *
 * @param example A file name for the error to suggest.
 * @throws {InputError} if it is a folder, a pipe or a device, or something above it is a file.
 */
export function requireFilePath(path: string, example: string): void {
  refuseDevice(path);
  if (kindOf(path) === "folder")
    throw new InputError(`${path} is a folder`, {
      expected: "the path of the file to write",
      found: "a folder of that name",
      fix: `name the file in it: ${join(path, example)}`,
    });
  refuseFileAbove(path);
}

/**
 * Refuses a path where no folder can be, before any work is done for it.
 *
 * @throws {InputError} if it is a file, or something above it is one.
 */
export function requireFolderPath(path: string): void {
  if (kindOf(path) === "file")
    throw new InputError(`${path} is not a folder`, {
      expected: "the path of a folder to write into",
      found: `a ${kindOfStatus(statSync(path))}`,
      fix: "name a folder with --out",
    });
  refuseFileAbove(path);
}

function refuseFileAbove(path: string): void {
  let above = dirname(path);
  while (kindOf(above) === null && dirname(above) !== above) above = dirname(above);
  if (kindOf(above) === "file")
    throw new InputError(`${path} cannot be written`, {
      expected: "a path through folders",
      found: `${above} is a file`,
    });
}

/** A pipe or a device cannot be written whole or not at all: a file would take its place. */
function refuseDevice(path: string): void {
  const kind = kindOf(path) === "file" ? kindOfStatus(statSync(path)) : "file";
  if (kind === "file") return;
  throw new InputError(`${path} is not a file`, {
    expected: "the path of the file to write",
    found: `a ${kind}`,
    fix: "name a file, and copy it from there",
  });
}

/**
 * Writes a file whole or not at all: a file beside it is written, synced and renamed over it. What killed processes left beside it is removed.
 *
 * @throws {InputError} if there is a pipe or a device; {@link WorkError} if the disk is full or refuses, and either as `chunks` throws it; the file that was
 * there before stays as it was.
 */
export function writeFileAtomically(path: string, chunks: string | Uint8Array | Iterable<Uint8Array>): void {
  writeBeside(path, chunks, (temporary) => renameSync(temporary, path));
}

/**
 * Writes a file whole, unless there is one: of processes that write at once, on other hosts too, the first one's stays.
 *
 * @throws As {@link writeFileAtomically}.
 */
export function writeFileOnce(path: string, content: string): void {
  writeBeside(path, content, (temporary) => {
    try {
      linkSync(temporary, path);
    } catch (cause) {
      if (systemCodeOf(cause) !== "EEXIST") throw cause;
    }
    rmSync(temporary, { force: true });
  });
}

/** Writes a file beside `path`, puts it on the disk and has it put into its place. */
function writeBeside(
  path: string,
  chunks: string | Uint8Array | Iterable<Uint8Array>,
  putInPlace: (temporary: string) => void,
): void {
  let temporary: string | undefined;
  try {
    refuseDevice(path);
    makeFolders(dirname(path));
    removeLeftovers(path);
    const file = openBeside(path);
    temporary = file.path;
    try {
      for (const chunk of parts(chunks)) writeWhole(file.descriptor, chunk);
      fsyncSync(file.descriptor);
      // While it is locked: nobody can take it for a leftover.
      putInPlace(temporary);
    } finally {
      closeSync(file.descriptor);
    }
    syncFolder(dirname(path));
  } catch (cause) {
    if (temporary !== undefined) rmSync(temporary, { force: true });
    // An error from the source of the chunks already says what is wrong.
    throw cause instanceof InputError || cause instanceof WorkError ? cause : writeFailure(path, cause);
  }
}

/** The error for a write that the file system refused, with what to do about it. */
export function writeFailure(path: string, cause: unknown): WorkError {
  if (lacksMemory(cause)) return tooLittleMemory(cause);
  const { what, fix } = meaningOf(cause);
  const isFull = ["ENOSPC", "EDQUOT"].includes(systemCodeOf(cause) ?? "");
  return new WorkError(isFull ? `${what}: ${path} was not written` : `cannot write ${path}`, {
    found: cause instanceof Error ? cause.message : String(cause),
    fix,
    cause,
  });
}

function parts(chunks: string | Uint8Array | Iterable<Uint8Array>): Iterable<Uint8Array> {
  if (typeof chunks === "string") return [Buffer.from(chunks)];
  return chunks instanceof Uint8Array ? [chunks] : chunks;
}

/** Puts what a folder lists on the disk, where the file system does that for folders. */
export function syncFolder(folder: string): void {
  const handle = openSync(folder, "r");
  try {
    fsyncSync(handle);
  } catch (cause) {
    if (systemCodeOf(cause) !== "EINVAL") throw cause;
  } finally {
    closeSync(handle);
  }
}
