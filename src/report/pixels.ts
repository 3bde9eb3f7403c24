import type { Threat } from "../attacks/ball.js";
import type { ImageShape } from "../graph/network.js";
import { loadSharp } from "../runtime/sharp.js";

/**
 * How often a difference is amplified: a change of epsilon goes three quarters of the way from grey to white or black, 12 times at 8/255. In
 * L2 that is a change three times as large as all pixel values have where they share epsilon: it falls on few of them.
 */
export function gainOf({ norm, epsilon }: Threat, { height, width, channels }: ImageShape): number {
  if (epsilon === 0) return 1;
  return 0.375 / (norm === "l2" ? (3 * epsilon) / Math.sqrt(height * width * channels) : epsilon);
}

/** A gain as people read it. */
export function gainText(gain: number): string {
  return gain >= 10 ? gain.toFixed(0) : gain.toFixed(1);
}

/** What was added to an image, amplified, around grey. */
export function amplified(clean: Float32Array, adversarial: Float32Array, gain: number): Float32Array {
  return adversarial.map((value, at) => 0.5 + gain * (value - (clean[at] as number)));
}

/**
 * Draws pixel values `[height, width, channels]` in [0, 1] as a PNG with sides of `side` pixels, without smoothing; all squares are equal if
 * the image's longer side divides `side`.
 */
export function drawPixels(
  values: Float32Array,
  { height, width, channels }: ImageShape,
  side: number,
): Promise<Buffer> {
  const bytes = Uint8Array.from(values, (value) => Math.round(255 * Math.min(1, Math.max(0, value))));
  return loadSharp()(bytes, { raw: { height, width, channels: channels as 1 | 3 } })
    .resize(side, side, { kernel: "nearest", fit: "contain", background: "white" })
    .png()
    .toBuffer();
}
