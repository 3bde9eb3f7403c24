import { mkdirSync, statSync } from "node:fs";
import { dirname, resolve } from "node:path";

/**
 * Makes a folder and those above it that are missing, one at a time. Node's own `recursive` never returns where the system says of a
 * folder that cannot be made that it is not there, as Linux does below /proc.
 *
 * @returns The topmost folder that was made; undefined if the folder was there.
 * @throws What the system says of the first that cannot be made.
 */
export function makeFolders(path: string): string | undefined {
  const missing: string[] = [];
  for (let at = resolve(path); !isFolder(at) && dirname(at) !== at; at = dirname(at)) missing.unshift(at);
  let topmost: string | undefined;
  for (const [index, folder] of missing.entries()) {
    try {
      mkdirSync(folder);
      topmost ??= folder;
    } catch (error) {
      const isThere = (error as NodeJS.ErrnoException).code === "EEXIST";
      // Below a file, what the system says of the next one fits better.
      if (!isThere || (index === missing.length - 1 && !isFolder(folder))) throw error;
    }
  }
  return topmost;
}

function isFolder(path: string): boolean {
  return statSync(path, { throwIfNoEntry: false })?.isDirectory() === true;
}
