import { join } from "node:path";
import { isThere } from "../files/kind.js";
import { readEvaluations } from "../run/metrics.js";
import { isRunFinished, RUN_FILES } from "../run/run-directory.js";

/** Whether the run in a folder was evaluated after an epoch or a later one, and can go on from there. */
export function hasPaused(folder: string, epoch: number): boolean {
  if (![RUN_FILES.settings, RUN_FILES.last, RUN_FILES.metrics].every((file) => isThere(join(folder, file))))
    return false;
  return readEvaluations(folder).some((evaluation) => evaluation.epoch >= epoch);
}

/** Whether the run in a folder is trained to its end, or as far as an epoch that it is wanted to. */
export function isTrained(folder: string, until: number | null): boolean {
  return isRunFinished(folder) || (until !== null && hasPaused(folder, until));
}
