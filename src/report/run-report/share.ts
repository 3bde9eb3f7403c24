import type { Norm } from "../../attacks/norms.js";
import { shareInterval } from "../statistics.js";

/** A share of images, with Wilson's interval; all but the counts are fractions. */
export interface Share {
  readonly hits: number;
  readonly count: number;
  readonly share: number;
  readonly low: number;
  readonly high: number;
}

/** The share that `hits` of `count` images are; `count` is at least 1. */
export function shareOf(hits: number, count: number): Share {
  return { hits, count, share: hits / count, ...shareInterval(hits, count) };
}

/** A fraction in percent, such as `93.18%`. */
export function percent(fraction: number): string {
  return `${(100 * fraction).toFixed(2)}%`;
}

/** An interval in percent, such as `92.1 to 94.0`. */
export function intervalText({ low, high }: Pick<Share, "low" | "high">): string {
  return `${(100 * low).toFixed(1)} to ${(100 * high).toFixed(1)}`;
}

/** The radius of a ball around an image; its norm is named where it is not L-infinity. */
export function radiusText({
  norm,
  epsilon,
}: {
  readonly norm?: Norm | undefined;
  readonly epsilon: number;
}): string {
  return norm === "l2" ? `L2 ${epsilon}` : distanceText(epsilon);
}

/** A distance between pixel values, as a fraction where it is a whole number of levels. */
export function distanceText(distance: number): string {
  const levels = Math.round(255 * distance);
  return Math.abs(255 * distance - levels) < 1e-9 ? `${levels}/255` : String(distance);
}
