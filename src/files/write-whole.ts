import { writeSync } from "node:fs";

/** One `write` call of the operating system takes little more. */
const MAXIMUM_WRITE = 2 ** 30;

/**
 * Writes all of some bytes. The system may take fewer than it is given, as where a disk is nearly full; the rest is then given again.
 *
 * @param position Where in the file they go; at its end, or wherever it stands, if left out.
 * @throws The file system's own error if they cannot all be written; some of them may be.
 */
export function writeWhole(file: number, bytes: Uint8Array, position: number | null = null): void {
  for (let done = 0; done < bytes.length;) {
    const length = Math.min(bytes.length - done, MAXIMUM_WRITE);
    const taken = writeSync(file, bytes, done, length, position === null ? null : position + done);
    if (taken === 0)
      throw Object.assign(new Error("the system takes no more bytes"), { code: "EIO", syscall: "write" });
    done += taken;
  }
}
