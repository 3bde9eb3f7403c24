import { existsSync, mkdirSync, readdirSync, renameSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { writeFailure } from "./atomic.js";
import { isRunning } from "./process.js";

/**
 * Puts a folder in place whole or not at all: it is written beside its place, then renamed. What killed processes left is removed.
 *
 * @param fill Fills the empty folder at the path it is given.
 * @param accept Given what `fill` returned, once all is written: false keeps what was in the place before.
 * @returns What `fill` returned.
 * @throws {WorkError} if the folder cannot be made or moved, and what `fill` or `accept` throws; what was there before stays.
 */
export async function placeFolder<T>(
  folder: string,
  fill: (partial: string) => Promise<T>,
  accept: (filled: T) => boolean = () => true,
): Promise<T> {
  const beside = join(dirname(folder), `.${basename(folder)}.${process.pid}`);
  const [partial, replaced] = [`${beside}.partial`, `${beside}.replaced`];
  try {
    mkdirSync(dirname(folder), { recursive: true });
    removeAbandoned(folder);
    mkdirSync(partial);
  } catch (cause) {
    throw writeFailure(folder, cause);
  }
  try {
    const filled = await fill(partial);
    if (accept(filled)) moveIntoPlace(folder, partial, replaced);
    return filled;
  } finally {
    rmSync(partial, { recursive: true, force: true });
  }
}

/** Moves `partial` to `folder`; what was there is removed, or put back if the move fails. */
function moveIntoPlace(folder: string, partial: string, replaced: string): void {
  try {
    const isTaken = existsSync(folder);
    if (isTaken) renameSync(folder, replaced);
    try {
      renameSync(partial, folder);
    } catch (cause) {
      if (isTaken) renameSync(replaced, folder);
      throw cause;
    }
    rmSync(replaced, { recursive: true, force: true });
  } catch (cause) {
    throw writeFailure(folder, cause);
  }
}

/** Removes what processes killed while writing `folder` left beside it. */
function removeAbandoned(folder: string): void {
  const place = dirname(folder);
  const prefix = `.${basename(folder)}.`;
  for (const name of readdirSync(place)) {
    if (!name.startsWith(prefix)) continue;
    const [, pid, kind] = /^(\d+)\.(partial|replaced)$/.exec(name.slice(prefix.length)) ?? [];
    // A leftover with this process's own id is from an earlier process that had it: this one only begins.
    if (pid === undefined || (Number(pid) !== process.pid && isRunning(Number(pid)))) continue;
    // A process killed between its two renames leaves only the old folder, moved away: put it back.
    if (kind === "replaced" && !existsSync(folder)) renameSync(join(place, name), folder);
    else rmSync(join(place, name), { recursive: true, force: true });
  }
}
