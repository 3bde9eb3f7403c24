import { availableParallelism } from "node:os";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { loadSharp } from "../runtime/sharp.js";
import { imageBytes } from "./images.js";

/** The most bytes of pixels in one decoded piece: 1,365 images of 64x64. */
const PIECE_BYTES = 2 ** 24;

/** Decoded images, one after another, and what each was decoded from. */
export interface DecodedPiece<T> {
  /** uint8 NHWC; valid until the next piece is requested. */
  readonly pixels: Uint8Array;
  readonly items: readonly T[];
}

/**
 * Decodes items in parallel and yields their pixels in order, a bounded number of images at a time.
 *
 * @param size The bytes of one image.
 * @param decode Makes an item's pixels, or null to leave the item out.
 * @throws What `decode` throws first; no more items are begun then.
 */
export async function* decodeInPieces<T>(
  items: readonly T[],
  size: number,
  decode: (item: T) => Promise<Uint8Array | null>,
): AsyncGenerator<DecodedPiece<T>, void, undefined> {
  const length = Math.max(1, Math.floor(PIECE_BYTES / size));
  const piece = new Uint8Array(Math.min(length, items.length) * size);
  // One thread per image: images this small gain nothing from more.
  const sharp = loadSharp();
  const threads = sharp.concurrency();
  sharp.concurrency(1);
  try {
    for (let start = 0; start < items.length; start += length) {
      const chosen = items.slice(start, start + length);
      const kept = new Set<number>();
      await inParallel(chosen, async (item, index) => {
        const pixels = await decode(item);
        if (pixels === null) return;
        piece.set(pixels, index * size);
        kept.add(index);
      });
      let used = 0;
      for (let index = 0; index < chosen.length; index++)
        if (kept.has(index)) piece.copyWithin(used++ * size, index * size, (index + 1) * size);
      yield {
        pixels: piece.subarray(0, used * size),
        items: chosen.filter((_, index) => kept.has(index)),
      };
    }
  } finally {
    sharp.concurrency(threads);
  }
}

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
  const pieces = decodeInPieces(names, imageBytes(image), async (name) => {
    const pixels = await decode(await read(name), name, image);
    onDecoded();
    return pixels;
  });
  for await (const { pixels } of pieces) yield pixels;
}

/** Runs `work` on every item, as many at once as there are cores; after a failure it starts no more, and throws the first failure. */
export async function inParallel<T>(
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
