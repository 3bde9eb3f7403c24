import type { Stats } from "node:fs";

/** Changes when a file is written or replaced, as far as its status tells. */
export function signOf({ size, mtimeMs, ino }: Pick<Stats, "size" | "mtimeMs" | "ino">): string {
  return `${size}-${mtimeMs}-${ino}`;
}
