import { existsSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { z } from "zod";
import { MOST_CLASSES } from "../data/datasets.js";
import { WorkError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic.js";
import { isThere } from "../files/kind.js";
import { readTextFile } from "../files/read-text.js";
import { isGone } from "../files/system-error.js";
import { sha256Of } from "../files/sha256.js";
import { keySchema, type MeasurementKey, nameOfKey } from "./key.js";
import { type MeasurementRecord, recordSchema, roundCount } from "./record.js";

/** The folder in which measurements are kept: in a run those of its students, beside runs a folder for each other model. */
export const MEASUREMENTS_FOLDER = "evaluations";

/** A folder of measurements: one file for each key, rewritten after every batch. */
export interface MeasurementStore {
  readonly folder: string;
  /** The record of a key, null if there is none, or a sentence saying what is wrong with its file. */
  read(key: MeasurementKey, classes: number): MeasurementRecord | string | null;
  write(key: MeasurementKey, record: MeasurementRecord): void;
  /** Every valid record of a model on images as they are, finished or not. */
  list(model: string, classes: number): KeptRecord[];
  /** Every valid record of a model on corrupted images, finished or not: each key has a `corruption`. */
  listCorrupted(model: string, classes: number): KeptRecord[];
  /** Every record, of any model and finished or not, one at a time; a sentence in place of one that is not valid. */
  all(classes: number): Iterable<DatedRecord | string>;
  /** The keys of all unfinished attacks, on any model. */
  unfinished(): MeasurementKey[];
  /** The path of a key's file. */
  pathOf(key: MeasurementKey): string;
}

export interface KeptRecord {
  readonly key: MeasurementKey;
  readonly record: MeasurementRecord;
}

/** A record with its file, and when that was last written. */
export interface DatedRecord extends KeptRecord {
  readonly path: string;
  readonly written: Date;
}

/**
 * Format 1 had no state and no warnings, and named an attack's changes instead of all its settings. A change to an attack that changes
 * what it finds, as the golden tests would show, needs a new number too: earlier records are then not used.
 */
const FORMAT = 2;

const fileSchema = z.strictObject({
  format: z.literal(FORMAT),
  key: keySchema,
  record: z.unknown(),
  /** Of the key and the record as they are written; older files do not say it. */
  sha256: z.string().optional(),
});

type StoreFile = z.infer<typeof fileSchema>;

/** Opens the store in a folder, which need not exist before something is written. */
export function openStore(folder: string): MeasurementStore {
  const pathOf = (key: MeasurementKey): string => join(folder, `${nameOfKey(key)}.json`);
  const files = (): string[] => (existsSync(folder) ? readdirSync(folder).filter(isRecord).sort() : []);

  function read(key: MeasurementKey, classes: number): MeasurementRecord | string | null {
    const path = pathOf(key);
    if (!isThere(path)) return null;
    const found = readRecord(path, classes);
    return typeof found === "string" ? found : found.record;
  }

  function believable(): (StoreFile & { path: string })[] {
    return files().flatMap((name) => {
      const path = join(folder, name);
      const file = readListed(path);
      return file === null || typeof file === "string" ? [] : [{ ...file, path }];
    });
  }

  function listed(model: string, classes: number, corrupted: boolean): KeptRecord[] {
    return believable()
      .filter(({ key }) => key.model === model && (key.corruption !== undefined) === corrupted)
      .map((file) => keptRecord(file, file.path, classes))
      .filter((found) => typeof found !== "string");
  }

  return {
    folder,
    pathOf,
    read,
    unfinished: () =>
      believable()
        .filter(({ key, record }) => key.attack !== null && roundIn(record) < roundCount(key))
        .map(({ key }) => key),
    write(key, record) {
      const sha256 = checksumOf({ key, record });
      writeFileAtomically(pathOf(key), `${JSON.stringify({ format: FORMAT, key, record, sha256 })}\n`);
    },
    *all(classes) {
      for (const name of files()) {
        const path = join(folder, name);
        const file = readListed(path);
        if (file === null) continue;
        const found = typeof file === "string" ? file : keptRecord(file, path, classes);
        const written = statSync(path, { throwIfNoEntry: false })?.mtime;
        if (typeof found === "string") yield found;
        else if (written) yield { ...found, path, written };
      }
    },
    list: (model, classes) => listed(model, classes, false),
    listCorrupted: (model, classes) => listed(model, classes, true),
  };
}

/**
 * Reads one record, whatever model it is of; where it is damaged, a sentence says so.
 *
 * @param classes Of the model; where that is not known, as many as there can be.
 * @throws {WorkError} if the system refuses.
 */
export function readRecord(path: string, classes = MOST_CLASSES): KeptRecord | string {
  const file = readFile(path);
  return typeof file === "string" ? file : keptRecord(file, path, classes);
}

function keptRecord({ key, record: content }: StoreFile, path: string, classes: number): KeptRecord | string {
  if (basename(path) !== `${nameOfKey(key)}.json`) return `${path} is the record of something else`;
  const record = recordOf(key, content, path, classes);
  return typeof record === "string" ? record : { key, record };
}

/** Whether a file of a folder of measurements is called as a record is. */
export function isRecord(name: string): boolean {
  return /^[\w-]+-[0-9a-f]{16}\.json$/.test(name);
}

/** The record of a key as read from `path`, or a sentence saying what is wrong with it. */
function recordOf(
  key: MeasurementKey,
  content: unknown,
  path: string,
  classes: number,
): MeasurementRecord | string {
  const parsed = recordSchema(key, classes).safeParse(content);
  return parsed.success ? parsed.data : `${path} is no record: ${firstProblem(parsed.error)}`;
}

/** How many evaluations an older mtard kept in a folder; they lack parts of a record, so nothing reads them. */
export function outdatedIn(folder: string): number {
  if (!existsSync(folder)) return 0;
  return readdirSync(folder).filter((name) => /^[\w-]+-[0-9a-f]{10}\.json$/.test(name)).length;
}

/** The round that a record's attack has reached, or 0 if the record does not say. */
function roundIn(record: unknown): number {
  const parsed = z.object({ attack: z.object({ round: z.number() }) }).safeParse(record);
  return parsed.success ? parsed.data.attack.round : 0;
}

/** A record takes a few numbers per image, so a larger file is not a record. */
const MOST_BYTES = 2 ** 28;

/** Reads a file of the store, or says in a sentence what is wrong with it. */
function readFile(path: string): StoreFile | string {
  try {
    const content: unknown = JSON.parse(readTextFile(path, MOST_BYTES));
    const parsed = fileSchema.safeParse(content);
    if (!parsed.success) return `${path} is no record: ${firstProblem(parsed.error)}`;
    const { sha256 } = parsed.data;
    // Of the content as it was read: the schemas may leave out and fill in.
    return sha256 === undefined || sha256 === checksumOf(content as StoreFile)
      ? parsed.data
      : `${path} is damaged: its contents are not those of its checksum`;
  } catch (error) {
    if (error instanceof WorkError) throw error;
    return `${path} is no record: ${error instanceof Error ? error.message : String(error)}`;
  }
}

/** Reads a file of the store that was listed; null where it is gone since, as for a moment on a network disk when it is rewritten. */
function readListed(path: string): StoreFile | string | null {
  try {
    return readFile(path);
  } catch (error) {
    if (isGone(error)) return null;
    throw error;
  }
}

function checksumOf({ key, record }: Pick<StoreFile, "key" | "record">): string {
  return sha256Of(JSON.stringify({ key, record }));
}

function firstProblem({ issues: [issue] }: z.ZodError): string {
  return issue ? `${issue.path.join(".")}: ${issue.message}` : "nothing that fits";
}
