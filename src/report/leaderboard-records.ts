import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join, relative, resolve } from "node:path";
import { MOST_CLASSES } from "../data/datasets.js";
import { InputError } from "../errors.js";
import type { MeasurementKey } from "../evaluation/key.js";
import { isFinished, type MeasurementRecord, warningTexts } from "../evaluation/record.js";
import { MEASUREMENTS_FOLDER, openStore } from "../evaluation/store.js";
import { RUN_FILES } from "../run/run-directory.js";

/** Where measurements are kept: in a run's directory, or under a model's name beside runs. */
export interface Place {
  readonly kind: "run" | "model";
  /** The run's directory, or the folder with the records. */
  readonly folder: string;
  /** The run's path below the folder that was looked through, or the name of the model's folder. */
  readonly name: string;
}

/** What a record says, without a list of its images. */
export interface Measurement {
  readonly key: MeasurementKey;
  readonly place: Place;
  /** How many images were answered right before an attack; of corrupted images this is no clean accuracy. */
  readonly clean: number;
  /** How many were under the attack; null for the clean accuracy alone. */
  readonly robust: number | null;
  readonly device: string;
  /** What makes it doubtful, one sentence each. */
  readonly warnings: readonly string[];
  readonly file: string;
  /** When the record was last written. */
  readonly written: Date;
}

/** Everything that is measured below a folder. */
export interface Measurements {
  readonly finished: readonly Measurement[];
  readonly unfinished: number;
  /** What could not be read, one sentence each. */
  readonly problems: readonly string[];
}

/** Folders deeper than this below the one that was named are not looked into. */
const MOST_DEPTH = 16;

/**
 * Reads every record of a measurement below a folder, one after the other: of each, sums alone are kept.
 *
 * @param onProgress Told how many of all places with records were read.
 * @throws {InputError} if there is no such folder.
 */
export function readMeasurements(
  folder: string,
  onProgress: (done: number, of: number) => void = () => undefined,
): Measurements {
  if (!statSync(folder, { throwIfNoEntry: false })?.isDirectory())
    throw new InputError(`there is no folder ${folder}`, {
      expected: "a folder with runs, or with evaluations of models beside them",
      fix: "mtard evaluate measures a model; its results are below runs",
    });
  const problems: string[] = [];
  const places = placesBelow(folder, problems);
  const finished: Measurement[] = [];
  let unfinished = 0;
  for (const [index, place] of places.entries()) {
    onProgress(index, places.length);
    const store = place.kind === "run" ? join(place.folder, MEASUREMENTS_FOLDER) : place.folder;
    // Which classes there are is not known of every model; what a record may say of them at most is.
    for (const found of openStore(store).all(MOST_CLASSES)) {
      if (typeof found === "string") problems.push(found);
      else if (!isFinished(found.key, found.record)) unfinished++;
      else finished.push(measurementOf(found.key, found.record, found.path, found.written, place));
    }
  }
  return { finished, unfinished, problems };
}

function measurementOf(
  key: MeasurementKey,
  record: MeasurementRecord,
  file: string,
  written: Date,
  place: Place,
): Measurement {
  const { labels, clean, attack, device } = record;
  const right = (answers: readonly number[]): number =>
    answers.reduce((sum, answer, index) => sum + Number(answer === labels[index]), 0);
  return {
    ...{ key, place, device, file, written },
    clean: right(clean),
    robust: attack === null ? null : right(attack.answers),
    warnings: warningTexts(record),
  };
}

/** The runs below a folder, and the folders of other models' records; links lead to runs alone, so that no circle is gone round. */
function placesBelow(top: string, problems: string[]): Place[] {
  if (isRun(top)) return [{ kind: "run", folder: top, name: basename(resolve(top)) }];
  const places: Place[] = [];
  const look = (folder: string, depth: number): void => {
    const isStore = basename(resolve(folder)) === MEASUREMENTS_FOLDER;
    for (const { name, isFolder } of foldersIn(folder, problems)) {
      const path = join(folder, name);
      if (isStore && isFolder) places.push({ kind: "model", folder: path, name });
      else if (isRun(path)) places.push({ kind: "run", folder: path, name: relative(top, path) });
      else if (isFolder && depth < MOST_DEPTH) look(path, depth + 1);
    }
  };
  look(top, 0);
  return places;
}

function isRun(folder: string): boolean {
  return existsSync(join(folder, RUN_FILES.settings));
}

/** The folders in a folder, and links, in the order of their names; hidden ones are what is being written or replaced. */
function foldersIn(folder: string, problems: string[]): { name: string; isFolder: boolean }[] {
  try {
    return readdirSync(folder, { withFileTypes: true })
      .filter((entry) => !entry.name.startsWith(".") && (entry.isDirectory() || entry.isSymbolicLink()))
      .map((entry) => ({ name: entry.name, isFolder: entry.isDirectory() }))
      .sort((one, other) => (one.name < other.name ? -1 : 1));
  } catch (error) {
    problems.push(`${folder} cannot be read: ${error instanceof Error ? error.message : String(error)}`);
    return [];
  }
}

/** Puts what has one name together, in the order in which names are first met. */
export function grouped<T>(values: readonly T[], name: (value: T) => string): T[][] {
  const groups = new Map<string, T[]>();
  for (const value of values) {
    const group = groups.get(name(value));
    if (group) group.push(value);
    else groups.set(name(value), [value]);
  }
  return [...groups.values()];
}
