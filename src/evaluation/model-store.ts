import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Model } from "../model/model.js";
import { recipe } from "../recipes/recipes.js";
import { studentOf } from "../recipes/teachers.js";
import { readRun } from "../run/run-directory.js";
import { type MeasurementStore, openStore, outdatedIn } from "./store.js";

/** A name as part of a file's name. */
export function fileName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, "-");
}

/** The folder in which the measurements of a run are kept. */
export function runMeasurements(folder: string): string {
  return join(folder, "evaluations");
}

/**
 * Opens the store of what was measured of a model: in its run directory, or, of any other model, under its name beside the runs.
 *
 * @param say Told of evaluations that an older mtard kept there, which are not used.
 */
export function openModelStore(
  { name, reference }: Pick<Model, "name" | "reference">,
  runsDir: string,
  say: (text: string) => void,
): MeasurementStore {
  const isRun = reference.kind === "run";
  const folder = isRun ? runMeasurements(reference.folder) : join(runsDir, "evaluations", fileName(name));
  const before = isRun ? [folder] : formerFolders(name, runsDir);
  const outdated = before.reduce((sum, each) => sum + outdatedIn(each), 0);
  if (outdated > 0)
    say(
      `${outdated} evaluations of ${name} by an older mtard lack its checks and are not used: it is measured anew`,
    );
  return openStore(folder);
}

/** Where an older mtard kept what tables found of a teacher. */
function formerFolders(name: string, runsDir: string): string[] {
  const folder = join(runsDir, "teachers");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((each) => each.startsWith(`${name}-`) && each.length === name.length + 11)
    .map((each) => join(folder, each, "evaluations"));
}

/**
 * How many images of a model are measured at a time where nothing else is said: a run's own `evaluationBatch`, else that of its data set's
 * recipe. Random starts depend on it, so everything here that measures takes the same.
 */
export function usualBatch({ reference, dataset }: Pick<Model, "reference" | "dataset">): number {
  if (reference.kind === "run") return readRun(reference.folder).settings.evaluationBatch;
  return recipe({ dataset, method: "b-mtard", student: studentOf(dataset) }).evaluationBatch;
}
