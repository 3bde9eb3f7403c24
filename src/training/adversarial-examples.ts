import type { ImageSource } from "../evaluation/images.js";
import type { ImageShape } from "../graph/network.js";
import type { DescribedPicture } from "../run/tensorboard.js";
import { loadSharp } from "../runtime/sharp.js";

/** A few images of an evaluation, as they are and as its attack made them. */
export interface AdversarialExamples {
  /** Takes the first images that an attack gives back; later calls change nothing. */
  take(source: ImageSource, indexes: readonly number[], adversarial: Float32Array): void;
  /** Draws them as rows: as they are, attacked, and what the attack changed. Null where nothing was attacked. */
  draw(): Promise<DescribedPicture | null>;
}

const MOST_IMAGES = 8;
/** The longest side of an image in the picture: small ones are drawn larger, by whole numbers, and large ones smaller. */
const LONGEST_SIDE = 96;

/** @param epsilon The largest change of a pixel value, by which changes are made visible. */
export function firstExamples(epsilon: number): AdversarialExamples {
  let taken: { shape: ImageShape; rows: Float32Array[]; count: number } | null = null;
  // A change of epsilon goes half of the way from grey to white or black.
  const gain = 0.25 / Math.max(epsilon, 1e-6);
  return {
    take(source, indexes, adversarial) {
      if (taken) return;
      const { shape } = source;
      const count = Math.min(MOST_IMAGES, indexes.length);
      const clean = source.read(indexes.slice(0, count));
      const attacked = adversarial.slice(0, clean.length);
      const change = attacked.map((value, at) => 0.5 + gain * (value - (clean[at] as number)));
      taken = { shape, rows: [Float32Array.from(clean), attacked, change], count };
    },
    async draw() {
      if (taken === null) return null;
      const { shape, rows, count } = taken;
      const { data, width, height } = tiled(rows, count, shape);
      const raw = { width, height, channels: shape.channels as 1 | 3 };
      const png = await loadSharp()(data, { raw }).png().toBuffer();
      const description = `Rows: images of the evaluation, the same attacked, and the change times ${gain.toPrecision(2)}.`;
      return { png, width, height, description };
    },
  };
}

/** Lays rows of `count` images in [0, 1] out as one image of 8-bit values. */
function tiled(
  rows: readonly Float32Array[],
  count: number,
  shape: ImageShape,
): { data: Uint8Array; width: number; height: number } {
  const { channels } = shape;
  const longest = Math.max(shape.height, shape.width);
  const scale =
    longest > LONGEST_SIDE ? 1 / Math.ceil(longest / LONGEST_SIDE) : Math.floor(LONGEST_SIDE / longest);
  const [tall, wide] = [shape.height, shape.width].map((side) => Math.max(1, Math.floor(side * scale))) as [
    number,
    number,
  ];
  const [height, width] = [tall * rows.length, wide * count];
  const data = new Uint8Array(height * width * channels);
  for (let y = 0, to = 0; y < height; y++) {
    const row = rows[Math.floor(y / tall)] as Float32Array;
    const fromY = Math.floor((y % tall) / scale);
    for (let x = 0; x < width; x++) {
      const image = Math.floor(x / wide) * shape.height;
      const from = ((image + fromY) * shape.width + Math.floor((x % wide) / scale)) * channels;
      for (let channel = 0; channel < channels; channel++)
        data[to++] = Math.round(255 * Math.min(1, Math.max(0, row[from + channel] as number)));
    }
  }
  return { data, width, height };
}
