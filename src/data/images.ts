import { closeSync, openSync, readSync } from "node:fs";
import { WorkError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";

/** Images read by position, from memory or, where they are too large for it, from a file. */
export interface Images {
  /**
   * Reads `count` images from index `first` on: uint8 NHWC, row-major, valid until the next read.
   *
   * @throws {WorkError} if their file has become shorter.
   */
  read(first: number, count: number): Uint8Array;
}

/** The bytes of one image. */
export function imageBytes({ height, width, channels }: ImageShape): number {
  return height * width * channels;
}

/** Images that lie in memory, `size` bytes each. */
export function imagesInMemory(bytes: Uint8Array, size: number): Images {
  return { read: (first, count) => bytes.subarray(first * size, (first + count) * size) };
}

/** Images from the beginning of a file on, `size` bytes each; every read fills the same buffer. */
export function imagesInFile(path: string, size: number): Images {
  const file = openSync(path, "r");
  let buffer = new Uint8Array(size);
  const images: Images = {
    read(first, count) {
      const length = count * size;
      if (buffer.length < length) buffer = new Uint8Array(length);
      const target = buffer.subarray(0, length);
      fill(target, file, first * size, path);
      return target;
    },
  };
  abandoned.register(images, file);
  return images;
}

/** Closes a file once its images are garbage-collected; until then it stays readable, even if another file takes its name. */
const abandoned = new FinalizationRegistry<number>(closeSync);

/** The images from index `start` on, counted from 0 again. */
export function imagesFrom(images: Images, start: number): Images {
  return { read: (first, count) => images.read(start + first, count) };
}

/** Reads `length` bytes of a file from `start` on. */
export function readPart(path: string, start: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  const file = openSync(path, "r");
  try {
    fill(bytes, file, start, path);
  } finally {
    closeSync(file);
  }
  return bytes;
}

function fill(target: Uint8Array, file: number, start: number, path: string): void {
  for (let done = 0; done < target.length;) {
    const received = readSync(file, target, done, target.length - done, start + done);
    if (received === 0)
      throw new WorkError(`${path} became shorter while it was read`, {
        expected: `${start + target.length} bytes or more`,
        found: `${start + done} bytes`,
        fix: "mtard data, with --force if it finds the store damaged",
      });
    done += received;
  }
}
