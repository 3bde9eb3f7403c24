import type { Random } from "../runtime/random.js";
import { motionBlurred } from "./motion.js";
import {
  bytesOf,
  bytesOfSingle,
  CHANNELS,
  fractionsOf,
  levelOf,
  type Levels,
  type Picture,
  type Severity,
} from "./picture.js";
import { gaussianBlurred, mirroredAtEdge } from "./smooth.js";
import { zoomed } from "./zoom.js";

const GAUSSIAN: Levels<number> = { 32: [0.4, 0.6, 0.7, 0.8, 1], 64: [0.5, 0.75, 1, 1.25, 1.5] };
/** Deviation, the farthest that a pixel comes from, and how often. */
const GLASS: Levels<readonly [number, number, number]> = {
  32: [
    [0.05, 1, 1],
    [0.25, 1, 1],
    [0.4, 1, 1],
    [0.25, 1, 2],
    [0.4, 1, 2],
  ],
  64: [
    [0.1, 1, 1],
    [0.5, 1, 1],
    [0.6, 1, 2],
    [0.7, 2, 1],
    [0.9, 2, 2],
  ],
};
/** The radius of a disc, and the deviation that its edge is smoothed with. */
const DEFOCUS: Levels<readonly [number, number]> = {
  32: [
    [0.3, 0.4],
    [0.4, 0.5],
    [0.5, 0.6],
    [1, 0.2],
    [1.5, 0.1],
  ],
  64: [
    [0.5, 0.6],
    [1, 0.1],
    [1.5, 0.1],
    [2.5, 0.01],
    [3, 0.1],
  ],
};
/** Radius and deviation. */
const MOTION: Levels<readonly [number, number]> = {
  32: [
    [6, 1],
    [6, 1.5],
    [6, 2],
    [8, 2],
    [9, 2.5],
  ],
  64: [
    [10, 1],
    [10, 1.5],
    [10, 2],
    [10, 2.5],
    [12, 3],
  ],
};
/** How many zooms, each a hundredth more than the one before, from none on. */
const ZOOMS: Levels<number> = { 32: [7, 12, 16, 21, 26], 64: [7, 12, 16, 21, 26] };

/** Blurs with a Gaussian. */
export function gaussianBlur(picture: Picture, severity: Severity): Uint8Array {
  const deviation = levelOf(GAUSSIAN, picture.side, severity);
  return bytesOf(gaussianBlurred(fractionsOf(picture), picture.side, CHANNELS, deviation));
}

/** Blurs, gives pixels the colour of a random neighbour, and blurs again. */
export function glassBlur({ side, bytes }: Picture, severity: Severity, random: Random): Uint8Array {
  const [deviation, farthest, times] = levelOf(GLASS, side, severity);
  const blurred = (from: Uint8Array): Uint8Array =>
    bytesOf(gaussianBlurred(fractionsOf({ side, bytes: from }), side, CHANNELS, deviation));
  const pixels = blurred(bytes);
  for (let time = 0; time < times; time++)
    for (let row = side - farthest; row > farthest; row--)
      for (let column = side - farthest; column > farthest; column--) {
        const right = random.below(2 * farthest) - farthest;
        const down = random.below(2 * farthest) - farthest;
        // The published code means to swap both, and only copies: the second of its two assignments reads what the first has written.
        const from = ((row + down) * side + column + right) * CHANNELS;
        pixels.copyWithin((row * side + column) * CHANNELS, from, from + CHANNELS);
      }
  return blurred(pixels);
}

/** Spreads every pixel over a disc. */
export function defocusBlur(picture: Picture, severity: Severity): Uint8Array {
  const { side } = picture;
  const disc = smoothDisc(...levelOf(DEFOCUS, side, severity));
  const values = fractionsOf(picture);
  const result = new Float64Array(values.length);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++)
      for (const { x, y, weight } of disc) {
        const from = mirroredAtEdge(row + y, side) * side + mirroredAtEdge(column + x, side);
        for (let channel = 0; channel < CHANNELS; channel++) {
          const at = (row * side + column) * CHANNELS + channel;
          result[at] = (result[at] as number) + weight * (values[from * CHANNELS + channel] as number);
        }
      }
  return bytesOf(result);
}

/** The weights of a disc whose edge is smoothed with a Gaussian of 3x3 pixels. */
function smoothDisc(radius: number, deviation: number): { x: number; y: number; weight: number }[] {
  const raw = Math.exp(-0.5 / deviation ** 2);
  const [middle, beside] = [Math.fround(1 / (1 + 2 * raw)), Math.fround(raw / (1 + 2 * raw))];
  const reach = Math.ceil(radius) + 1;
  const places = Array.from({ length: 2 * reach + 1 }, (_, at) => at - reach);
  const inside = (x: number, y: number): number => (x * x + y * y <= radius * radius ? 1 : 0);
  const count = places.flatMap((y) => places.map((x) => inside(x, y))).reduce((sum, each) => sum + each, 0);
  const near = [-1, 0, 1] as const;
  const share = (distance: number): number => (distance === 0 ? middle : beside);
  return places
    .flatMap((y) =>
      places.map((x) => {
        const sum = near
          .flatMap((down) => near.map((right) => share(down) * share(right) * inside(x + right, y + down)))
          .reduce((total, each) => total + each, 0);
        return { x, y, weight: Math.fround(sum / count) };
      }),
    )
    .filter(({ weight }) => weight !== 0);
}

/** Blurs along a line of a random direction. */
export function motionBlur({ side, bytes }: Picture, severity: Severity, random: Random): Uint8Array {
  const [radius, sigma] = levelOf(MOTION, side, severity);
  const angle = -45 + 90 * random.uniform();
  return motionBlurred(bytes, side, CHANNELS, { radius, sigma, angle });
}

/** Takes the mean of the image and of its zooms. */
export function zoomBlur(picture: Picture, severity: Severity): Uint8Array {
  const { side } = picture;
  const zooms = levelOf(ZOOMS, side, severity);
  const values = fractionsOf(picture).map(Math.fround);
  const sum = new Float32Array(values.length);
  for (let zoom = 0; zoom < zooms; zoom++)
    for (const [at, value] of zoomed(values, side, CHANNELS, 1 + zoom * STEP).entries())
      sum[at] = (sum[at] as number) + Math.fround(value);
  return bytesOfSingle(sum.map((value, at) => Math.fround(value + (values[at] as number)) / (zooms + 1)));
}

/** A hundredth, as NumPy's `arange` has it. */
const STEP = 1 + 0.01 - 1;
