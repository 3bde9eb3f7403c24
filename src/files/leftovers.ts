import { randomBytes } from "node:crypto";
import { openSync, readdirSync, rmSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { tryToLock } from "./kernel.js";
import { closeQuietly, isStillAt } from "./refresh.js";

/** A file beside another one, to be written and renamed over it. */
export interface FileBeside {
  readonly descriptor: number;
  readonly path: string;
}

/** Opens a new file beside `path`. It is locked while it is open, so that {@link removeLeftovers} of another process leaves it alone. */
export function openBeside(path: string): FileBeside {
  for (;;) {
    const beside = `${path}.${randomBytes(6).toString("hex")}.partial`;
    const descriptor = openSync(beside, "wx");
    const found = tryToLock(descriptor);
    // In the moment before it was locked, another process may have taken it for a leftover, and may have removed it by now.
    if (found === "unknown" || (found === "locked" && isStillAt(beside, descriptor)))
      return { descriptor, path: beside };
    closeQuietly(descriptor);
  }
}

/** Removes the files that killed processes left when they wrote `path`: those whose lock nobody has. */
export function removeLeftovers(path: string): void {
  const [folder, start] = [dirname(path), `${basename(path)}.`];
  for (const name of readdirSync(folder)) {
    // Earlier versions named them by process id.
    if (name.startsWith(start) && /^[0-9a-f]{1,12}\.partial$/.test(name.slice(start.length)))
      removeIfAbandoned(join(folder, name));
  }
}

function removeIfAbandoned(path: string): void {
  try {
    const descriptor = openSync(path, "r+");
    try {
      if (tryToLock(descriptor) === "locked") rmSync(path, { force: true });
    } finally {
      closeQuietly(descriptor);
    }
  } catch {
    // Another user's, no file, or gone by now: nothing that would keep this process from its work.
  }
}
