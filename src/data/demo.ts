import type { ImageShape } from "../graph/network.js";
import { Random } from "../runtime/random.js";
import type { DemoOrigin } from "./datasets.js";
import { drawMasks, shapes, type ShapePlacement } from "./demo-shapes.js";
import type { SplitContents } from "./store.js";

/*
 * A data set with a trade-off between accuracy and robustness that two teachers can resolve. The shape tells the class and survives any
 * perturbation of 8/255, but some images show none. The tint tells the class of every image, but lies below 8/255: an attack can
 * erase it and lay on another class's. So whoever trusts the tint alone is right until he is attacked, and whoever trusts the shape
 * alone is helpless where there is none; shape first and tint where it is missing is best on both counts.
 */

/** The share of images that show no shape: background and tint only. */
const HIDDEN = 0.3;
/** What the tint adds to or takes from a channel, in levels of 255. */
const TINT = 7;
/** Standard deviation of the pixel noise, in levels of 255. */
const NOISE = 1;
/** The greatest tilt of a shape, in degrees. */
const TILT = 12;

/** The random plan of an image, before any pixel exists: its class, and where it shows that class's shape, or null where it shows none. */
interface Scene {
  readonly label: number;
  readonly placement: ShapePlacement | null;
}

/**
 * Makes the demo data set: the same origin gives the same bytes.
 *
 * @returns Both splits: uint8 NHWC, the classes balanced, in random order.
 */
export async function makeDemo(
  image: ImageShape,
  origin: DemoOrigin,
): Promise<{ train: SplitContents<Uint8Array>; test: SplitContents<Uint8Array> }> {
  return {
    train: await makeSplit(image, origin.train, Random.fromSeed(origin.seed, 0)),
    test: await makeSplit(image, origin.test, Random.fromSeed(origin.seed, 1)),
  };
}

async function makeSplit(
  image: ImageShape,
  count: number,
  random: Random,
): Promise<SplitContents<Uint8Array>> {
  const scenes = Array.from(random.permutation(count), (index) =>
    drawScene(index % shapes.length, image, random),
  );
  const masks = await drawMasks(
    scenes.flatMap(({ placement }) => placement ?? []),
    image,
  );
  const size = image.height * image.width * image.channels;
  const images = new Uint8Array(count * size);
  let used = 0;
  for (const [index, { label, placement }] of scenes.entries()) {
    const mask = placement ? (masks[used++] ?? null) : null;
    paint(images.subarray(index * size, (index + 1) * size), label, mask, image, random);
  }
  return { count, images, labels: Uint8Array.from(scenes, ({ label }) => label) };
}

function drawScene(label: number, image: ImageShape, random: Random): Scene {
  const hidden = random.uniform() < HIDDEN;
  return { label, placement: hidden ? null : placeShape(label, image, random) };
}

function placeShape(shape: number, { height, width }: ImageShape, random: Random): ShapePlacement {
  const radius = Math.min(height, width) * (0.3 + 0.1 * random.uniform());
  return {
    shape,
    radius,
    x: radius + (width - 2 * radius) * random.uniform(),
    y: radius + (height - 2 * radius) * random.uniform(),
    angle: TILT * (2 * random.uniform() - 1),
  };
}

/** Paints the grey background, the grey shape that `mask` covers, then the class's tint and noise. */
function paint(
  pixels: Uint8Array,
  label: number,
  mask: Uint8Array | null,
  { height, width, channels }: ImageShape,
  random: Random,
): void {
  const level = 35 + random.below(40);
  const corners = drawCorners(level, random);
  const bright = level + 60 + random.below(100);
  const tint = tints[label] as Tint;
  for (let y = 0, offset = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const behind = between(corners, y / (height - 1), x / (width - 1));
      const value = behind + ((mask?.[y * width + x] ?? 0) / 255) * (bright - behind);
      for (let channel = 0; channel < channels; channel++, offset++) {
        // The ranges above keep every value within 0 to 255.
        pixels[offset] = Math.round(value + NOISE * bellShaped(random)) + TINT * (tint[channel] ?? 0);
      }
    }
  }
}

/** The background's levels at top left, top right, bottom left and bottom right. */
type Corners = readonly [number, number, number, number];

function drawCorners(level: number, random: Random): Corners {
  const draw = (): number => level + random.below(41) - 20;
  return [draw(), draw(), draw(), draw()];
}

function between([topLeft, topRight, bottomLeft, bottomRight]: Corners, down: number, right: number): number {
  const top = topLeft * (1 - right) + topRight * right;
  const bottom = bottomLeft * (1 - right) + bottomRight * right;
  return top * (1 - down) + bottom * down;
}

/** A roughly standard normal number from four random bytes: their sum has mean 510 and standard deviation 147.8. */
function bellShaped(random: Random): number {
  const word = random.uint32();
  return ((word & 255) + ((word >>> 8) & 255) + ((word >>> 16) & 255) + (word >>> 24) - 510) / 147.8;
}

/** The signs of a tint in red, green and blue. */
type Tint = readonly [number, number, number];

/** Each class's tint, label 0 first: no two differ in brightness alone, which is random. */
const tints: readonly Tint[] = [
  [1, -1, 0],
  [1, 0, -1],
  [0, 1, -1],
  [-1, 1, 0],
  [-1, 0, 1],
  [0, -1, 1],
  [1, -1, -1],
  [-1, 1, -1],
  [-1, -1, 1],
  [0, 0, 0],
];
