import type { Random } from "../runtime/random.js";

/** How far the coarsest parts vary; the squares of the published code, which varies by a variation, are kept. */
const WIBBLE = 100;

/**
 * Makes a map of heights in [0, 1], `[side, side]`, by the diamond-square algorithm on a torus.
 *
 * @param side A power of two.
 * @param decay What the variation is divided by from each step to the next finer one.
 */
export function plasma(side: number, decay: number, random: Random): Float64Array {
  const map = new Float64Array(side * side);
  const at = (row: number, column: number): number =>
    map[((row + side) % side) * side + ((column + side) % side)] as number;
  let wibble = WIBBLE;
  /** Fills the points of a grid `step` apart with the mean of four others each, and noise. */
  const fill = (
    row: number,
    column: number,
    step: number,
    sum: (row: number, column: number) => number,
  ): void => {
    for (let y = row; y < side; y += step)
      for (let x = column; x < side; x += step)
        map[y * side + x] = sum(y, x) / 4 + wibble * (-wibble + 2 * wibble * random.uniform());
  };
  for (let step = side; step >= 2; step /= 2) {
    const half = step / 2;
    fill(
      half,
      half,
      step,
      (y, x) =>
        at(y - half, x - half) + at(y + half, x - half) + (at(y - half, x + half) + at(y + half, x + half)),
    );
    const beside = (y: number, x: number): number =>
      at(y - half, x) + at(y + half, x) + (at(y, x - half) + at(y, x + half));
    fill(0, half, step, beside);
    fill(half, 0, step, beside);
    wibble /= decay;
  }
  const lowest = map.reduce((least, value) => Math.min(least, value), Infinity);
  const highest = map.reduce((most, value) => Math.max(most, value - lowest), 0);
  return map.map((value) => (value - lowest) / highest);
}
