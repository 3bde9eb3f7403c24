import { closeSync, constants, fstatSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { systemCodeOf } from "./system-error.js";

/**
 * Makes sure that what other hosts did in a folder before is seen here from now on. On NFS a host remembers for up to a minute which names
 * a folder has, and which it has not; opening the folder is what makes it ask the server. Elsewhere this is an open and a close.
 */
export function refreshFolder(folder: string): void {
  try {
    closeSync(openSync(folder, constants.O_RDONLY | constants.O_DIRECTORY));
  } catch {
    // It is not there, or may not be read: whoever looks into it is told.
  }
}

/**
 * Whether a path still leads to an open file, also where another host may have removed or replaced it. The path is opened, not only
 * looked at: NFS answers a look from memory.
 */
export function isStillAt(path: string, descriptor: number): boolean {
  refreshFolder(dirname(path));
  let again: number | undefined;
  try {
    again = openSync(path, constants.O_RDONLY | constants.O_NOFOLLOW | constants.O_NONBLOCK);
    const [here, there] = [fstatSync(descriptor), fstatSync(again)];
    return here.ino === there.ino && here.dev === there.dev && here.nlink > 0;
  } catch {
    return false;
  } finally {
    if (again !== undefined) closeQuietly(again);
  }
}

/** How often, and with which pauses, something is tried that a host refuses by what it remembers; none that was tried remembers for longer. */
const MOST_TRIES = 60;
const PAUSE = 50;

/**
 * Does something that may be refused, with the code that is named, because this host still shows what another one has replaced or removed:
 * some network disks do so for a second. It is tried for three seconds.
 *
 * @throws What `work` throws.
 */
export function despiteOldViews<T>(code: "ESTALE" | "EEXIST", work: () => T): T {
  for (let tries = 1; ; tries++) {
    try {
      return work();
    } catch (error) {
      if (systemCodeOf(error) !== code || tries === MOST_TRIES) throw error;
      Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, PAUSE);
    }
  }
}

/** Closes a file that another host may have removed, which NFS and others report as late as here. */
export function closeQuietly(descriptor: number): void {
  try {
    closeSync(descriptor);
  } catch {
    // It is closed all the same.
  }
}
