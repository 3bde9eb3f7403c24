import { existsSync, readdirSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../files/sha256.js";
import type { Model } from "../model/model.js";
import { recipe } from "../recipes/recipes.js";
import { studentOf } from "../recipes/teachers.js";
import { readRun } from "../run/run-directory.js";
import { MEASUREMENTS_FOLDER, type MeasurementStore, openStore, outdatedIn } from "./store.js";

/** Of a name that cannot stand as it is, so many characters are kept: with the hash they fit into a file name. */
const KEPT_CHARACTERS = 100;

/**
 * Makes a model's name safe as part of a file name. A name that cannot stand as it is ends in a hash of it, so that names which differ
 * only in what was replaced stay apart.
 */
export function fileName(name: string): string {
  // A name of dots alone could be the folder itself, or the one above it.
  const isSafe = /^[A-Za-z0-9._-]+$/.test(name) && !/^\.+$/.test(name);
  if (isSafe) return name;
  const kept = name.replace(/^\.+|[^A-Za-z0-9._-]+/g, "-").slice(0, KEPT_CHARACTERS);
  return `${kept}-${sha256Of(name).slice(0, 8)}`;
}

/** The folder in which the measurements of a run are kept. */
function runMeasurements(folder: string): string {
  return join(folder, MEASUREMENTS_FOLDER);
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
  const folder = isRun
    ? runMeasurements(reference.folder)
    : join(runsDir, MEASUREMENTS_FOLDER, fileName(name));
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
    .map((each) => join(folder, each, MEASUREMENTS_FOLDER));
}

/**
 * How many images are measured at a time by default: the `evaluationBatch` of the run or, for other models, of the data set's recipe.
 * Random starts depend on it, so all commands share this default.
 */
export function usualBatch({ reference, dataset }: Pick<Model, "reference" | "dataset">): number {
  if (reference.kind === "run") return readRun(reference.folder).settings.evaluationBatch;
  return recipe({ dataset, method: "b-mtard", student: studentOf(dataset) }).evaluationBatch;
}
