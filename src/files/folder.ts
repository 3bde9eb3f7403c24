import { randomBytes } from "node:crypto";
import { lstatSync, mkdirSync, readdirSync, renameSync, rmSync, statSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { syncFolder, writeFailure } from "./atomic.js";
import { exchangePaths } from "./kernel.js";
import { type HeldLock, type LockRule, takeLock, tryLock, waitForLock } from "./lock.js";
import { despiteOldViews, refreshFolder } from "./refresh.js";
import { isGone, systemCodeOf } from "./system-error.js";

/*
 * Beside what is written whole or not at all as NAME lie, hidden, `.NAME.mtard-lock`, the lock of whoever writes it, `.NAME.mtard-new`,
 * what is being written, and, where the file system cannot exchange two names, for a moment `.NAME.mtard-old`. What is there when the
 * lock is taken is a killed process's. `.NAME.mtard-gone-RANDOM` is what was replaced, until it is removed: a network disk keeps a file
 * that is removed, and so its folder, as long as somebody on the same host has it open.
 */

/** The right to write what lies at a path; one process at a time has it. */
export interface Place {
  /**
   * Makes an empty folder beside the place, has it filled, and removes what is left of it.
   *
   * @throws {WorkError} if the folder cannot be made, and what `fill` throws.
   */
  beside<T>(fill: (folder: string) => Promise<T>): Promise<T>;
  /**
   * Puts a folder in place whole or not at all: it is written beside its place, and takes it at once.
   *
   * @param fill Fills the empty folder at the path it is given.
   * @param accept Given what `fill` returned, once all is written: false keeps what was in the place before.
   * @returns What `fill` returned.
   * @throws {WorkError} if the folder cannot be made or moved, and what `fill` or `accept` throws; what was there before stays.
   */
  put<T>(fill: (folder: string) => Promise<T>, accept?: (filled: T) => boolean): Promise<T>;
  release(): void;
}

/**
 * Takes the right to write at `path`. What killed processes left there is removed, and what they had only moved away is put back.
 *
 * @throws {WorkError} saying who has it, if another process has; if the folder of `path` cannot be written.
 */
export function takePlace(path: string, rule: LockRule): Place {
  return opened(path, takeLock(besideOf(path, "lock"), rule));
}

/** Waits for the right to write at `path`, as {@link takePlace} takes it. @param onWait Told once who has it, if another process has. */
export async function waitForPlace(path: string, onWait: (holder: string) => void): Promise<Place> {
  return opened(path, await waitForLock(besideOf(path, "lock"), onWait));
}

function opened(path: string, lock: HeldLock): Place {
  const partial = besideOf(path, "new");
  try {
    settle(path);
  } catch (cause) {
    lock.release();
    throw writeFailure(path, cause);
  }
  async function beside<T>(fill: (folder: string) => Promise<T>): Promise<T> {
    try {
      despiteOldViews("EEXIST", () => mkdirSync(partial));
    } catch (cause) {
      throw writeFailure(path, cause);
    }
    try {
      return await fill(partial);
    } finally {
      discard(path, partial);
    }
  }
  return {
    beside,
    put: (fill, accept = () => true) =>
      beside(async () => {
        const filled = await fill(partial);
        if (accept(filled)) moveIntoPlace(path, partial);
        return filled;
      }),
    release: () => lock.release(),
  };
}

/**
 * Tidies up what killed processes left beside `path`, and puts back what they had only moved away. For whoever reads: what another process
 * is writing stays, and where this one may not write nothing happens.
 */
export function tidyPlace(path: string): void {
  for (let tries = 0; tries < 100 && leftoversOf(path).length > 0; tries++) {
    try {
      const lock = tryLock(besideOf(path, "lock"));
      if (typeof lock !== "string") {
        try {
          settle(path);
        } finally {
          lock.release();
        }
        return;
      }
    } catch {
      return;
    }
    if (isThere(path) || replacedOf(path).length === 0) return;
    // Another process is between two renames, or about to put it back itself.
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 20);
  }
}

/** Does {@link tidyPlace} for everything in a folder. */
export function tidyPlaces(folder: string): void {
  const places = namesIn(folder).flatMap((name) => {
    const [, place] =
      /^\.(.+?)\.(?:mtard-(?:lock|new|old|gone-[0-9a-f]+)|\d+\.(?:partial|replaced))$/.exec(name) ?? [];
    return place === undefined ? [] : [join(folder, place)];
  });
  for (const place of new Set(places)) tidyPlace(place);
}

