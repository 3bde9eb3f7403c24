import {
  closeSync,
  constants,
  existsSync,
  fstatSync,
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
 * Takes the lock that a file stands for, without waiting. The lock is the kernel's, so it ends with its owner, however that ends, and
 * needs no process id, which would mean nothing in another container or on another host. What the file says is for people only.
 *
 * @returns The lock, or in words who has it.
 * @throws {WorkError} if the file cannot be made, or its file system has no locks.
 */
export function tryLock(path: string): HeldLock | string {
  requireLocks();
  for (;;) {
    makeFolder(path);
    const file = openLockFile(path);
    // Whoever made the folder has removed it, as it was empty.
    if (file === null) continue;
    let kept = false;
    try {
      if (!lockDescriptor(file.descriptor, path)) return readHolder(file.descriptor);
      // Whoever had it before may have removed it since it was opened here.
      if (!isStillAt(path, file.descriptor)) continue;
      if (file.writable) writeHolder(file.descriptor);
      kept = true;
      return {
        release() {
          if (!kept) return;
          kept = false;
          removeIfAllowed(path);
          closeSync(file.descriptor);
          removeEmpty(dirname(path));
        },
      };
    } finally {
      if (!kept) closeSync(file.descriptor);
    }
  }
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

/** A lock that is taken when it is first needed. */
export interface Lock {
  /** Takes it; taking it again does nothing. @throws {WorkError} as {@link takeLock}. */
  hold(): void;
  /** Gives it back; if it was not taken, removes what a killed process left of it. */
  release(): void;
}

/** A lock that {@link takeLock} would take, and that is not taken yet. */
export function openLock(path: string, rule: LockRule): Lock {
  let held: HeldLock | undefined;
  return {
    hold() {
      held ??= takeLock(path, rule);
    },
    release() {
      if (held) held.release();
      else removeAbandonedLock(path);
      held = undefined;
    },
  };
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
 * Waits for the lock that {@link tryLock} would take.
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
    // Those who wait should not all ask at once.
    await wait(100 + 100 * Math.random());
  }
}

/** The folders that this process made for its locks. */
const madeFolders = new Set<string>();

/** How often a folder that others make and remove meanwhile is made again; a file, or a link that leads nowhere, looks alike, and stays. */
const MOST_TRIES = 100;

/** Makes the folder of a lock file. */
function makeFolder(path: string): void {
  for (let tries = 1; ; tries++) {
    try {
      const top = makeFolders(dirname(path));
      if (top !== undefined) rememberMade(resolve(dirname(path)), resolve(top));
      return;
    } catch (cause) {
      const isGone = ["ENOENT", "EEXIST"].includes((cause as NodeJS.ErrnoException).code ?? "");
      if (!isGone || tries === MOST_TRIES) throw writeFailure(dirname(path), cause);
    }
  }
}

function rememberMade(folder: string, topmost: string): void {
  for (let each = folder; ; each = dirname(each)) {
    madeFolders.add(each);
    if (each === topmost) return;
  }
}

/** The lock's file, opened; null if its folder is gone. */
function openLockFile(path: string): { descriptor: number; writable: boolean } | null {
  const { O_RDWR, O_CREAT, O_RDONLY, O_NOFOLLOW } = constants;
  let refused: unknown;
  try {
    return { descriptor: openSync(path, O_RDWR | O_CREAT | O_NOFOLLOW, 0o666), writable: true };
  } catch (cause) {
    const { code } = cause as NodeJS.ErrnoException;
    if (code === "ENOENT") return null;
    // Another user's file may be locked without being written, but on disks shared by NFS.
    if (code !== "EACCES") throw writeFailure(path, cause);
    refused = cause;
  }
  try {
    return { descriptor: openSync(path, O_RDONLY | O_NOFOLLOW), writable: false };
  } catch {
    throw writeFailure(path, refused);
  }
}

/** Whether a path still leads to an open file. It is opened, not only looked at: NFS answers a look from memory. */
function isStillAt(path: string, descriptor: number): boolean {
  let again: number;
  try {
    again = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW);
  } catch {
    return false;
  }
  try {
    const [here, there] = [fstatSync(descriptor), fstatSync(again)];
    return here.ino === there.ino && here.dev === there.dev;
  } finally {
    closeSync(again);
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
  // The one who has it writes it right after taking it.
  for (let tries = 0; tries < 5; tries++) {
    const text = content.toString("utf8", 0, readSync(descriptor, content, 0, MOST_BYTES, 0)).trim();
    if (text !== "") return text;
    Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 10);
  }
  return "another process";
}

/** In a folder that this user may not write to, the file stays: it is free once it is closed. */
function removeIfAllowed(path: string): void {
  try {
    rmSync(path, { force: true });
  } catch {
    // Whoever may remove it does so at the next call.
  }
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
