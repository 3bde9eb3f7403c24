import type { Dirent } from "node:fs";
import { readdir, realpath, stat } from "node:fs/promises";
import { join, relative } from "node:path";
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

/** How far down runs are looked for, and in how many folders in all. */
const DEEPEST = 6;
const MOST_FOLDERS = 20_000;

/** Looks for runs, jobs and measurements below a folder. What is no run is gone into, links too, each folder once. */
export async function findRuns(top: string): Promise<Found> {
  const runs = new Map<string, FoundRun>();
  const withJobs: string[] = [];
  const measured: MeasuredFolder[] = [];
  const notes: string[] = [];
  const seen = new Set<string>();

  async function look(folder: string, depth: number): Promise<void> {
    if (seen.size >= MOST_FOLDERS) return;
    let entries: Dirent[];
    try {
      const real = await realpath(folder);
      if (seen.has(real)) return;
      seen.add(real);
      entries = await readdir(folder, { withFileTypes: true });
    } catch (error) {
      if (depth === 0 || systemCodeOf(error) !== "ENOENT")
        notes.push(`${folder} cannot be looked into: ${systemCodeOf(error) ?? String(error)}`);
      return;
    }
    if (entries.some(({ name }) => name === RUN_FILES.settings)) {
      const name = relative(top, folder) || ".";
      runs.set(idOf(name), { folder, name });
      return;
    }
    for (const entry of entries.sort((one, other) => (one.name < other.name ? -1 : 1))) {
      const path = join(folder, entry.name);
      if (entry.name.startsWith(".") || !(await isFolder(entry, path))) continue;
      if (entry.name === "evaluations") measured.push(...(await modelsIn(path)));
      else if (entry.name === "jobs") withJobs.push(folder);
      else if (entry.name !== "node_modules" && depth < DEEPEST) await look(path, depth + 1);
    }
  }

  await look(top, 0);
  if (seen.size >= MOST_FOLDERS) notes.push(`only the first ${MOST_FOLDERS} folders were looked into`);
  return { runs, withJobs, measured, notes };
}

async function modelsIn(folder: string): Promise<MeasuredFolder[]> {
  const entries = await readdir(folder, { withFileTypes: true }).catch(() => []);
  return entries
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ folder: join(folder, name), model: name }));
}

/** Ids stand in addresses, in which a path could lead anywhere. */
function idOf(name: string): string {
  return sha256Of(name).slice(0, 16);
}

async function isFolder(entry: Dirent, path: string): Promise<boolean> {
  if (!entry.isSymbolicLink()) return entry.isDirectory();
  return stat(path).then(
    (status) => status.isDirectory(),
    () => false,
  );
}
