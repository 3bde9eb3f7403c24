import { availableParallelism } from "node:os";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { loadSharp } from "../runtime/sharp.js";
import { imageBytes } from "./images.js";

/** Images in one decoded piece: 12.6 MB at 64x64. */
const PIECE = 1024;

/**
 * Decodes JPEGs in parallel and yields their pixels in order, uint8 NHWC, a bounded number of images at a time.
 *
 * libvips decodes as libjpeg-turbo does, which Pillow uses, so both give the same bytes. Grey images get three equal channels.
 * A piece is valid until the next is requested.
 *
 * @param read Reads a file by its name.
 * @throws {InputError} if a file is not a JPEG, is damaged, or has another size; the error names it.
 */
export async function* decodeJpegs(
  names: readonly string[],
  read: (name: string) => Promise<Uint8Array>,
  image: ImageShape,
  onDecoded: () => void,
): AsyncGenerator<Uint8Array, void, undefined> {
  const size = imageBytes(image);
  const piece = new Uint8Array(Math.min(PIECE, names.length) * size);
  // One thread per image: images this small gain nothing from more.
  const sharp = loadSharp();
  const threads = sharp.concurrency();
  sharp.concurrency(1);
  try {
    for (let start = 0; start < names.length; start += PIECE) {
      const chosen = names.slice(start, start + PIECE);
      await inParallel(chosen, async (name, index) => {
        piece.set(await decode(await read(name), name, image), index * size);
        onDecoded();
      });
      yield piece.subarray(0, chosen.length * size);
    }
  } finally {
    sharp.concurrency(threads);
  }
}

/** Runs `work` on every item, as many at once as there are cores; after a failure it starts no more, and throws the first failure. */
async function inParallel<T>(
  items: readonly T[],
  work: (item: T, index: number) => Promise<void>,
): Promise<void> {
  const queue = items.entries();
  const failures: unknown[] = [];
  const worker = async (): Promise<void> => {
    for (const [index, item] of queue) {
      if (failures.length > 0) return;
      await work(item, index).catch((failure: unknown) => failures.push(failure));
    }
  };
  await Promise.all(Array.from({ length: availableParallelism() }, worker));
  if (failures.length > 0) throw failures[0];
}

async function decode(
  jpeg: Uint8Array,
  name: string,
  { height, width, channels }: ImageShape,
): Promise<Uint8Array> {
  // libvips would also open other formats, and some of those can point at other files.
  if (!(jpeg[0] === 0xff && jpeg[1] === 0xd8))
    throw wrongImage(name, "it does not begin as a JPEG does", height, width);
  try {
    const { data, info } = await loadSharp()(jpeg, { limitInputPixels: 2 * height * width, ignoreIcc: true })
      .toColourspace("srgb")
      .raw()
      .toBuffer({ resolveWithObject: true });
    if (info.height === height && info.width === width && info.channels === channels) return data;
    throw new Error(`${info.width}x${info.height} pixels, ${info.channels} channels`);
  } catch (cause) {
    throw wrongImage(name, cause instanceof Error ? cause.message : String(cause), height, width, cause);
  }
}

function wrongImage(name: string, found: string, height: number, width: number, cause?: unknown): InputError {
  return new InputError(`image ${JSON.stringify(name)} is damaged, or of another data set`, {
    expected: `a whole JPEG of ${width}x${height} pixels`,
    found,
    fix: "fetch the archive again",
    ...(cause === undefined ? {} : { cause }),
  });
}
