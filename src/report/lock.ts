import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { WorkError } from "../errors.js";

/** Keeps two tables from training the same runs at once. */
export interface Lock {
  /** Takes the lock; again does nothing. @throws {WorkError} if another process has it. */
  hold(): void;
  release(): void;
}

/** The lock of a folder of runs: a file with the number of the process that has it. One of a process that was killed is no lock. */
export function openLock(runsDir: string): Lock {
  const path = join(runsDir, ".working");
  let held = false;
  return {
    hold() {
      if (held) return;
      mkdirSync(runsDir, { recursive: true });
      const holder = holderOf(path);
      if (holder !== null) {
        throw new WorkError(`another mtard is working in ${runsDir}`, {
          expected: "one table or figure at a time in a folder of runs",
          found: `process ${holder}, as ${path} says`,
          fix: "wait for it, or another folder with --runs-dir",
        });
      }
      rmSync(path, { force: true });
      writeFileSync(path, String(process.pid), { flag: "wx" });
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
    const pid = Number(readFileSync(path, "utf8"));
    if (pid === process.pid) return null;
    const command = readFileSync(`/proc/${pid}/cmdline`, "utf8").split("\0");
    return command.some((word) => word === "table" || word === "figure") ? pid : null;
  } catch {
    return null;
  }
}
