import { createHash } from "node:crypto";
import { existsSync, readdirSync, readFileSync, renameSync, rmSync, statSync } from "node:fs";
import { join } from "node:path";
import { z } from "zod";
import { InputError, WorkError } from "../errors.js";
import { writeFailure, writeFileAtomically } from "../runtime/files.js";
import { datasets, type DatasetDescription, type DatasetId } from "./datasets.js";

/** The images and labels of one half of a data set. */
export interface Split {
  readonly count: number;
  /** uint8 NHWC, row-major: `count * height * width * channels`. */
  readonly images: Uint8Array;
  readonly labels: Uint8Array;
}

/** A data set opened for reading. */
export interface Dataset {
  readonly description: DatasetDescription & { readonly id: DatasetId };
  readonly train: Split;
  readonly test: Split;
  /** sha256 of everything stored, whatever the limits it was opened with. */
  readonly fingerprint: string;
}

const storeSchema = z.strictObject({
  format: z.literal(1),
  dataset: z.string(),
  train: z.int().min(1).max(10_000_000),
  test: z.int().min(1).max(10_000_000),
  fingerprint: z.hex().length(64),
  /** What the store was made from: an archive's sha256, an address, a seed. */
  source: z.record(z.string(), z.union([z.string(), z.number()])),
});

/** What `store.json` says of the packed files beside it. */
export type StoreRecord = z.infer<typeof storeSchema>;

/** The folder a data set is kept in. */
export function datasetFolder(id: DatasetId, dataDir: string): string {
  return join(dataDir, id);
}

/** sha256 of a data set's shape, counts, images and labels. */
export function fingerprint({ id, image }: DatasetDescription, train: Split, test: Split): string {
  const hash = createHash("sha256");
  hash.update(`${id} ${image.height}x${image.width}x${image.channels} ${train.count} ${test.count}\n`);
  for (const { images, labels } of [train, test]) hash.update(images).update(labels);
  return hash.digest("hex");
}

/**
 * What is kept of a data set, or null if there is none.
 *
 * @throws {InputError} if there is something that is not a store of this data set.
 */
export function readStoreRecord(id: DatasetId, dataDir: string): StoreRecord | null {
  const path = join(datasetFolder(id, dataDir), "store.json");
  if (statSync(path, { throwIfNoEntry: false }) === undefined) return null;
  try {
    const record = storeSchema.parse(JSON.parse(readFileSync(path, "utf8")));
    if (record.dataset !== id) throw new Error(`it is of data set ${record.dataset}`);
    return record;
  } catch (cause) {
    throw damaged(
      id,
      path,
      cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause),
      cause,
    );
  }
}

/**
 * Opens a data set from its packed store, checking every byte against the stored fingerprint.
 *
 * @param limits Keep only the first so many images of a split; more than there are means all.
 * @throws {InputError} if it is absent, damaged, or a limit is not a positive whole number.
 */
export function openDataset(
  id: DatasetId,
  dataDir: string,
  limits: { train?: number; test?: number } = {},
): Dataset {
  for (const [split, limit] of Object.entries(limits))
    if (!Number.isInteger(limit) || limit < 1)
      throw new InputError(`the limit of ${split} images is wrong`, {
        expected: "1 or more",
        found: String(limit),
      });
  const record = readStoreRecord(id, dataDir);
  const folder = datasetFolder(id, dataDir);
  if (record === null)
    throw new InputError(`data set ${id} is not there yet`, {
      expected: join(folder, "store.json"),
      fix: `mtard data ${id}`,
    });
  const description = datasets[id];
  const train = readSplit(join(folder, "train.bin"), record.train, description);
  const test = readSplit(join(folder, "test.bin"), record.test, description);
  const found = fingerprint(description, train, test);
  if (found !== record.fingerprint)
    throw damaged(id, folder, `contents with sha256 ${found}, not the stored ${record.fingerprint}`);
  return {
    description,
    train: firstOf(train, limits.train),
    test: firstOf(test, limits.test),
    fingerprint: found,
  };
}

/**
 * Writes a data set's packed store, whole or not at all; one that was there is replaced.
 *
 * @throws {WorkError} if the disk is full or refuses; what was there before stays.
 */
export function writeStore(
  description: DatasetDescription & { readonly id: DatasetId },
  dataDir: string,
  { train, test }: { train: Split; test: Split },
  source: StoreRecord["source"],
): StoreRecord {
  const record: StoreRecord = {
    format: 1,
    dataset: description.id,
    train: train.count,
    test: test.count,
    fingerprint: fingerprint(description, train, test),
    source,
  };
  const folder = datasetFolder(description.id, dataDir);
  removeAbandoned(description.id, dataDir);
  const temporary = join(dataDir, `.${description.id}.${process.pid}.partial`);
  try {
    writeFileAtomically(join(temporary, "train.bin"), [train.images, train.labels]);
    writeFileAtomically(join(temporary, "test.bin"), [test.images, test.labels]);
    writeFileAtomically(join(temporary, "store.json"), `${JSON.stringify(record, null, 2)}\n`);
    replaceFolder(folder, temporary);
  } catch (cause) {
    throw cause instanceof WorkError ? cause : writeFailure(folder, cause);
  } finally {
    rmSync(temporary, { recursive: true, force: true });
  }
  return record;
}

/** Puts `replacement` in the place of `folder`; if that fails, `folder` is as it was. */
function replaceFolder(folder: string, replacement: string): void {
  if (!existsSync(folder)) {
    renameSync(replacement, folder);
    return;
  }
  const aside = `${replacement}.replaced`;
  renameSync(folder, aside);
  try {
    renameSync(replacement, folder);
  } catch (cause) {
    renameSync(aside, folder);
    throw cause;
  }
  rmSync(aside, { recursive: true, force: true });
}

/** Removes what processes that were killed while writing have left. */
function removeAbandoned(id: DatasetId, dataDir: string): void {
  if (!existsSync(dataDir)) return;
  for (const name of readdirSync(dataDir)) {
    const [, of, pid] = /^\.([\w-]+)\.(\d+)\.partial/.exec(name) ?? [];
    if (of === id && !isRunning(Number(pid))) rmSync(join(dataDir, name), { recursive: true, force: true });
  }
}

function isRunning(pid: number): boolean {
  return existsSync(`/proc/${pid}`);
}

function readSplit(
  path: string,
  count: number,
  { id, image }: DatasetDescription & { readonly id: DatasetId },
): Split {
  const pixels = count * image.height * image.width * image.channels;
  const found = statSync(path, { throwIfNoEntry: false })?.size;
  if (found !== pixels + count)
    throw damaged(id, path, found === undefined ? "no such file" : `${found} bytes, not ${pixels + count}`);
  const bytes = readFileSync(path);
  return { count, images: bytes.subarray(0, pixels), labels: bytes.subarray(pixels) };
}

/** The first `limit` images, copied so that the others need not stay in memory. */
function firstOf(split: Split, limit = split.count): Split {
  if (limit >= split.count) return split;
  const size = split.images.length / split.count;
  return { count: limit, images: split.images.slice(0, limit * size), labels: split.labels.slice(0, limit) };
}

function damaged(id: DatasetId, path: string, found: string, cause?: unknown): InputError {
  return new InputError(`the stored data set ${id} is damaged`, {
    expected: `${path} as mtard wrote it`,
    found,
    fix: `mtard data ${id} --force`,
    ...(cause === undefined ? {} : { cause }),
  });
}
