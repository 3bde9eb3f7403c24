import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { findDataset } from "../data/datasets.js";
import { readStoreRecord } from "../data/store.js";
import { InputError } from "../errors.js";
import { removeAbandonedLock, workingLock } from "../files/lock.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { isRunFinished, readRun, RUN_FILES, runName } from "../run/run-directory.js";
import { runKey } from "./run-key.js";

/** The folder in which a table trains a run; its name says what the run is, and no other run shares it. */
export function runFolder(runsDir: string, settings: TrainingSettings, key: string): string {
  return join(runsDir, `${runName(settings)}-${key.slice(0, 10)}`);
}

/**
 * Finds the finished runs in a folder, by key, whichever command trained them and whatever their folders are called.
 *
 * Runs on data that is no longer in the store, and folders that hold no readable run, are left out.
 */
export function finishedRuns(runsDir: string, dataDir: string): Map<string, string> {
  const found = new Map<string, string>();
  if (!existsSync(runsDir)) return found;
  for (const name of readdirSync(runsDir).sort()) {
    const folder = join(runsDir, name);
    if (!existsSync(join(folder, RUN_FILES.settings)) || !isRunFinished(folder)) continue;
    const key = keyOf(folder, dataDir);
    if (key === null || found.has(key)) continue;
    found.set(key, folder);
    // Nobody trains it again, so nobody takes the lock that its training left if it was killed at its very end.
    removeAbandonedLock(workingLock(folder));
  }
  return found;
}

function keyOf(folder: string, dataDir: string): string | null {
  try {
    const { settings, inputs } = readRun(folder);
    const record = readStoreRecord(findDataset(settings.dataset, dataDir).id, dataDir);
    return record?.fingerprint === inputs.data ? runKey(settings, inputs, record) : null;
  } catch (error) {
    if (error instanceof InputError) return null;
    throw error;
  }
}
