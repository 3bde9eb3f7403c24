import { existsSync } from "node:fs";
import { join } from "node:path";
import { type RunMetrics, readMetrics } from "../run/metrics.js";
import {
  isRunFinished,
  readRun as readDescription,
  RUN_FILES,
  type RunInputs,
} from "../run/run-directory.js";
import type { Recipe, TrainingSettings } from "../recipes/settings.js";

/** A run as its folder has it. */
export interface Run extends RunMetrics {
  readonly folder: string;
  readonly settings: TrainingSettings;
  /** SHA-256 of the data and of the teachers. */
  readonly inputs: RunInputs;
  /** What the recipe says of the settings that were changed. */
  readonly changed: Partial<Recipe>;
  readonly finished: boolean;
}

/**
 * Reads a run: its settings, what every step and evaluation reported, and whether it is finished.
 *
 * @throws {InputError} if the folder holds no run, or a file is damaged.
 */
export function readRun(folder: string): Run {
  const { settings, inputs, recipe } = readDescription(folder);
  const metrics = existsSync(join(folder, RUN_FILES.metrics))
    ? readMetrics(folder)
    : { steps: [], evaluations: [] };
  return { folder, settings, inputs, changed: recipe, finished: isRunFinished(folder), ...metrics };
}
