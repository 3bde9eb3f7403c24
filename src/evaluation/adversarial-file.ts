import { closeSync, fsyncSync, openSync, readSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import type { AttackId } from "../attacks/attacks.js";
import { writeFailure, writeFileAtomically } from "../files/atomic.js";
import { writeWhole } from "../files/write-whole.js";
import type { StoredTensor } from "../graph/parameters.js";
import { encodeNpz } from "../weights/npz.js";
import type { ImageSource } from "./images.js";
import { makeFolders } from "../files/make-folders.js";

/** The adversarial images of an attack, written to disk as they are found. */
export interface AdversarialFile {
  put(indexes: readonly number[], images: Float32Array): void;
  /** For each image, the one that fooled the model or else the last one tried; an image that is wrong when clean stays clean. */
  readonly images: StoredTensor;
  close(): void;
}

/** How many images are written at a time. */
const PIECE = 256;

/** Whether a file exists and has the size of one adversarial image for each image of the source. */
export function hasAdversarialImages(path: string, source: ImageSource): boolean {
  return statSync(path, { throwIfNoEntry: false })?.size === source.count * bytesOfImage(source);
}

/**
 * Opens the file at `path`: raw float32 values, `[N, height, width, channels]`. With `resume` it keeps what it holds; otherwise it starts
 * with all images clean in a new file.
 *
 * @throws {WorkError} if the file cannot be opened or written, or is there already without `resume`.
 */
export function openAdversarialFile(path: string, source: ImageSource, resume: boolean): AdversarialFile {
  const { height, width, channels } = source.shape;
  const size = bytesOfImage(source);
  const file = open(path, resume);

  function put(indexes: readonly number[], images: Float32Array): void {
    const bytes = new Uint8Array(images.buffer, images.byteOffset, images.byteLength);
    try {
      for (const [row, index] of indexes.entries())
        writeWhole(file, bytes.subarray(row * size, (row + 1) * size), index * size);
      fsyncSync(file);
    } catch (cause) {
      throw writeFailure(path, cause);
    }
  }

  function read(): Float32Array {
    const values = new Float32Array((source.count * size) / Float32Array.BYTES_PER_ELEMENT);
    const bytes = new Uint8Array(values.buffer);
    for (let done = 0; done < bytes.length;) {
      const received = readSync(file, bytes, done, bytes.length - done, done);
      if (received === 0) throw new Error(`${path} became shorter`);
      done += received;
    }
    return values;
  }

  function putClean(): void {
    for (let first = 0; first < source.count; first += PIECE) {
      const length = Math.min(PIECE, source.count - first);
      const indexes = Array.from({ length }, (_, row) => first + row);
      put(indexes, source.read(indexes));
    }
  }

  try {
    if (!resume) putClean();
  } catch (error) {
    closeSync(file);
    rmSync(path, { force: true });
    throw error;
  }
  return {
    put,
    images: { shape: [source.count, height, width, channels], read },
    close: () => closeSync(file),
  };
}

/**
 * Writes adversarial images to an npz file, all in float32: `adversarial_ATTACK` `[N, height, width, channels]` for each attack, and
 * `labels` and `index` `[N]`.
 */
export function writeAdversarialNpz(
  path: string,
  { count, labels }: ImageSource,
  files: ReadonlyMap<AttackId, AdversarialFile>,
): void {
  const list = (values: ArrayLike<number>): StoredTensor => ({
    shape: [count],
    read: () => Float32Array.from(values),
  });
  writeFileAtomically(
    path,
    encodeNpz([
      ...[...files].map(([attack, { images }]): [string, StoredTensor] => [`adversarial_${attack}`, images]),
      ["labels", list(labels)],
      ["index", list(Array.from({ length: count }, (_, index) => index))],
    ]),
  );
}

function bytesOfImage({ shape: { height, width, channels } }: ImageSource): number {
  return height * width * channels * Float32Array.BYTES_PER_ELEMENT;
}

function open(path: string, resume: boolean): number {
  try {
    makeFolders(dirname(path));
    return openSync(path, resume ? "r+" : "wx+");
  } catch (cause) {
    throw writeFailure(path, cause);
  }
}
