import { readFile, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { workingLock } from "../files/lock.js";
import { readTextFile } from "../files/read-text.js";

/** Whether somebody works in a run directory: `unknown` where it may be a process on another host. */
export type Held = "held" | "free" | "unknown";

/** The files that are locked on this machine, by device and inode. */
export type LockedFiles = ReadonlySet<string>;

/** All files that are locked on this machine, as its kernel says; null where it says nothing. */
export async function lockedFiles(): Promise<LockedFiles | null> {
  try {
    return lockedIn(await readFile("/proc/locks", "utf8"));
  } catch {
    return null;
  }
}

/** The files that a list of the kernel's locks names. */
export function lockedIn(list: string): LockedFiles {
  const names = list.matchAll(/ ([0-9a-f]+):([0-9a-f]+):(\d+) /g);
  return new Set(
    Array.from(names, ([, major = "", minor = "", inode = ""]) =>
      nameOfFile(parseInt(major, 16), parseInt(minor, 16), inode),
    ),
  );
}

/**
 * Whether a run's lock is held, without taking it: who only looks must not keep a training from beginning. The lock's file goes with the
 * lock, unless its owner was killed.
 */
export async function lockOf(folder: string, locked: LockedFiles | null): Promise<Held> {
  const path = workingLock(folder);
  let name: string;
  try {
    const { dev, ino } = await stat(path, { bigint: true });
    name = nameOfFile(Number((dev >> 8n) & 0xfffn), Number((dev & 0xffn) | ((dev >> 12n) & 0xfff00n)), ino);
  } catch {
    return "free";
  }
  if (locked?.has(name)) return "held";
  try {
    const text = readTextFile(path, MOST_BYTES);
    if (text.startsWith("released")) return "free";
    const [, host] = / on (.+), since /.exec(text) ?? [];
    return locked !== null && host === hostname() ? "free" : "unknown";
  } catch {
    return "unknown";
  }
}

/** Devices of major number 0 are made up: on Btrfs and overlays a file's status and the list of locks name two of them for one disk. */
function nameOfFile(major: number, minor: number, inode: bigint | string): string {
  return major === 0 ? `0:${inode}` : `${major}:${minor}:${inode}`;
}

const MOST_BYTES = 2 ** 12;
