import type { ImageShape } from "../graph/network.js";
import { Random } from "../runtime/random.js";
import type { DemoOrigin } from "./datasets.js";
import { drawMasks, shapes, type ShapePlacement } from "./demo-shapes.js";
import type { SplitContents } from "./store.js";

/*
 * A data set with a built-in trade-off between accuracy and robustness. The shape survives any perturbation of 8/255 but misleads in
 * some images; the texture never misleads but is fainter than 8/255, so an attack can erase it or write another class's.
 */

/** The share of images that show another class's shape in place of their own. */
const SWAPPED = 0.12;
/** The share of images that show their own shape and another's, each half transparent. */
const BLENDED = 0.1;
/** What the texture adds to or takes from a pixel, in levels of 255. */
const TEXTURE_AMPLITUDE = 3;
/** Standard deviation of the pixel noise, in levels of 255. */
const NOISE = 1;
/** The greatest tilt of a shape, in degrees. */
const TILT = 12;

/** The random plan of an image, before any pixel exists: its class, and the one or two shapes it shows. */
interface Scene {
  readonly label: number;
  readonly placements: readonly ShapePlacement[];
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
    scenes.flatMap((scene) => scene.placements),
    image,
  );
  const size = image.height * image.width * image.channels;
  const images = new Uint8Array(count * size);
  let used = 0;
  for (const [index, { label, placements }] of scenes.entries()) {
    const seen = masks.slice(used, (used += placements.length));
    paint(images.subarray(index * size, (index + 1) * size), label, seen, image, random);
  }
  return { count, images, labels: Uint8Array.from(scenes, ({ label }) => label) };
}

function drawScene(label: number, image: ImageShape, random: Random): Scene {
  const lot = random.uniform();
  const other = (label + 1 + random.below(shapes.length - 1)) % shapes.length;
  const seen = lot < SWAPPED ? [other] : lot < SWAPPED + BLENDED ? [label, other] : [label];
  return { label, placements: seen.map((shape) => placeShape(shape, image, random)) };
}

function placeShape(shape: number, { height, width }: ImageShape, random: Random): ShapePlacement {
  const radius = Math.min(height, width) * (0.28 + 0.12 * random.uniform());
  return {
    shape,
    radius,
    x: radius + (width - 2 * radius) * random.uniform(),
    y: radius + (height - 2 * radius) * random.uniform(),
    angle: TILT * (2 * random.uniform() - 1),
  };
}

/** Paints the background, shapes, then the class's texture and noise. */
function paint(
  pixels: Uint8Array,
  label: number,
  masks: readonly Uint8Array[],
  { height, width, channels }: ImageShape,
  random: Random,
): void {
  const base = Array.from({ length: channels }, () => 35 + random.below(40));
  const corners = base.map((level) => drawCorners(level, random));
  const colours = masks.map(() => {
    const contrast = 40 + random.below(90);
    return base.map((level) => level + contrast + random.below(41) - 10);
  });
  for (let y = 0, offset = 0; y < height; y++) {
    for (let x = 0; x < width; x++) {
      const texture = TEXTURE_AMPLITUDE * textureSign(label, y, x);
      for (let channel = 0; channel < channels; channel++, offset++) {
        let value = between(corners[channel] as Corners, y / (height - 1), x / (width - 1));
        for (const [index, mask] of masks.entries()) {
          const cover = (mask[y * width + x] as number) / 255 / masks.length;
          value += cover * ((colours[index]?.[channel] ?? 0) - value);
        }
        // The ranges above keep every value within 0 to 255.
        pixels[offset] = Math.round(value + NOISE * bellShaped(random)) + texture;
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

/** Signs along one axis, repeated; each is its own mirror image up to a shift, so that crops and flips keep the class. */
const stripes = { none: [1], fine: [1, -1], wide: [1, 1, -1, -1], thirds: [1, -1, -1] } as const;
type Stripes = readonly number[];

/** Each class's signs down and across, label 0 first; the texture's sign is their product. */
const textures: readonly (readonly [Stripes, Stripes])[] = [
  [stripes.fine, stripes.none],
  [stripes.none, stripes.fine],
  [stripes.fine, stripes.fine],
  [stripes.wide, stripes.none],
  [stripes.none, stripes.wide],
  [stripes.wide, stripes.wide],
  [stripes.fine, stripes.wide],
  [stripes.wide, stripes.fine],
  [stripes.thirds, stripes.fine],
  [stripes.fine, stripes.thirds],
];

function textureSign(label: number, y: number, x: number): number {
  const [down, across] = textures[label] as readonly [Stripes, Stripes];
  return (down[y % down.length] as number) * (across[x % across.length] as number);
}
