import { createHash, type Hash } from "node:crypto";
import { closeSync, openSync, readSync, statSync } from "node:fs";
import { open } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { InputError, WorkError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { writeFailure, writeFileAtomically } from "../files/atomic.js";
import { type Place, readWhole, tidyPlace } from "../files/folder.js";
import { isThere } from "../files/kind.js";
import { readTextFile } from "../files/read-text.js";
import {
  DESCRIPTION_FILE,
  findDataset,
  formatDescription,
  isBuiltIn,
  type DatasetDescription,
} from "./datasets.js";
import { imageBytes, type Images, imagesFrom, imagesInFile, imagesInMemory, readPart } from "./images.js";

/** The train or test part of a data set, opened for reading. */
export interface Split {
  readonly count: number;
  readonly images: Images;
  readonly labels: Uint8Array;
}

/** The train or test part of a data set, to be stored; its count and labels are asked for after its images. */
export interface SplitContents<Pixels = Uint8Array | AsyncIterable<Uint8Array>> {
  readonly count: number;
  /** uint8 NHWC, row-major, whole or in pieces of any length: `count * height * width * channels` bytes in all. */
  readonly images: Pixels;
  readonly labels: Uint8Array;
}

/** A data set opened for reading. */
export interface Dataset {
  readonly description: DatasetDescription;
  readonly train: Split;
  readonly test: Split;
  /** SHA-256 of everything stored, whatever limits it was opened with. */
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
  /** Of a user's own images: how many were changed, by how, and how many could not be read. */
  images: z
    .strictObject({ converted: z.record(z.string(), z.int().min(0)), leftOut: z.int().min(0) })
    .optional(),
});

/** What `store.json` says of the packed files beside it. */
export type StoreRecord = z.infer<typeof storeSchema>;

/** A record takes a few hundred bytes, and a line for each kind of change to a user's own images. */
const MOST_RECORD_BYTES = 2 ** 20;

/** The folder a data set is kept in. */
export function datasetFolder(id: string, dataDir: string): string {
  return join(dataDir, id);
}

/**
 * Reads the record of a stored data set, or null if there is none.
 *
 * @throws {InputError} if what is there is not a store of this data set.
 */
export function readStoreRecord(id: string, dataDir: string): StoreRecord | null {
  const path = join(datasetFolder(id, dataDir), "store.json");
  tidyPlace(datasetFolder(id, dataDir));
  if (!isThere(path)) return null;
  try {
    const record = storeSchema.parse(JSON.parse(readTextFile(path, MOST_RECORD_BYTES)));
    if (record.dataset !== id) throw new Error(`it is of data set ${record.dataset}`);
    return record;
  } catch (cause) {
    if (cause instanceof WorkError) throw cause;
    throw damaged(
      id,
      path,
      cause instanceof Error ? (cause.message.split("\n")[0] ?? "") : String(cause),
      cause,
    );
  }
}

/**
 * Whether a record is of images that another version of the program made, other than this one makes: only `demo` is made by the program,
 * and its seed is raised with every change.
 */
export function isOutdated({ origin }: DatasetDescription, { source }: StoreRecord): boolean {
  return origin.kind === "demo" && source["seed"] !== origin.seed;
}

/**
 * Opens a data set from its packed store, checking every byte against the stored fingerprint.
 *
 * @param limits How many images of each split to keep, from the first on; larger numbers keep all.
 * @param mostInMemory A split with more bytes of images than this is read from its file on demand, not loaded.
 * @throws {InputError} if it is absent, damaged, of another version's making, or a limit is not a positive whole number.
 */
export function openDataset(
  id: string,
  dataDir: string,
  limits: { train?: number; test?: number } = {},
  mostInMemory = MOST_IN_MEMORY,
): Dataset {
  for (const [split, limit] of Object.entries(limits))
    if (!Number.isInteger(limit) || limit < 1)
      throw new InputError(`the limit of ${split} images is wrong`, {
        expected: "1 or more",
        found: String(limit),
      });
  return readWhole(datasetFolder(id, dataDir), () => openStored(id, dataDir, limits, mostInMemory));
}

function openStored(
  id: string,
  dataDir: string,
  limits: { train?: number; test?: number },
  mostInMemory: number,
): Dataset {
  const description = findDataset(id, dataDir);
  const record = readStoreRecord(id, dataDir);
  const folder = datasetFolder(id, dataDir);
  if (record === null)
    throw new InputError(`data set ${id} is not there yet`, {
      expected: join(folder, "store.json"),
      fix: `mtard data ${id}`,
    });
  if (isOutdated(description, record))
    throw new InputError(`the stored data set ${id} is of another version of mtard`, {
      expected: "the images that this version makes",
      found: `others in ${folder}`,
      fix: `mtard data ${id}`,
    });
  const found = fingerprintOf(folder, description, record);
  if (found !== record.fingerprint)
    throw damaged(id, folder, `contents with sha256 ${found}, not the stored ${record.fingerprint}`);
  const read = (split: "train" | "test"): Split => {
    const count = Math.min(record[split], limits[split] ?? Infinity);
    return readSplit(splitFile(folder, split), description.image, record[split], count, mostInMemory);
  };
  return { description, train: read("train"), test: read("test"), fingerprint: found };
}

/** CIFAR's images fit three times; Tiny-ImageNet's training images, 1.2 GB, do not fit. */
const MOST_IN_MEMORY = 2 ** 29;

