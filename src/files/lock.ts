import {
  accessSync,
  constants,
  existsSync,
  ftruncateSync,
  openSync,
  readSync,
  rmdirSync,
  rmSync,
  writeSync,
} from "node:fs";
import { hostname } from "node:os";
import { basename, dirname, join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { WorkError } from "../errors.js";
import { writeFailure } from "./atomic.js";
import { lockDescriptor, requireLocks } from "./kernel.js";
import { makeFolders } from "./make-folders.js";
import { closeQuietly, isStillAt } from "./refresh.js";
import { isGone, systemCodeOf } from "./system-error.js";

/** A lock that this process has, until it releases it or ends. */
export interface HeldLock {
  release(): void;
}

/** What a lock is about, and what to do where another process has it. */
export interface LockRule {
  /** The error's first line. */
  readonly busy: string;
  /** What may happen only once at a time. */
  readonly once: string;
  /** What to do, besides waiting. */
  readonly instead: string;
}

/**
 * Takes the lock that a file stands for, without waiting. The lock is the kernel's, on a network disk its server's, so it ends with its
 * owner, however that ends, and needs no process id, which would mean nothing in another container or on another host. What the file
 * says is for people, but for the mark of one that its owner was about to remove. Whoever has the lock sees in the file's folder what those
 * who had it before did there, on other hosts too.
 *
 * @returns The lock, or in words who has it.
 * @throws {WorkError} if the file cannot be made, or its file system has no locks.
 */
export function tryLock(path: string): HeldLock | string {
  requireLocks();
  for (let tries = 1; tries <= MOST_TRIES; tries++) {
    makeFolder(path);
    const file = openLockFile(path);
    // Whoever made the folder has removed it, as it was empty.
    if (file === null) continue;
    const found = take(path, file);
    if (found === "locked" || (found === "marked" && tries >= TRIES_ON_MARKED)) return heldLock(path, file);
    const holder = found === "busy" ? readHolder(file.descriptor) : null;
    closeQuietly(file.descriptor);
    if (holder !== null) return holder;
    if (found === "marked") sleep(MILLISECONDS_ON_MARKED);
  }
  throw new WorkError(`${path} cannot be locked`, {
    expected: "a file that stays where it was made",
    found: `another one, or none, ${MOST_TRIES} times in a row`,
    fix: "use a folder on another disk: --out, --runs-dir, --data-dir or --teachers-dir",
  });
}

/** Asks the kernel for the lock of an open file; with `gone` and `marked` it has it, and it is good for nothing. */
function take(path: string, { descriptor, writable }: LockFile): "locked" | "busy" | "gone" | "marked" {
  try {
    const found = lockDescriptor(descriptor, path, writable);
    if (found !== "locked") return found;
    // Whoever had it before may have removed it since it was opened here.
    if (!isStillAt(path, descriptor)) return "gone";
    return isMarked(descriptor) ? "marked" : "locked";
  } catch (error) {
    if (isGone(error)) return "gone";
    closeQuietly(descriptor);
    throw error;
  }
}

function heldLock(path: string, file: LockFile): HeldLock {
  if (file.writable) writeHolder(file.descriptor);
  let isHeld = true;
  return {
    release() {
      if (!isHeld) return;
      isHeld = false;
      removeMarked(path, file);
      closeQuietly(file.descriptor);
      removeEmpty(dirname(path));
    },
  };
}

/** Takes the lock as {@link tryLock} does. @throws {WorkError} saying who has it, if another process has. */
export function takeLock(path: string, rule: LockRule): HeldLock {
  const lock = tryLock(path);
  if (typeof lock !== "string") return lock;
  throw new WorkError(rule.busy, {
    expected: rule.once,
    found: lock,
    fix: `wait for it, or ${rule.instead}`,
  });
}

/** Removes the file of a lock that a killed process left, for those who find nothing more to do and take no lock. */
export function removeAbandonedLock(path: string): void {
  if (!existsSync(path)) return;
  try {
    const lock = tryLock(path);
    if (typeof lock !== "string") lock.release();
  } catch {
    // Where this user may not write, it stays, and does no harm.
  }
}

/** The lock of a folder in which one process works at a time; the folder is made with it, and goes with it while it is empty. */
export function workingLock(folder: string): string {
  return join(folder, ".working");
}

/**
 * Waits for the lock that {@link tryLock} would take: it is asked for ten times a second at first, after a minute every two seconds.
 *
 * @param onWait Told once who has it, if another process has.
 * @param whileWaiting Called before each further try; what it throws ends the waiting.
 */
export async function waitForLock(
  path: string,
  onWait: (holder: string) => void,
  whileWaiting: () => void = () => undefined,
): Promise<HeldLock> {
  for (let asked = 0; ; asked++) {
    const lock = tryLock(path);
    if (typeof lock !== "string") return lock;
    if (asked === 0) onWait(lock);
    whileWaiting();
    // Those who wait should not all ask at once, nor keep a server busy for the hours of a training.
    await wait(Math.min(100 * 1.01 ** asked, 1500) * (1 + Math.random() / 2));
  }
}

/** The folders that this process made for its locks. */
const madeFolders = new Set<string>();

/** How often a file or folder that others make and remove meanwhile is made again; a file, or a link that leads nowhere, looks alike, and stays. */
const MOST_TRIES = 1000;

/**
 * What a lock's file begins with when its owner is about to remove it. Some network disks show a name for a second or longer after it was
 * removed elsewhere, and its file can still be locked; what it says is read from the server. A file that says so and stays is one that
 * could not be removed.
 */
const MARK = "released";
const MILLISECONDS_ON_MARKED = 50;
const TRIES_ON_MARKED = 50;

/** Makes the folder of a lock file. */
function makeFolder(path: string): void {
  for (let tries = 1; ; tries++) {
    try {
      const top = makeFolders(dirname(path));
      if (top !== undefined) rememberMade(resolve(dirname(path)), resolve(top));
      return;
    } catch (cause) {
      const isPassing = isGone(cause) || systemCodeOf(cause) === "EEXIST";
      if (!isPassing || tries === MOST_TRIES) throw writeFailure(dirname(path), cause);
    }
  }
}

function rememberMade(folder: string, topmost: string): void {
  for (let each = folder; ; each = dirname(each)) {
    madeFolders.add(each);
    if (each === topmost) return;
  }
}

interface LockFile {
  readonly descriptor: number;
  readonly writable: boolean;
}

/** The lock's file, opened; null if it or its folder is gone. */
function openLockFile(path: string): LockFile | null {
  const { O_RDWR, O_CREAT, O_RDONLY, O_NOFOLLOW } = constants;
  let refused: unknown;
  try {
    return { descriptor: openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o666), writable: true };
  } catch (cause) {
    if (isGone(cause)) return null;
    // Another user's file may be locked without being written, but on network disks.
    if (systemCodeOf(cause) !== "EACCES") throw writeFailure(path, cause);
    refused = cause;
  }
  try {
    return { descriptor: openSync(path, O_RDONLY | O_NOFOLLOW), writable: false };
  } catch (cause) {
    // It was another user's, and is removed; or there never was one, where this user may make none.
    if (isGone(cause) && mayWrite(dirname(path))) return null;
    throw writeFailure(path, refused);
  }
}

