import { randomBytes } from "node:crypto";
import { copyFileSync, linkSync, renameSync, rmSync } from "node:fs";
import { writeFailure } from "./atomic.js";
import { removeLeftovers } from "./leftovers.js";

/**
 * Keeps a file under a second name, in place of what has that name, before the file itself is replaced; it stays in its place meanwhile.
 * No bytes are copied where the file system has links.
 *
 * @throws {WorkError} if the disk is full or refuses.
 */
export function keepAs(path: string, kept: string): void {
  const temporary = `${kept}.${randomBytes(6).toString("hex")}.partial`;
  try {
    // Of killed processes, too.
    removeLeftovers(kept);
    linkOrCopy(path, temporary);
    // Two names of one file are both left by `rename`.
    rmSync(kept, { force: true });
    renameSync(temporary, kept);
  } catch (cause) {
    rmSync(temporary, { force: true });
    throw writeFailure(kept, cause);
  }
}

function linkOrCopy(path: string, other: string): void {
  try {
    linkSync(path, other);
  } catch {
    copyFileSync(path, other);
  }
}
