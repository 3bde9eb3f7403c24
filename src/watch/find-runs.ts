import { type Dirent, existsSync } from "node:fs";
import { readdir, realpath } from "node:fs/promises";
import { basename, join, relative } from "node:path";
import { MEASUREMENTS_FOLDER } from "../evaluation/store.js";
import { sha256Of } from "../files/sha256.js";
import { systemCodeOf } from "../files/system-error.js";
import { RUN_FILES } from "../run/run-directory.js";

/** What is worth looking at below a folder. */
export interface Found {
  /** The folders of runs by their ids. */
  readonly runs: ReadonlyMap<string, FoundRun>;
  /** The folders that have jobs beside their runs. */
  readonly withJobs: readonly string[];
  /** The folders of measurements of what is no run. */
  readonly measured: readonly MeasuredFolder[];
  /** What was not looked at, and why, one sentence each. */
  readonly notes: readonly string[];
}

export interface FoundRun {
  readonly folder: string;
  /** Its path below the folder that is watched. */
  readonly name: string;
}

/** A folder of records, and what they are of. */
export interface MeasuredFolder {
  readonly folder: string;
  readonly model: string;
}

/** Folders deeper than this are not looked into, as `mtard leaderboard` does not, and no more than so many in all. */
const DEEPEST = 16;
const MOST_FOLDERS = 20_000;

/**
 * Looks for runs, jobs and measurements below a folder, where `mtard leaderboard` does: links lead to runs alone, so that no circle is gone
 * round. Each run is found once.
 */
export async function findRuns(top: string): Promise<Found> {
  const runs = new Map<string, FoundRun>();
  const withJobs: string[] = [];
  const measured: MeasuredFolder[] = [];
  const notes: string[] = [];
  const seen = new Set<string>();
  let looked = 0;

  async function look(folder: string, depth: number): Promise<void> {
    if (looked >= MOST_FOLDERS) return;
    looked++;
    let entries: Dirent[];
    try {
      entries = await readdir(folder, { withFileTypes: true });
    } catch (error) {
      if (depth === 0 || systemCodeOf(error) !== "ENOENT")
        notes.push(`${folder} cannot be looked into: ${systemCodeOf(error) ?? String(error)}`);
      return;
    }
    if (entries.some(({ name }) => name === RUN_FILES.settings)) {
      await take(folder);
      return;
    }
    const isStore = basename(folder) === MEASUREMENTS_FOLDER;
    for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
      const { name } = entry;
      const path = join(folder, name);
      if (name.startsWith(".") || name === "node_modules") continue;
      if (entry.isSymbolicLink() || (entry.isDirectory() && depth >= DEEPEST)) {
        if (existsSync(join(path, RUN_FILES.settings))) await take(path);
      } else if (entry.isDirectory()) {
        if (isStore) measured.push({ folder: path, model: name });
        if (name === "jobs") withJobs.push(folder);
        if (!isStore) await look(path, depth + 1);
      }
    }
  }

  async function take(folder: string): Promise<void> {
    // A link and what it leads to are one run.
    const real = await realpath(folder).catch(() => folder);
    if (seen.has(real)) return;
    seen.add(real);
    const name = relative(top, folder) || ".";
    runs.set(idOf(name), { folder, name });
  }

  await look(top, 0);
  if (looked >= MOST_FOLDERS) notes.push(`only the first ${MOST_FOLDERS} folders were looked into`);
  return { runs, withJobs, measured, notes };
}

/** Ids stand in addresses, in which a path could lead anywhere. */
function idOf(name: string): string {
  return sha256Of(name).slice(0, 16);
}
