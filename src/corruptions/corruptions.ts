import { createHash } from "node:crypto";
import { Random } from "../runtime/random.js";
import { defocusBlur, gaussianBlur, glassBlur, motionBlur, zoomBlur } from "./blur.js";
import { brightness, contrast, saturate } from "./colour.js";
import { jpegCompression, pixelate } from "./digital.js";
import { elasticTransform } from "./elastic.js";
import { gaussianNoise, impulseNoise, shotNoise, speckleNoise } from "./noise.js";
import type { Picture, Severity } from "./picture.js";
import { fog, snow } from "./weather.js";

/** One of the published corruptions. */
export interface Corruption {
  /** Whether it is one of the fifteen that a mean is taken over; the other four are for choosing settings. */
  readonly isCommon: boolean;
  /** Whether it draws random numbers. */
  readonly isRandom: boolean;
  /** Makes the corrupted bytes of an image; null where it needs what is not here, and only a published archive has it. */
  readonly make:
    ((picture: Picture, severity: Severity, random: Random) => Uint8Array | Promise<Uint8Array>) | null;
}

const drawn = { isCommon: true, isRandom: true } as const;
const fixed = { isCommon: true, isRandom: false } as const;

/**
 * The corruptions of the benchmark, by id; an archive's file has `_` for `-`.
 *
 * @see Hendrycks and Dietterich, "Benchmarking Neural Network Robustness to Common Corruptions and Perturbations" (2019), and their code.
 */
export const corruptions = {
  "gaussian-noise": { ...drawn, make: gaussianNoise },
  "shot-noise": { ...drawn, make: shotNoise },
  "impulse-noise": { ...drawn, make: impulseNoise },
  "defocus-blur": { ...fixed, make: defocusBlur },
  "glass-blur": { ...drawn, make: glassBlur },
  "motion-blur": { ...drawn, make: motionBlur },
  "zoom-blur": { ...fixed, make: zoomBlur },
  snow: { ...drawn, make: snow },
  frost: { ...drawn, make: null },
  fog: { ...drawn, make: fog },
  brightness: { ...fixed, make: brightness },
  contrast: { ...fixed, make: contrast },
  "elastic-transform": { ...drawn, make: elasticTransform },
  pixelate: { ...fixed, make: pixelate },
  "jpeg-compression": { ...fixed, make: jpegCompression },
  "speckle-noise": { ...drawn, isCommon: false, make: speckleNoise },
  "gaussian-blur": { ...fixed, isCommon: false, make: gaussianBlur },
  spatter: { ...drawn, isCommon: false, make: null },
  saturate: { ...fixed, isCommon: false, make: saturate },
} as const satisfies Readonly<Record<string, Corruption>>;

/** The id of a corruption. */
export type CorruptionId = keyof typeof corruptions;

/** The ids of all corruptions, in the benchmark's order. */
export const corruptionIds = Object.keys(corruptions) as CorruptionId[];

/** The ids of the fifteen common ones. */
export const commonCorruptions = corruptionIds.filter((id) => corruptions[id].isCommon);

/** The generator of an image's corruption; it depends on nothing else, so that neither other images nor an interruption change it. */
export function corruptionRandom(seed: number, id: CorruptionId, severity: Severity, image: number): Random {
  const hash = createHash("sha256")
    .update(JSON.stringify([seed, id, severity, image]))
    .digest();
  return Random.fromState([
    hash.readInt32LE(0),
    hash.readInt32LE(4),
    hash.readInt32LE(8),
    hash.readInt32LE(12),
  ]);
}
