import { join } from "node:path";
import { isThere } from "../files/kind.js";
import { readDamagedMetrics } from "../run/metrics.js";
import { RUN_FILES } from "../run/run-directory.js";

/** Whether the run in a folder was evaluated after an epoch or a later one, and can go on from there. */
export function hasPaused(folder: string, epoch: number): boolean {
  if (![RUN_FILES.settings, RUN_FILES.last, RUN_FILES.metrics].every((file) => isThere(join(folder, file))))
    return false;
  return readDamagedMetrics(folder).evaluations.some((evaluation) => evaluation.epoch >= epoch);
}
