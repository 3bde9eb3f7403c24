/** One number for each class, class 0 first. */
export type ClassValues = readonly number[];

/** Looks up the number of each image's class, `[N]`. */
export function gatherByClass(values: ClassValues, labels: Int32Array): Float32Array {
  return Float32Array.from(labels, (label) => values[label] ?? NaN);
}

/** Adds each image's number to the sum of its class. */
export function addByClass(
  sums: ClassValues,
  labels: Int32Array,
  numbers: Float32Array | Int32Array,
): ClassValues {
  const added = [...sums];
  for (const [index, label] of labels.entries())
    added[label] = (added[label] ?? NaN) + (numbers[index] ?? NaN);
  return added;
}