/**
 * Reads several files of a folder that another process may replace meanwhile: then they are read again, so that all are of one folder.
 */
export function readWhole<T>(folder: string, read: () => T): T {
  for (;;) {
    tidyPlace(folder);
    const before = inodeOf(folder);
    try {
      const result = despiteOldViews("ESTALE", read);
      if (inodeOf(folder) === before) return result;
    } catch (error) {
      if (inodeOf(folder) === before) throw error;
    }
  }
}

function inodeOf(folder: string): number | undefined {
  refreshFolder(dirname(folder));
  return statSync(folder, { throwIfNoEntry: false })?.ino;
}

/** Moves `partial` to `path`; what was there is removed, or put back if the move fails. */
function moveIntoPlace(path: string, partial: string): void {
  try {
    if (!isThere(path)) renameSync(partial, path);
    else if (!exchangePaths(partial, path)) replaceByRenaming(path, partial);
    syncFolder(dirname(path));
    // After an exchange it is what was there before.
    discard(path, partial);
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}

/** Replaces a folder where names cannot be exchanged. Whoever is killed between the two renames has it put back by the next call. */
export function replaceByRenaming(path: string, partial: string): void {
  const old = besideOf(path, "old");
  renameSync(path, old);
  try {
    renameSync(partial, path);
  } catch (cause) {
    renameSync(old, path);
    throw cause;
  }
  discard(path, old);
}

/** Removes a folder beside `path`, or at least gives it another name, under which a later call removes it. */
function discard(path: string, folder: string): void {
  if (!isThere(folder)) return;
  const isNamed = basename(folder).startsWith(`${basename(besideOf(path, "gone"))}-`);
  const gone = isNamed ? folder : `${besideOf(path, "gone")}-${randomBytes(6).toString("hex")}`;
  try {
    if (!isNamed) despiteOldViews("ESTALE", () => renameSync(folder, gone));
    rmSync(gone, { recursive: true, force: true });
  } catch (cause) {
    // Another host was faster, or somebody on this one has a file of it open.
    if (!isGone(cause) && !IN_USE.includes(systemCodeOf(cause) ?? "")) throw cause;
  }
}

/** How a network disk says that a file which was removed is still open. */
const IN_USE = ["ENOTEMPTY", "EBUSY", "EEXIST"];

/** Puts back or removes what killed processes left beside `path`; only for who has its lock. */
function settle(path: string): void {
  const [replaced] = replacedOf(path);
  if (!isThere(path) && replaced !== undefined) putBack(replaced, path);
  for (const other of leftoversOf(path)) if (other !== besideOf(path, "lock")) discard(path, other);
}

function putBack(replaced: string, path: string): void {
  try {
    renameSync(replaced, path);
  } catch (cause) {
    // Only shown by this host, for a moment longer than it was there.
    if (!isGone(cause)) throw cause;
  }
}

/** What lies beside `path` because it is being written, or was when a process was killed. */
function leftoversOf(path: string): string[] {
  return besidesOf(path, /^\.(?:mtard-(?:lock|new|old|gone-[0-9a-f]+)|\d+\.(?:partial|replaced))$/);
}

/** What was moved away from `path`, by this version or an earlier one, which named it by process id. */
function replacedOf(path: string): string[] {
  return besidesOf(path, /^\.(?:mtard-old|\d+\.replaced)$/);
}

function besidesOf(path: string, ending: RegExp): string[] {
  const [folder, start] = [dirname(path), `.${basename(path)}`];
  return namesIn(folder)
    .filter((name) => name.startsWith(start) && ending.test(name.slice(start.length)))
    .map((name) => join(folder, name));
}

function besideOf(path: string, kind: "lock" | "new" | "old" | "gone"): string {
  return join(dirname(path), `.${basename(path)}.mtard-${kind}`);
}

function namesIn(folder: string): string[] {
  try {
    return readdirSync(folder);
  } catch {
    return [];
  }
}

function isThere(path: string): boolean {
  return lstatSync(path, { throwIfNoEntry: false }) !== undefined;
}