/** The same data set with the first images of each split only; larger numbers keep all. */
export function limitDataset(dataset: Dataset, limits: { train?: number; test?: number }): Dataset {
  const cut = (split: "train" | "test"): Split => {
    const whole = dataset[split];
    return sliceSplit(whole, 0, Math.min(whole.count, limits[split] ?? Infinity));
  };
  return { ...dataset, train: cut("train"), test: cut("test") };
}

/** The part of a split from index `from` to just before `to`. */
export function sliceSplit({ images, labels }: Split, from: number, to: number): Split {
  return { count: to - from, images: imagesFrom(images, from), labels: labels.subarray(from, to) };
}

/**
 * Writes a data set's packed store, whole or not at all, piece by piece as its images come.
 *
 * @param place The right to write the data set's folder.
 * @param facts What the record says beside counts and fingerprint; asked once all images came.
 * @param accept Asked once the new store is written beside the old one: true replaces the old one; false, or an error, keeps it.
 * @throws {WorkError} if the disk is full or refuses; what was there before stays. Errors from the images are passed on.
 */
export async function writeStore(
  description: DatasetDescription,
  dataDir: string,
  place: Place,
  { train, test }: { train: SplitContents; test: SplitContents },
  facts: () => Pick<StoreRecord, "source" | "images">,
  accept: (record: StoreRecord) => boolean,
): Promise<StoreRecord> {
  const folder = datasetFolder(description.id, dataDir);
  const fill = async (partial: string): Promise<StoreRecord> => {
    await writeSplit(splitFile(partial, "train"), train);
    await writeSplit(splitFile(partial, "test"), test);
    const counts = { train: train.count, test: test.count };
    if (description.origin.kind === "own")
      writeFileAtomically(join(partial, DESCRIPTION_FILE), formatDescription(description));
    const record: StoreRecord = {
      format: 1,
      dataset: description.id,
      ...counts,
      fingerprint: fingerprintOf(partial, description, counts),
      ...facts(),
    };
    writeFileAtomically(join(partial, "store.json"), `${JSON.stringify(record, null, 2)}\n`);
    return record;
  };
  try {
    return await place.put(fill, accept);
  } catch (cause) {
    throw cause instanceof WorkError || cause instanceof InputError ? cause : writeFailure(folder, cause);
  }
}

function splitFile(folder: string, split: "train" | "test"): string {
  return join(folder, `${split}.bin`);
}

async function writeSplit(path: string, contents: SplitContents): Promise<void> {
  const file = await open(path, "w");
  try {
    const { images } = contents;
    if (images instanceof Uint8Array) await file.appendFile(images);
    else for await (const piece of images) await file.appendFile(piece);
    await file.appendFile(contents.labels);
    await file.sync();
  } finally {
    await file.close();
  }
}

/**
 * Begins a SHA-256 with a data set's shape and counts, and for a user's own data set with what its description says of classes and
 * augmentation; each split's images and labels follow.
 */
export function beginFingerprint(
  { id, image, classNames, augmentation, origin }: DatasetDescription,
  { train, test }: { train: number; test: number },
): Hash {
  const shape = `${image.height}x${image.width}x${image.channels}`;
  const hash = createHash("sha256").update(`${id} ${shape} ${train} ${test}\n`);
  const { padding, flip } = augmentation;
  if (origin.kind === "own") hash.update(`${JSON.stringify([classNames, padding, flip])}\n`);
  return hash;
}

/** The fingerprint of the packed files in a folder, whose sizes must be those of so many images and labels. */
function fingerprintOf(
  folder: string,
  description: DatasetDescription,
  counts: { train: number; test: number },
): string {
  const hash = beginFingerprint(description, counts);
  for (const split of ["train", "test"] as const)
    hashSplit(splitFile(folder, split), description, counts[split], hash);
  return hash.digest("hex");
}

/** Adds a split's file to the fingerprint; its size must be that of `count` images and labels. */
function hashSplit(path: string, { id, image }: DatasetDescription, count: number, hash: Hash): void {
  const expected = count * (imageBytes(image) + 1);
  const found = statSync(path, { throwIfNoEntry: false })?.size;
  if (found !== expected)
    throw damaged(id, path, found === undefined ? "no such file" : `${found} bytes, not ${expected}`);
  const buffer = new Uint8Array(Math.min(expected, 2 ** 22));
  const file = openSync(path, "r");
  try {
    for (let received; (received = readSync(file, buffer)) > 0;) hash.update(buffer.subarray(0, received));
  } finally {
    closeSync(file);
  }
}

/** The first `count` of the `stored` images of a split. */
function readSplit(
  path: string,
  image: ImageShape,
  stored: number,
  count: number,
  mostInMemory: number,
): Split {
  const size = imageBytes(image);
  const images =
    count * size > mostInMemory
      ? imagesInFile(path, size)
      : imagesInMemory(readPart(path, 0, count * size), size);
  return { count, images, labels: readPart(path, stored * size, count) };
}

function damaged(id: string, path: string, found: string, cause?: unknown): InputError {
  return new InputError(`the stored data set ${id} is damaged`, {
    expected: `${path} as mtard wrote it`,
    found,
    fix: isBuiltIn(id) ? `mtard data ${id} --force` : `mtard data ${id} --from DIR --force`,
    ...(cause === undefined ? {} : { cause }),
  });
}
