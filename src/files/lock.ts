import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WorkError } from "../errors.js";
import { isRunning, startOf } from "./process.js";

/** Keeps two processes from working in one folder at once. */
export interface Lock {
  /** Takes the lock; taking it again does nothing. @throws {WorkError} if another process has it. */
  hold(): void;
  release(): void;
}

/**
 * Opens the lock of a folder: a file that names the process holding it. A killed process's file does not count.
 *
 * @param rule What may happen only once at a time, and what to do instead.
 */
export function openLock(folder: string, rule: { readonly once: string; readonly instead: string }): Lock {
  const path = join(folder, ".working");
  let held = false;
  return {
    hold() {
      if (held) return;
      mkdirSync(folder, { recursive: true });
      const holder = holderOf(path);
      if (holder !== null) {
        throw new WorkError(`another mtard is working in ${folder}`, {
          expected: rule.once,
          found: `process ${holder}, as ${path} says`,
          fix: `wait for it, or ${rule.instead}`,
        });
      }
      rmSync(path, { force: true });
      writeFileSync(path, `${process.pid} ${startOf(process.pid) ?? "?"}`, { flag: "wx" });
      held = true;
    },
    release() {
      if (held) rmSync(path, { force: true });
      held = false;
    },
  };
}

/** The other process that holds a lock and is running, or null. */
function holderOf(path: string): number | null {
  try {
    const [pid = "", start] = readFileSync(path, "utf8").split(" ");
    if (Number(pid) === process.pid || start === undefined || !isRunning(Number(pid))) return null;
    // A process id may have passed on to a new process, which then began at another time.
    return (startOf(Number(pid)) ?? start) === start ? Number(pid) : null;
  } catch {
    return null;
  }
}
