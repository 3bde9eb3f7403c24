import type { ImageShape } from "../graph/network.js";
import type { Random } from "../runtime/random.js";
import type { Augmentation } from "./datasets.js";

/** `value / 255` in float32 for each byte: what PyTorch's `ToTensor` gives. */
const unit = Float32Array.from({ length: 256 }, (_, value) => value / 255);

/** Which part of a padded image is seen, and whether mirrored. */
export interface View {
  /** Rows above and columns left of the crop in the padded image, 0 to twice the padding. */
  readonly top: number;
  readonly left: number;
  readonly flip: boolean;
}

/** Draws a view as PyTorch's `RandomCrop(size, padding)` and `RandomHorizontalFlip` do: uniform offsets, a flip half the time. */
export function drawView({ padding, flip }: Augmentation, random: Random): View {
  return {
    top: padding > 0 ? random.below(2 * padding + 1) : 0,
    left: padding > 0 ? random.below(2 * padding + 1) : 0,
    flip: flip && random.below(2) === 1,
  };
}

/** Writes bytes as float32 in [0, 1]. */
export function scaled(bytes: Uint8Array, target: Float32Array): void {
  for (let index = 0; index < bytes.length; index++) target[index] = unit[bytes[index] as number] as number;
}

/** Writes one view of an image, NHWC bytes, as float32 in [0, 1]; the padding is black. */
export function augmentInto(
  target: Float32Array,
  pixels: Uint8Array,
  { height, width, channels }: ImageShape,
  padding: number,
  { top, left, flip }: View,
): void {
  const shift = left - padding;
  const firstColumn = Math.max(0, -shift);
  const lastColumn = Math.min(width, width - shift);
  target.fill(0);
  for (let y = 0; y < height; y++) {
    const source = y + top - padding;
    if (source < 0 || source >= height) continue;
    let from = (source * width + firstColumn + shift) * channels;
    if (!flip) {
      const end = (y * width + lastColumn) * channels;
      for (let to = (y * width + firstColumn) * channels; to < end; to++, from++)
        target[to] = unit[pixels[from] as number] as number;
      continue;
    }
    for (let x = firstColumn; x < lastColumn; x++) {
      const to = (y * width + width - 1 - x) * channels;
      for (let channel = 0; channel < channels; channel++, from++)
        target[to + channel] = unit[pixels[from] as number] as number;
    }
  }
}
