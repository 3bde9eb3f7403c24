/** Where a position outside of `0 ... length - 1` is taken from. */
export type Border = (position: number, length: number) => number;

/** The value at the edge goes on. */
export const clamped: Border = (position, length) => Math.min(length - 1, Math.max(0, position));

/** Mirrored behind the edge, whose value appears twice: `b a | a b c`. */
export const mirrored: Border = (position, length) => {
  const within = ((position % (2 * length)) + 2 * length) % (2 * length);
  return within < length ? within : 2 * length - 1 - within;
};

/** Mirrored at the edge, whose value appears once: `c b | a b c`. */
export const mirroredAtEdge: Border = (position, length) => {
  const period = 2 * length - 2;
  const within = ((position % period) + period) % period;
  return within < length ? within : period - within;
};

/** The weights of a Gaussian at the distances 0, 1, ... `truncate` deviations; with both sides they sum to 1. */
export function gaussianWeights(deviation: number, truncate: number): Float64Array {
  const radius = Math.floor(truncate * deviation + 0.5);
  const weights = Float64Array.from({ length: radius + 1 }, (_, at) =>
    Math.exp((-0.5 / deviation ** 2) * at ** 2),
  );
  // In the order of NumPy's sum, so that the last bit is the same.
  const sum = [...weights.subarray(1).toReversed(), ...weights].reduce((total, weight) => total + weight, 0);
  return weights.map((weight) => weight / sum);
}

/**
 * Blurs an image `[side, side, channels]` with a Gaussian, first along columns, then along rows.
 *
 * @param deviation In pixels; 0 leaves the image as it is.
 */
export function gaussianBlurred(
  values: Float64Array,
  side: number,
  channels: number,
  deviation: number,
  { border = clamped, truncate = 4 }: { readonly border?: Border; readonly truncate?: number } = {},
): Float64Array {
  if (deviation === 0) return values;
  const weights = gaussianWeights(deviation, truncate);
  const row = side * channels;
  const down = along(values, side, weights, border, channels, (line, at) => [line * channels, at * row]);
  return along(down, side, weights, border, channels, (line, at) => [line * row, at * channels]);
}

function along(
  values: Float64Array,
  side: number,
  weights: Float64Array,
  border: Border,
  channels: number,
  place: (line: number, at: number) => readonly [number, number],
): Float64Array {
  const result = new Float64Array(values.length);
  const [, step] = place(0, 1);
  const places = Int32Array.from({ length: side + 2 * weights.length }, (_, at) =>
    border(at - weights.length, side),
  );
  for (let line = 0; line < side; line++) {
    const [start] = place(line, 0);
    for (let at = 0; at < side; at++)
      for (let channel = start; channel < start + channels; channel++) {
        const middle = at + weights.length;
        let sum = (values[channel + at * step] as number) * (weights[0] as number);
        for (let distance = weights.length - 1; distance > 0; distance--) {
          const before = values[channel + (places[middle - distance] as number) * step] as number;
          const behind = values[channel + (places[middle + distance] as number) * step] as number;
          sum += (before + behind) * (weights[distance] as number);
        }
        result[channel + at * step] = sum;
      }
  }
  return result;
}
