import { InputError } from "../errors.js";
import type { Recipe } from "../recipes/settings.js";
import { Random } from "../runtime/random.js";
import type { Axis, AxisValue, RangeAxis } from "./sweep-axes.js";

/** One choice of all settings that a sweep varies. */
export interface SweepPoint {
  /** Such as `weightRate=0.025, temperatureRate=0.01`. */
  readonly name: string;
  /** A value for each axis, in their order. */
  readonly values: readonly AxisValue[];
  readonly changes: Partial<Recipe>;
}

/** How the points of a sweep are drawn, where they are not all of a grid. */
export interface Sampling {
  readonly count: number;
  readonly seed: number;
}

/** More points than this are a mistake in the call. */
export const MOST_POINTS = 10_000;
/** Digits of a number that is drawn: its name is the number itself. */
const DRAWN_DIGITS = 4;
/** How often a point is drawn in vain, because it is there already, for each that is asked for. */
const PATIENCE = 100;

/**
 * All points of a grid, the last axis moving fastest.
 *
 * @throws {InputError} if an axis is a range, which has no end of points, or there are more than {@link MOST_POINTS}.
 */
export function gridPoints(axes: readonly Axis[]): SweepPoint[] {
  const range = axes.find((axis) => axis.kind === "range");
  if (range)
    throw new InputError(`--grid ${range.name} is a range, of which points have to be drawn`, {
      expected: "--samples N, or values with commas between them",
      found: `${range.low}..${range.high}`,
      fix: "--samples 16",
    });
  const lists = axes.flatMap((axis) => (axis.kind === "list" ? [axis.values] : []));
  const count = lists.reduce((product, { length }) => product * length, 1);
  if (count > MOST_POINTS)
    throw new InputError("the grid has too many points", {
      expected: `${MOST_POINTS} at most`,
      found: lists.map(({ length }) => length).join(" x "),
      fix: "--samples 16 draws some of them",
    });
  return lists
    .reduce<AxisValue[][]>(
      (points, values) => points.flatMap((point) => values.map((value) => [...point, value])),
      [[]],
    )
    .map((values) => pointOf(axes, values));
}

/**
 * Draws distinct points. Each draw follows from the seed and its number alone, so more of them begin with the same ones.
 *
 * @throws {InputError} if there are not as many points.
 */
export function drawnPoints(axes: readonly Axis[], { count, seed }: Sampling): SweepPoint[] {
  const points = new Map<string, SweepPoint>();
  for (let draw = 0; points.size < count; draw++) {
    if (draw >= PATIENCE * count) throw tooFew(axes, count, points.size);
    const random = Random.fromSeed(seed, draw);
    const point = pointOf(
      axes,
      axes.map((axis) => drawn(axis, random)),
    );
    if (!points.has(point.name)) points.set(point.name, point);
  }
  return [...points.values()];
}

function tooFew(axes: readonly Axis[], count: number, found: number): InputError {
  const grid = axes.every(({ kind }) => kind === "list");
  return new InputError(`--samples ${count}: there are not as many points`, {
    expected: `${found} at most`,
    found: String(count),
    fix: grid ? "without --samples, every point of the grid is taken" : `--samples ${found}`,
  });
}

function drawn(axis: Axis, random: Random): AxisValue {
  if (axis.kind === "range") {
    const value = drawnNumber(axis, random.uniform());
    return { text: String(value), value };
  }
  const value = axis.values[random.below(axis.values.length)];
  if (!value) throw new Error(`${axis.name} has no values`);
  return value;
}

/** The number at a share of a range; each whole number has the same share, or the one of its logarithms. */
function drawnNumber({ low, high, log, whole }: RangeAxis, share: number): number {
  const [from, to] = whole ? [low - 0.5, high + 0.5] : [low, high];
  const exact = log ? from * (to / from) ** share : from + (to - from) * share;
  const rounded = whole ? Math.round(exact) : Number(exact.toPrecision(DRAWN_DIGITS));
  return Math.min(high, Math.max(low, rounded));
}

function pointOf(axes: readonly Axis[], values: readonly AxisValue[]): SweepPoint {
  const named = axes.map(({ name }, index) => ({ name, ...(values[index] as AxisValue) }));
  return {
    name: named.map(({ name, text }) => `${name}=${text}`).join(", "),
    values,
    changes: Object.fromEntries(named.map(({ name, value }) => [name, value])),
  };
}
