import type { Ruled, Traced } from "./batch-value.js";

/**
 * Where the images are after a reshape, which keeps the order of all numbers: the axis whose extent has room for `batch` images at
 * their distance from each other. With a batch of 1 that can be several.
 *
 * @param rest The axis that the model wrote as -1, "the rest", or null.
 */
export function reshaped(value: Traced, shape: readonly number[], rest: number | null, batch: number): Ruled {
  if (value.axis === null) return [{ shape, axis: null, inner: 1 }];
  const extent = value.shape[value.axis] ?? NaN;
  // Images that are the outermost stay so, whatever else is unknown.
  if (value.axis === 0 && extent === batch * value.inner) {
    const inner = (shape[0] ?? NaN) / batch;
    return inner < 1 || inner % 1 > 0 ? "mixed" : [{ shape, axis: 0, inner }];
  }
  const distance = value.inner * productOf(value.shape.slice(value.axis + 1));
  if (Number.isNaN(distance) || shape.some(Number.isNaN)) return null;
  const ways = shape.flatMap((each, axis) => {
    const after = productOf(shape.slice(axis + 1));
    const inner = distance / after;
    const outer = (each * after) / (distance * batch);
    if (inner % 1 !== 0 || outer % 1 !== 0 || inner < 1 || outer < 1) return [];
    const isExact = each === batch && inner === 1;
    const rank = isExact ? 0 : axis === rest ? 1 : outer === 1 ? 2 : 3;
    return [{ rank, way: { shape, axis, inner } }];
  });
  const [first, ...more] = ways.sort((one, other) => one.rank - other.rank).map(({ way }) => way);
  return first ? [first, ...more] : "mixed";
}

function productOf(extents: readonly number[]): number {
  return extents.reduce((product, extent) => product * extent, 1);
}
