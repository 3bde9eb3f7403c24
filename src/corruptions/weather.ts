import type { Random } from "../runtime/random.js";
import { motionBlurred } from "./motion.js";
import {
  bytesOf,
  CHANNELS,
  fractionsOf,
  levelOf,
  type Levels,
  type Picture,
  type Severity,
} from "./picture.js";
import { plasma } from "./plasma.js";
import { zoomed } from "./zoom.js";

/** How dense the fog is, and how much less its finer parts vary. */
const FOG: Levels<readonly [number, number]> = {
  32: [
    [0.2, 3],
    [0.5, 3],
    [0.75, 2.5],
    [1, 2],
    [1.5, 1.75],
  ],
  64: [
    [0.4, 3],
    [0.7, 3],
    [1, 2.5],
    [1.5, 2],
    [2, 1.75],
  ],
};

interface Snow {
  readonly mean: number;
  readonly deviation: number;
  readonly zoom: number;
  /** What is below is no flake. */
  readonly least: number;
  readonly radius: number;
  readonly sigma: number;
  /** The share of the image that is not whitened. */
  readonly clear: number;
}

const FLAKES: readonly Omit<Snow, "clear">[] = [
  { mean: 0.1, deviation: 0.2, zoom: 1, least: 0.6, radius: 8, sigma: 3 },
  { mean: 0.1, deviation: 0.2, zoom: 1, least: 0.5, radius: 10, sigma: 4 },
  { mean: 0.15, deviation: 0.3, zoom: 1.75, least: 0.55, radius: 10, sigma: 4 },
  { mean: 0.25, deviation: 0.3, zoom: 2.25, least: 0.6, radius: 12, sigma: 6 },
  { mean: 0.3, deviation: 0.3, zoom: 1.25, least: 0.65, radius: 14, sigma: 12 },
];
const CLEAR: Levels<number> = { 32: [0.95, 0.9, 0.9, 0.85, 0.8], 64: [0.8, 0.8, 0.7, 0.65, 0.6] };

/** Lays clouds over the image. */
export function fog(picture: Picture, severity: Severity, random: Random): Uint8Array {
  const [density, decay] = levelOf(FOG, picture.side, severity);
  const values = fractionsOf(picture);
  const brightest = values.reduce((most, value) => Math.max(most, value), 0);
  const clouds = plasma(picture.side, decay, random);
  return bytesOf(
    values.map((value, at) => {
      const cloud = clouds[Math.floor(at / CHANNELS)] as number;
      return ((value + density * cloud) * brightest) / (brightest + density);
    }),
  );
}

/** Whitens the image and lets flakes fall through it, and the same flakes turned round. */
export function snow(picture: Picture, severity: Severity, random: Random): Uint8Array {
  const { side } = picture;
  const { mean, deviation, zoom, least, radius, sigma } = FLAKES[severity - 1] as (typeof FLAKES)[number];
  const clear = levelOf(CLEAR, side, severity);
  const drawn = Float64Array.from({ length: side * side }, () => mean + deviation * random.normal());
  const flakes = bytesOf(zoomed(drawn, side, 1, zoom).map((value) => (value < least ? 0 : value)));
  const angle = -135 + 90 * random.uniform();
  const falling = motionBlurred(flakes, side, 1, { radius, sigma, angle });
  const values = fractionsOf(picture).map(Math.fround);
  return bytesOf(
    values.map((value, at) => {
      const pixel = Math.floor(at / CHANNELS);
      const [red, green, blue] = values.subarray(pixel * CHANNELS);
      const grey = 0.299 * (red as number) + 0.587 * (green as number) + 0.114 * (blue as number);
      const whitened = clear * value + (1 - clear) * Math.max(value, grey * 1.5 + 0.5);
      const turned = falling[falling.length - 1 - pixel] as number;
      return Math.fround(whitened) + (falling[pixel] as number) / 255 + turned / 255;
    }),
  );
}
