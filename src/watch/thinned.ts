import type { SmallCurve, ThinnedCurves, ThinnedValue } from "../browser/watch-types.js";

/** Reported values over the steps, in a bounded number of entries: as steps grow, neighbours become one. */
export interface Thinned {
  /** Takes what a step reported; names beyond a bound, and what is no finite number, are left out. */
  add(step: number, values: Readonly<Record<string, unknown>>): void;
  names(): string[];
  /** The mean that was reported around a step: of the last entry with a value up to there; null if there is none. */
  before(name: string, step: number): { readonly step: number; readonly value: number } | null;
  curves(): ThinnedCurves;
  /** A value's means in at most `points` entries. */
  small(name: string, points: number): SmallCurve;
}

/** Methods report some twenty values. */
const MOST_NAMES = 64;
const LONGEST_NAME = 100;
/** Steps beyond this are no steps of a run. */
const MOST_STEPS = 2 ** 40;

interface Column {
  readonly sum: Float64Array;
  readonly count: Float64Array;
  readonly min: Float64Array;
  readonly max: Float64Array;
}

/**
 * Makes an empty one.
 *
 * @param capacity An even number; from half of it on there are always at least that many entries.
 * @param wanted Which values are kept.
 */
export function thinned(capacity: number, wanted: (name: string) => boolean = () => true): Thinned {
  const columns = new Map<string, Column>();
  let width = 1;
  let used = 0;

  function columnOf(name: string): Column | null {
    const column = columns.get(name);
    if (column) return column;
    if (columns.size === MOST_NAMES || name.length > LONGEST_NAME || !wanted(name)) return null;
    const made = {
      sum: new Float64Array(capacity),
      count: new Float64Array(capacity),
      min: new Float64Array(capacity).fill(Infinity),
      max: new Float64Array(capacity).fill(-Infinity),
    };
    columns.set(name, made);
    return made;
  }

  function halve(): void {
    width *= 2;
    used = Math.ceil(used / 2);
    for (const column of columns.values()) mergePairs(column, capacity);
  }

  const meansOf = ({ sum, count }: Column): (number | null)[] =>
    Array.from({ length: used }, (_, at) =>
      (count[at] ?? 0) > 0 ? short((sum[at] ?? 0) / (count[at] ?? 1)) : null,
    );

  return {
    add(step, values) {
      if (!Number.isInteger(step) || step < 1 || step > MOST_STEPS) return;
      while (Math.floor((step - 1) / width) >= capacity) halve();
      const at = Math.floor((step - 1) / width);
      used = Math.max(used, at + 1);
      for (const name in values) {
        const value = values[name];
        if (typeof value !== "number" || !Number.isFinite(value) || name === "step" || name === "epoch")
          continue;
        const column = columnOf(name);
        if (!column) continue;
        column.sum[at] = (column.sum[at] ?? 0) + value;
        column.count[at] = (column.count[at] ?? 0) + 1;
        column.min[at] = Math.min(column.min[at] ?? Infinity, value);
        column.max[at] = Math.max(column.max[at] ?? -Infinity, value);
      }
    },
    names: () => [...columns.keys()],
    before(name, step) {
      const column = columns.get(name);
      if (!column) return null;
      for (let at = Math.min(used - 1, Math.floor((step - 1) / width)); at >= 0; at--) {
        const count = column.count[at] ?? 0;
        if (count > 0) return { step: middle(at, width), value: (column.sum[at] ?? 0) / count };
      }
      return null;
    },
    curves() {
      const values = [...columns].map(([name, column]): [string, ThinnedValue] => {
        const mean = meansOf(column);
        if (width === 1) return [name, { mean }];
        const reach = (of: Float64Array) =>
          mean.map((value, at) => (value === null ? null : short(of[at] ?? 0)));
        return [name, { mean, min: reach(column.min), max: reach(column.max) }];
      });
      const steps = Array.from({ length: used }, (_, at) => middle(at, width));
      return { width, steps, values: Object.fromEntries(values) };
    },
    small(name, points) {
      const column = columns.get(name);
      if (!column) return [];
      const together = Math.ceil(used / points);
      return Array.from({ length: Math.ceil(used / together) }, (_, part) => {
        const [from, to] = [part * together, Math.min(used, (part + 1) * together)];
        const count = total(column.count, from, to);
        return count > 0 ? short(total(column.sum, from, to) / count) : null;
      });
    },
  };
}

function middle(at: number, width: number): number {
  return at * width + (width + 1) / 2;
}

function mergePairs({ sum, count, min, max }: Column, capacity: number): void {
  for (let at = 0; at < capacity / 2; at++) {
    const [left, right] = [2 * at, 2 * at + 1];
    sum[at] = (sum[left] ?? 0) + (sum[right] ?? 0);
    count[at] = (count[left] ?? 0) + (count[right] ?? 0);
    min[at] = Math.min(min[left] ?? Infinity, min[right] ?? Infinity);
    max[at] = Math.max(max[left] ?? -Infinity, max[right] ?? -Infinity);
  }
  sum.fill(0, capacity / 2);
  count.fill(0, capacity / 2);
  min.fill(Infinity, capacity / 2);
  max.fill(-Infinity, capacity / 2);
}

function total(values: Float64Array, from: number, to: number): number {
  let sum = 0;
  for (let at = from; at < to; at++) sum += values[at] ?? 0;
  return sum;
}

/** Five digits are more than a curve shows. */
function short(value: number): number {
  return Number(value.toPrecision(5));
}
