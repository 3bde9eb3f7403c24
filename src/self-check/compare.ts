/** ||values - reference|| / ||reference||; not finite where a value is not. */
export function relativeDistance(values: Float32Array, reference: Float32Array): number {
  requireAlike(values, reference);
  let distance = 0;
  let length = 0;
  for (const [index, expected] of reference.entries()) {
    distance += ((values[index] as number) - expected) ** 2;
    length += expected ** 2;
  }
  return Math.sqrt(distance / length);
}

/** The share of values that have the sign of the reference's: all that an attack takes of a gradient. */
export function equalSigns(values: Float32Array, reference: Float32Array): number {
  requireAlike(values, reference);
  let equal = 0;
  for (const [index, expected] of reference.entries())
    if (Math.sign(values[index] as number) === Math.sign(expected)) equal++;
  return equal / reference.length;
}

/** The middle of some numbers, the upper one of two. */
export function median(numbers: readonly number[]): number {
  return numbers.toSorted((left, right) => left - right)[Math.floor(numbers.length / 2)] ?? NaN;
}

function requireAlike(values: Float32Array, reference: Float32Array): void {
  if (values.length !== reference.length)
    throw new Error(`${values.length} values are compared with ${reference.length}`);
}
