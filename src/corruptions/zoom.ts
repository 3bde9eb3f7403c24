/** Rounds to the nearest whole number, halves to the even one. */
function roundedToEven(value: number): number {
  const low = Math.floor(value);
  if (value - low !== 0.5) return Math.round(value);
  return low % 2 === 0 ? low : low + 1;
}

/**
 * Enlarges the middle of an image `[side, side, channels]`, linearly between its values, and cuts it to the image's size.
 *
 * @param factor At least 1; how much larger it becomes.
 */
export function zoomed(values: Float64Array, side: number, channels: number, factor: number): Float64Array {
  const cut = Math.ceil(side / factor);
  const top = Math.floor((side - cut) / 2);
  const large = roundedToEven(cut * factor);
  const trim = Math.floor((large - side) / 2);
  const step = (cut - 1) / (large - 1);
  const result = new Float64Array(values.length);
  for (let row = 0; row < side; row++)
    for (let column = 0; column < side; column++) {
      const [y, x] = [step * (row + trim), step * (column + trim)];
      // A position that rounding brought behind the last value is outside, and black, in the published images too.
      if (y > cut - 1 || x > cut - 1) continue;
      const [y0, x0] = [Math.floor(y), Math.floor(x)];
      const [y1, x1] = [Math.min(cut - 1, y0 + 1), Math.min(cut - 1, x0 + 1)];
      const [v, u] = [y - y0, x - x0];
      for (let channel = 0; channel < channels; channel++) {
        const at = (line: number, place: number): number =>
          values[((top + line) * side + top + place) * channels + channel] as number;
        result[(row * side + column) * channels + channel] =
          at(y0, x0) * (1 - v) * (1 - u) +
          at(y0, x1) * (1 - v) * u +
          at(y1, x0) * v * (1 - u) +
          at(y1, x1) * v * u;
      }
    }
  return result;
}
