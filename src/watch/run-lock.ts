import { readFile, stat } from "node:fs/promises";
import { hostname } from "node:os";
import { workingLock } from "../files/lock.js";
import { readTextFile } from "../files/read-text.js";

/** Whether somebody works in a run directory: `unknown` where it may be a process on another host. */
export type Held = "held" | "free" | "unknown";

/** The inodes of all files that are locked on this machine, as its kernel says; null where it says nothing. */
export async function lockedInodes(): Promise<ReadonlySet<number> | null> {
  try {
    const lines = (await readFile("/proc/locks", "utf8")).split("\n");
    return new Set(
      lines.flatMap((line) => Number(/ [0-9a-f]+:[0-9a-f]+:(\d+) /.exec(line)?.[1] ?? []) || []),
    );
  } catch {
    return null;
  }
}

/**
 * Whether a run's lock is held, without taking it: who only looks must not keep a training from beginning. The lock's file goes with the
 * lock, unless its owner was killed.
 */
export async function lockOf(folder: string, locked: ReadonlySet<number> | null): Promise<Held> {
  const path = workingLock(folder);
  let inode: number;
  try {
    inode = (await stat(path)).ino;
  } catch {
    return "free";
  }
  if (locked?.has(inode)) return "held";
  try {
    const text = readTextFile(path, MOST_BYTES);
    if (text.startsWith("released")) return "free";
    const [, host] = / on (.+), since /.exec(text) ?? [];
    return locked !== null && host === hostname() ? "free" : "unknown";
  } catch {
    return "unknown";
  }
}

const MOST_BYTES = 2 ** 12;
