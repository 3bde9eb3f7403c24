import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WorkError } from "../errors.js";

/** Keeps two processes from working in one folder at once. */
export interface Lock {
  /** Takes the lock; again does nothing. @throws {WorkError} if another process has it. */
  hold(): void;
  release(): void;
}

/**
 * The lock of a folder: a file that names the process which has it. One of a process that was killed is no lock.
 *
 * @param rule What may be there once at a time, and what to do instead.
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

/** The process that has a lock and is running, or null. */
function holderOf(path: string): number | null {
  try {
    const [pid = "", start] = readFileSync(path, "utf8").split(" ");
    if (Number(pid) === process.pid || start === undefined) return null;
    process.kill(Number(pid), 0);
    // The number of a process that is gone may be another's by now: that one began later.
    return (startOf(Number(pid)) ?? start) === start ? Number(pid) : null;
  } catch {
    return null;
  }
}

/** When a process began, in the system's own count; null where it does not say. */
function startOf(pid: number): string | null {
  try {
    const stat = readFileSync(`/proc/${pid}/stat`, "utf8");
    // The second field is the program's name in brackets, which may hold spaces.
    return stat.slice(stat.lastIndexOf(")") + 2).split(" ")[19] ?? null;
  } catch {
    return null;
  }
}
