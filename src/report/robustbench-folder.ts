import { readdirSync } from "node:fs";
import { join } from "node:path";
import { InputError } from "../errors.js";
import { requireFolderPath, writeFileAtomically } from "../files/atomic.js";
import { takePlace } from "../files/folder.js";
import { kindOf } from "../files/kind.js";
import { readTextFile } from "../files/read-text.js";
import { FOOTNOTE_START, type RobustBenchInfo } from "./robustbench.js";

/** A file of ours takes a kilobyte, and more only where a model's name is long. */
const MOST_BYTES = 1 << 20;

/**
 * Refuses a folder that holds anything but RobustBench's files of an earlier leaderboard: it is going to be replaced.
 *
 * @throws {InputError} if it is a file, or holds other files.
 */
export function requireRobustBenchFolder(folder: string): void {
  requireFolderPath(folder);
  const other = kindOf(folder) === null ? null : foreignIn(folder, "", 0);
  if (other === null) return;
  throw new InputError(`${folder} holds what no leaderboard wrote`, {
    expected:
      "no such folder, or one with RobustBench's files of an earlier leaderboard alone, which is replaced",
    found: `"${other}" in it`,
    fix: "name another folder with --out",
  });
}

/** What lies below a folder and is no `DATASET/THREAT/NAME.json` of ours; null if all is. */
function foreignIn(folder: string, above: string, depth: number): string | null {
  for (const entry of readdirSync(folder, { withFileTypes: true })) {
    const [path, name] = [join(folder, entry.name), join(above, entry.name)];
    if (depth === 2 ? !entry.isFile() || !isOurs(path) : !entry.isDirectory()) return name;
    const other = depth === 2 ? null : foreignIn(path, name, depth + 1);
    if (other !== null) return other;
  }
  return null;
}

function isOurs(path: string): boolean {
  try {
    const info = JSON.parse(readTextFile(path, MOST_BYTES)) as Partial<RobustBenchInfo> | null;
    return typeof info?.footnote === "string" && info.footnote.startsWith(FOOTNOTE_START);
  } catch (error) {
    if (error instanceof SyntaxError || error instanceof InputError) return false;
    throw error;
  }
}

/**
 * Writes a leaderboard's files in RobustBench's form; the folder is there whole, and no file of an earlier leaderboard stays.
 *
 * @throws {InputError} as {@link requireRobustBenchFolder}; {@link WorkError} if it cannot be written, or another process is writing it.
 */
export async function writeRobustBenchFolder(
  folder: string,
  infos: ReadonlyMap<string, RobustBenchInfo>,
): Promise<void> {
  requireRobustBenchFolder(folder);
  if (infos.size === 0 && kindOf(folder) === null) return;
  const place = takePlace(folder, {
    busy: `another mtard is writing ${folder}`,
    once: "one leaderboard to a folder at a time",
    instead: "name another folder with --out",
  });
  try {
    await place.put((partial) => {
      for (const [path, info] of infos)
        writeFileAtomically(join(partial, path), `${JSON.stringify(info, null, 2)}\n`);
      return Promise.resolve();
    });
  } finally {
    place.release();
  }
}
