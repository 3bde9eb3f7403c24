import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import type { Model } from "../model/model.js";
import { recipe } from "../recipes/recipes.js";
import { studentOf } from "../recipes/teachers.js";
import { readRun } from "../run/run-directory.js";
import { type MeasurementStore, openStore, outdatedIn } from "./store.js";

/** Makes a model's name safe as part of a file name. */
export function fileName(name: string): string {
  return name.replace(/[^A-Za-z0-9._-]+/g, "-");
}

/** The folder in which the measurements of a run are kept. */
function runMeasurements(folder: string): string {
  return join(folder, "evaluations");
}

/**
 * Opens the store of a model's measurements: in the run directory for a run, under its name beside the runs for any other model.
 *
 * @param say Called with a message if an older mtard kept evaluations there; they are not used.
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

/** The folders in which an older mtard kept a teacher's evaluations for tables. */
function formerFolders(name: string, runsDir: string): string[] {
  const folder = join(runsDir, "teachers");
  if (!existsSync(folder)) return [];
  return readdirSync(folder)
    .filter((each) => each.startsWith(`${name}-`) && each.length === name.length + 11)
    .map((each) => join(folder, each, "evaluations"));
}

/**
 * How many images are measured at a time by default: the `evaluationBatch` of the run or, for other models, of the data set's recipe.
 * Random starts depend on it, so all commands share this default.
 */
export function usualBatch({ reference, dataset }: Pick<Model, "reference" | "dataset">): number {
  if (reference.kind === "run") return readRun(reference.folder).settings.evaluationBatch;
  return recipe({ dataset, method: "b-mtard", student: studentOf(dataset) }).evaluationBatch;
}
