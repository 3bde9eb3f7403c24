import type { ConvLayer } from "../graph/network.js";
import { otherPays } from "../runtime/kernel-choices.js";
import { constant } from "../runtime/tracer.js";
import { tf, type Tensor2D, type Tensor3D, type Tensor4D } from "../runtime/tensorflow.js";

/*
 * Winograd's minimal filtering F(4x4, 3x3): a convolution as 36 matrix products with a quarter of its multiplications. With the
 * one-dimensional transforms B, G and A below, a tile of 4x4 outputs of a filter g is
 *
 *     Y = A^T [(G g G^T) * (B^T d B)] A,   d being the 6x6 inputs that the tile reads
 *
 * For a map of S x S pixels, B on both dimensions of all tiles is one matrix, zero padding included, and so is A. The gradient with
 * respect to the input is the same sequence backwards, each matrix transposed.
 *
 * See Lavin and Gray, "Fast Algorithms for Convolutional Neural Networks" (2016), section 4.3, which has B^T, G and A^T.
 */

type Matrix = readonly (readonly number[])[];

const INPUT_TRANSFORM: Matrix = [
  [4, 0, -5, 0, 1, 0],
  [0, -4, -4, 1, 1, 0],
  [0, 4, -4, -1, 1, 0],
  [0, -2, -1, 2, 1, 0],
  [0, 2, -1, -2, 1, 0],
  [0, 4, 0, -5, 0, 1],
];

const FILTER_TRANSFORM: Matrix = [
  [1 / 4, 0, 0],
  [-1 / 6, -1 / 6, -1 / 6],
  [-1 / 6, 1 / 6, -1 / 6],
  [1 / 24, 1 / 12, 1 / 6],
  [1 / 24, -1 / 12, 1 / 6],
  [0, 0, 1],
];

const OUTPUT_TRANSFORM: Matrix = [
  [1, 1, 1, 1, 1, 0],
  [0, 1, -1, 2, -2, 0],
  [0, 1, 1, 4, 4, 0],
  [0, 1, -1, 8, -8, 1],
];

/** Outputs of a tile, and inputs it reads, along one dimension. */
const TILE = 4;
const WINDOW = 6;

/** With fewer channels, the transforms cost more than the products save on any processor that was tried. */
const FEWEST_CHANNELS = 128;

/**
 * Whether a convolution of maps `[N, H, W, channels]` can be computed this way, and may be faster: on small maps of many channels, where
 * oneDNN's convolution, which works along rows, has little to do per row.
 */
export function winogradFits(layer: ConvLayer, [, height, width]: readonly number[]): boolean {
  const { kernel, stride, padding, groups, channels, filters } = layer;
  const fits = kernel === 3 && stride === 1 && padding[0] === 1 && padding[1] === 1 && groups === 1;
  const small = height === width && (height === TILE || height === 2 * TILE);
  return fits && small && Math.min(channels, filters) >= FEWEST_CHANNELS;
}

/** The name of this work among those that are measured. */
export function winogradWork({ channels, filters }: ConvLayer, [, height, width]: readonly number[]): string {
  return `3x3 convolution, ${channels} to ${filters} channels, ${height}x${width}: Winograd`;
}

/** Whether this machine was measured to be faster this way. */
export function winogradPays(layer: ConvLayer, input: readonly number[]): boolean {
  return winogradFits(layer, input) && otherPays(winogradWork(layer, input));
}

/** Transforms a filter `[3, 3, channels, filters]` to `[36, channels, filters]`, once for many convolutions. */
export function winogradFilter(filter: Tensor4D): Tensor3D {
  const [, , channels, filters] = filter.shape;
  return tf.tidy(() => {
    const rows = pairs(FILTER_TRANSFORM).map(([above, beside]) =>
      above.flatMap((left) => beside.map((right) => left * right)),
    );
    const flat = filter.reshape([9, channels * filters]);
    return tf.matMul(tf.tensor2d(rows), flat).reshape<Tensor3D>([WINDOW ** 2, channels, filters]);
  });
}

/**
 * The convolution of `[N, S, S, channels]`, S a multiple of 4, padded by 1, with stride 1.
 *
 * @param filter From `winogradFilter`.
 */
export function winogradConvolution(input: Tensor4D, filter: Tensor3D): Tensor4D {
  const { toTiles, toOutputs } = transforms(input.shape[1]);
  return throughTiles(input, toTiles, filter, false, toOutputs);
}

/** The gradient of `winogradConvolution` with respect to its input. */
export function winogradInputGradient(outputGradient: Tensor4D, filter: Tensor3D): Tensor4D {
  const { toTiles, toOutputs } = transforms(outputGradient.shape[1]);
  return throughTiles(outputGradient, toOutputs, filter, true, toTiles);
}

/** Applies `into` to maps `[N, S, S, C]`, multiplies by the filter or its transpose, and applies the transpose of `outOf`. */
function throughTiles(
  maps: Tensor4D,
  into: Tensor2D,
  filter: Tensor3D,
  transposed: boolean,
  outOf: Tensor2D,
): Tensor4D {
  const [count, size, , channels] = maps.shape;
  const pixels = size * size;
  const made = filter.shape[transposed ? 1 : 2];
  return tf.tidy(() => {
    const byPixel = tf.transpose(maps.reshape([count, pixels, channels]), [1, 0, 2]);
    const tiles = tf.matMul(into, byPixel.reshape([pixels, count * channels]));
    const products = tf.matMul(tiles.reshape([WINDOW ** 2, -1, channels]), filter, false, transposed);
    const outputs = tf.matMul(outOf, products.reshape([-1, count * made]), true);
    return tf
      .transpose(outputs.reshape([pixels, count, made]), [1, 0, 2])
      .reshape<Tensor4D>([count, size, size, made]);
  });
}

interface Transforms {
  /** Turns pixels into the values multiplied with the filter, `[36 tiles, S S]`. */
  readonly toTiles: Tensor2D;
  /** Turns outputs back into products, `[36 tiles, S S]`; the convolution itself uses its transpose. */
  readonly toOutputs: Tensor2D;
}

const known = new Map<number, Transforms>();

/** The transforms of maps of `size` x `size` pixels; kept for good, as a network has few sizes. */
function transforms(size: number): Transforms {
  let made = known.get(size);
  if (!made) {
    const toTiles = ofAllTiles(size, (position, offset) => INPUT_TRANSFORM[position]?.[offset + 1] ?? 0);
    const toOutputs = ofAllTiles(size, (position, offset) => OUTPUT_TRANSFORM[offset]?.[position] ?? 0);
    known.set(size, (made = { toTiles, toOutputs }));
  }
  return made;
}

/** The transform of every tile in both dimensions: rows ordered by position in the window, then by tile; columns by pixel. */
function ofAllTiles(size: number, entry: (position: number, offset: number) => number): Tensor2D {
  const tiles = pairs(range(size / TILE));
  const rows = pairs(range(WINDOW)).flatMap(([above, beside]) =>
    tiles.map(([top, left]) =>
      pairs(range(size)).map(
        ([row, column]) => entry(above, row - TILE * top) * entry(beside, column - TILE * left),
      ),
    ),
  );
  return constant(tf.keep(tf.tensor2d(rows)));
}

function pairs<T>(values: readonly T[]): [T, T][] {
  return values.flatMap((first) => values.map((second): [T, T] => [first, second]));
}

function range(length: number): number[] {
  return Array.from({ length }, (_, index) => index);
}
