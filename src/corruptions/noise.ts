import type { Random } from "../runtime/random.js";
import { bytesOf, fractionsOf, levelOf, type Levels, type Picture, type Severity } from "./picture.js";

const GAUSSIAN: Levels<number> = {
  32: [0.04, 0.06, 0.08, 0.09, 0.1],
  64: [0.04, 0.08, 0.12, 0.15, 0.18],
};
const SHOT: Levels<number> = { 32: [500, 250, 100, 75, 50], 64: [250, 100, 50, 30, 15] };
const IMPULSE: Levels<number> = { 32: [0.01, 0.02, 0.03, 0.05, 0.07], 64: [0.01, 0.02, 0.05, 0.08, 0.14] };
const SPECKLE: Levels<number> = { 32: [0.06, 0.1, 0.12, 0.16, 0.2], 64: [0.15, 0.2, 0.25, 0.3, 0.35] };

/** Adds normal noise of one deviation to every value. */
export function gaussianNoise(picture: Picture, severity: Severity, random: Random): Uint8Array {
  const deviation = levelOf(GAUSSIAN, picture.side, severity);
  return bytesOf(fractionsOf(picture).map((value) => value + deviation * random.normal()));
}

/** Multiplies every value by normal noise around 1. */
export function speckleNoise(picture: Picture, severity: Severity, random: Random): Uint8Array {
  const deviation = levelOf(SPECKLE, picture.side, severity);
  return bytesOf(fractionsOf(picture).map((value) => value + value * deviation * random.normal()));
}

/** Replaces every value by a count of Poisson's distribution with as many photons for white as the severity says. */
export function shotNoise(picture: Picture, severity: Severity, random: Random): Uint8Array {
  const photons = levelOf(SHOT, picture.side, severity);
  const counts = countsFor(photons);
  return bytesOf(
    Float64Array.from(picture.bytes, (byte) => quantile(counts(byte), random.uniform()) / photons),
  );
}

/** Sets a share of all values to 0 or 1. */
export function impulseNoise(picture: Picture, severity: Severity, random: Random): Uint8Array {
  const share = levelOf(IMPULSE, picture.side, severity);
  const values = fractionsOf(picture);
  const struck = values.map(() => (random.uniform() <= share ? 1 : 0));
  const salted = values.map(() => (random.uniform() <= 0.5 ? 1 : 0));
  return bytesOf(values.map((value, at) => (struck[at] === 1 ? (salted[at] as number) : value)));
}

const distributions = new Map<number, (Float64Array | undefined)[]>();

/** The cumulative distribution of the counts for a byte; each is computed once, as a byte has 256 values. */
function countsFor(photons: number): (byte: number) => Float64Array {
  const known = distributions.get(photons) ?? [];
  distributions.set(photons, known);
  return (byte) => (known[byte] ??= cumulativePoisson((byte / 255) * photons));
}

/** P(count <= k) of Poisson's distribution for k = 0, 1, ... as far as a double tells it from 1. */
function cumulativePoisson(mean: number): Float64Array {
  const sums: number[] = [];
  let probability = Math.exp(-mean);
  let sum = probability;
  for (let count = 1; count <= mean || probability > 1e-18; count++) {
    sums.push(sum);
    probability *= mean / count;
    sum += probability;
  }
  return Float64Array.from([...sums, sum]);
}

/** The smallest count whose cumulative probability is at least `share`. */
function quantile(cumulative: Float64Array, share: number): number {
  let [low, high] = [0, cumulative.length - 1];
  while (low < high) {
    const middle = (low + high) >> 1;
    if ((cumulative[middle] as number) >= share) high = middle;
    else low = middle + 1;
  }
  return low;
}
