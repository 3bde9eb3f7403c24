import type { Random } from "../runtime/random.js";
import {
  bytesOfSingle,
  CHANNELS,
  fractionsOf,
  levelOf,
  type Levels,
  type Picture,
  type Severity,
} from "./picture.js";
import { type Border, gaussianBlurred, mirrored, mirroredAtEdge } from "./smooth.js";

/** How far pixels move, how smoothly, and how far the corners of a triangle move; all as a share of the side. */
const ELASTIC: Levels<readonly [number, number, number]> = {
  32: [
    [0, 0, 0.08],
    [0.05, 0.2, 0.07],
    [0.08, 0.06, 0.06],
    [0.1, 0.04, 0.05],
    [0.1, 0.03, 0.03],
  ],
  64: [
    [0, 0, 0.08],
    [0.05, 0.3, 0.06],
    [0.1, 0.08, 0.06],
    [0.1, 0.03, 0.03],
    [0.16, 0.03, 0.02],
  ],
};

/** Moves the image by a random affine map, and then every pixel by a smooth random field. */
export function elasticTransform(picture: Picture, severity: Severity, random: Random): Uint8Array {
  const { side } = picture;
  const [far, smooth, corner] = levelOf(ELASTIC, side, severity);
  const map = randomMap(side, side * corner, random);
  const moved = warped(fractionsOf(picture).map(Math.fround), side, map);
  const field = (): Float64Array => {
    const drawn = Float64Array.from({ length: side * side }, () => -1 + 2 * random.uniform());
    return gaussianBlurred(drawn, side, 1, side * smooth, { border: mirrored, truncate: 3 }).map((value) =>
      Math.fround(value * side * far),
    );
  };
  const [right, down] = [field(), field()];
  const result = new Float64Array(moved.length);
  for (let pixel = 0; pixel < side * side; pixel++) {
    const y = Math.floor(pixel / side) + (down[pixel] as number);
    const x = (pixel % side) + (right[pixel] as number);
    const [top, left] = [Math.floor(y), Math.floor(x)];
    between(moved, side, { top, left, v: y - top, u: x - left }, mirrored, result.subarray(pixel * CHANNELS));
  }
  return bytesOfSingle(result);
}

/** `[a, b, c, d, e, f]` of the map (x, y) -> (a x + b y + c, d x + e y + f). */
type Affine = readonly [number, number, number, number, number, number];

/** The map that takes the moved corners of a triangle back to where they were. */
function randomMap(side: number, farthest: number, random: Random): Affine {
  const [middle, reach] = [Math.floor(side / 2), Math.floor(side / 3)];
  const before = [
    [middle + reach, middle + reach],
    [middle + reach, middle - reach],
    [middle - reach, middle - reach],
  ] as const;
  const after = before.map((point) =>
    point.map((value) => Math.fround(value + Math.fround(-farthest + 2 * farthest * random.uniform()))),
  ) as unknown as readonly [readonly [number, number], readonly [number, number], readonly [number, number]];
  const [[x0, y0], [x1, y1], [x2, y2]] = after;
  const area = (x1 - x0) * (y2 - y0) - (x2 - x0) * (y1 - y0);
  const row = (axis: 0 | 1): [number, number, number] => {
    const [p0, p1, p2] = [before[0][axis], before[1][axis], before[2][axis]];
    const a = ((p1 - p0) * (y2 - y0) - (p2 - p0) * (y1 - y0)) / area;
    const b = ((p2 - p0) * (x1 - x0) - (p1 - p0) * (x2 - x0)) / area;
    return [a, b, p0 - a * x0 - b * y0];
  };
  return [...row(0), ...row(1)];
}

/** OpenCV rounds what it adds to a position to a 1024th of a pixel, and the position to a 32nd. */
const FINE = 1024;
const PARTS = 32;

/** Reads an image where a map leads, mirrored at its edges. */
function warped(values: Float64Array, side: number, [a, b, c, d, e, f]: Affine): Float64Array {
  const result = new Float64Array(values.length);
  const part = (start: number, more: number): number =>
    (Math.round(start * FINE) + FINE / PARTS / 2 + Math.round(more * FINE)) >> 5;
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const [x, y] = [part(b * row + c, a * column), part(e * row + f, d * column)];
      const place = { top: y >> 5, left: x >> 5, v: (y & 31) / PARTS, u: (x & 31) / PARTS };
      between(values, side, place, mirroredAtEdge, result.subarray((row * side + column) * CHANNELS));
    }
  return result;
}

/** Sets a pixel to what lies between four others: `v` below `top`, and `u` to the right of `left`. */
function between(
  values: Float64Array,
  side: number,
  {
    top,
    left,
    v,
    u,
  }: { readonly top: number; readonly left: number; readonly v: number; readonly u: number },
  border: Border,
  pixel: Float64Array,
): void {
  const [y0, y1] = [border(top, side) * side, border(top + 1, side) * side];
  const [x0, x1] = [border(left, side), border(left + 1, side)];
  for (let channel = 0; channel < CHANNELS; channel++) {
    const at = (place: number): number => values[place * CHANNELS + channel] as number;
    pixel[channel] = Math.fround(
      at(y0 + x0) * (1 - v) * (1 - u) +
        at(y0 + x1) * (1 - v) * u +
        at(y1 + x0) * v * (1 - u) +
        at(y1 + x1) * v * u,
    );
  }
}
