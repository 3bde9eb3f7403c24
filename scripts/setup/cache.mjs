import { createHash } from "node:crypto";
import { existsSync, mkdirSync, renameSync, rmSync, symlinkSync } from "node:fs";
import { homedir } from "node:os";
import { dirname, join, resolve } from "node:path";

/** Where native libraries are kept: outside the checkout, so that deleting node_modules does not lose them. */
export function cacheFolder() {
  const { MTARD_CACHE, XDG_CACHE_HOME } = process.env;
  return resolve(MTARD_CACHE || join(XDG_CACHE_HOME || join(homedir(), ".cache"), "mtard"));
}

/**
 * A short name for what something was made from: equal inputs, equal name.
 *
 * @param {...(string | Uint8Array)} inputs
 */
export function contentKey(...inputs) {
  const hash = createHash("sha256");
  for (const input of inputs) hash.update(createHash("sha256").update(input).digest());
  return hash.digest("hex").slice(0, 12);
}

/**
 * Makes a folder that is there whole or not at all: filled beside its place, then renamed. What an interrupted run left
 * in the folder being filled is given to `fill` again, which may go on from there.
 *
 * @param {string} folder
 * @param {(partial: string) => Promise<void>} fill
 * @returns {Promise<boolean>} Whether it had to be made.
 */
export async function completeFolder(folder, fill) {
  if (existsSync(folder)) return false;
  const partial = `${folder}.partial`;
  mkdirSync(partial, { recursive: true });
  await fill(partial);
  renameSync(partial, folder);
  return true;
}

/**
 * Puts a symbolic link in place of whatever file or link is there, with no moment in between where there is none.
 *
 * @param {string} target
 * @param {string} path
 */
export function linkAtomically(target, path) {
  const temporary = `${path}.${process.pid}.partial`;
  mkdirSync(dirname(path), { recursive: true });
  rmSync(temporary, { force: true });
  symlinkSync(target, temporary);
  renameSync(temporary, path);
}