function mayWrite(folder: string): boolean {
  try {
    accessSync(folder, constants.W_OK);
    return true;
  } catch {
    return false;
  }
}

/** A file of a lock is a few words; more are not read. */
const MOST_BYTES = 300;

function writeHolder(descriptor: number): void {
  const [, program = "node", command = ""] = process.argv;
  const called = basename(program) === "main.js" ? "mtard" : basename(program);
  const text = `${called} ${/^[a-z-]+$/.test(command) ? command : ""}`.trim();
  const since = new Date().toISOString().replace("T", " ").slice(0, 19);
  const content = Buffer.from(`${text}, process ${process.pid} on ${hostname()}, since ${since} UTC\n`);
  try {
    ftruncateSync(descriptor, 0);
    writeSync(descriptor, content, 0, Math.min(content.length, MOST_BYTES), 0);
  } catch {
    // A full disk: the lock is held all the same, only without saying by whom.
  }
}

function readHolder(descriptor: number): string {
  const content = Buffer.alloc(MOST_BYTES);
  try {
    // The one who has it writes it right after taking it.
    for (let tries = 0; tries < 5; tries++) {
      const text = content.toString("utf8", 0, readSync(descriptor, content, 0, MOST_BYTES, 0)).trim();
      if (text !== "" && !text.startsWith(MARK)) return text;
      sleep(10);
    }
  } catch {
    // Removed by another host meanwhile.
  }
  return "another process";
}

/** Whether the file's owner was about to remove it; asked under its lock. */
function isMarked(descriptor: number): boolean {
  const start = Buffer.alloc(MARK.length);
  readSync(descriptor, start, 0, start.length, 0);
  return start.toString() === MARK;
}

/** Marks and removes the file of a held lock. In a folder that this user may not write to, it stays: it is free once it is closed. */
function removeMarked(path: string, { descriptor, writable }: LockFile): void {
  try {
    // Where the lock was lost, with a server or the way to it, the name may be another's by now.
    if (!isStillAt(path, descriptor)) return;
    // In place of what is there: that needs no room on the disk.
    if (writable) writeSync(descriptor, MARK, 0);
    rmSync(path, { force: true });
  } catch {
    unmark(descriptor, writable);
  }
}

function unmark(descriptor: number, writable: boolean): void {
  try {
    if (writable) ftruncateSync(descriptor, 0);
  } catch {
    // Whoever takes it next waits for a moment longer.
  }
}

function sleep(milliseconds: number): void {
  Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, milliseconds);
}

/** Removes a folder and those above it that this process made for its locks, as far as they are empty. */
function removeEmpty(folder: string): void {
  try {
    for (let each = resolve(folder); madeFolders.has(each); each = dirname(each)) {
      rmdirSync(each);
      madeFolders.delete(each);
    }
  } catch {
    // Something is in it.
  }
}
