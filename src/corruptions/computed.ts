import { setImmediate as eventsPass } from "node:timers/promises";
import type { Split } from "../data/store.js";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import type { CorruptedImages } from "./corrupted-images.js";
import { type Corruption, type CorruptionId, corruptionRandom, corruptions } from "./corruptions.js";
import { CHANNELS, type Side } from "./picture.js";

/** A change to a corruption that changes its images needs a new number: earlier records are then not used. */
export const COMPUTED_VERSION = 1;

/** How many images are in hand at once: JPEGs are written and read by several threads. */
const AT_ONCE = 16;

const LACKS: Readonly<Partial<Record<CorruptionId, string>>> = {
  frost: "frost is made of the authors' photographs, which mtard does not have",
  spatter: "mtard does not compute spatter",
};

/**
 * Corrupts the first images of a split as the published code does, with random numbers of its own for every image.
 *
 * @throws {InputError} unless the images are RGB of 32x32 or 64x64, the sizes that parameters are published for.
 */
export function computedCorruptions(
  { images, labels, count: all }: Split,
  { height, width, channels }: ImageShape,
  count: number,
  seed: number,
): CorruptedImages {
  if (height !== width || (height !== 32 && height !== 64) || channels !== CHANNELS)
    throw new InputError("the common corruptions are not defined for images of this size", {
      expected: "RGB images of 32x32 or 64x64",
      found: `${height}x${width}x${channels}`,
    });
  const side: Side = height;
  const size = side * side * CHANNELS;
  const first = Math.min(count, all);
  return {
    count: first,
    labels: labels.subarray(0, first),
    lacks: (id) => LACKS[id] ?? null,
    originOf: (id) => ({
      file: null,
      seed: corruptions[id].isRandom ? seed : null,
      version: COMPUTED_VERSION,
    }),
    async read(id, severity, onProgress) {
      const { make }: Corruption = corruptions[id];
      if (make === null) throw missing(LACKS[id] ?? id);
      const made = new Uint8Array(first * size);
      for (let from = 0; from < first; from += AT_ONCE) {
        const indexes = Array.from({ length: Math.min(AT_ONCE, first - from) }, (_, row) => from + row);
        await Promise.all(
          indexes.map(async (index) => {
            // Copied, as the next read may fill the same buffer.
            const picture = { side, bytes: images.read(index, 1).slice() };
            made.set(
              await make(picture, severity, corruptionRandom(seed, id, severity, index)),
              index * size,
            );
          }),
        );
        onProgress(from + indexes.length);
        await eventsPass();
      }
      return made;
    },
  };
}

function missing(why: string): InputError {
  return new InputError(why, {
    expected: "the published images",
    fix: "--corruption-data with the published archive or folder, such as CIFAR-10-C.tar",
  });
}
