import type { TeacherDescription } from "./descriptions.js";
import type { MeasuredAccuracy, MeasuredRobustness } from "./manifest.js";

/** A published accuracy beside a measured one, as fractions. */
export interface Expectation {
  /** Who published it. */
  readonly from: string;
  /** `clean`, or an attack's id. */
  readonly what: string;
  readonly expected: number;
  readonly measured: number;
  /** The largest difference that sampling explains: three standard deviations. */
  readonly samplingError: number;
  readonly agrees: boolean;
}

/** The L-infinity radius of every published robust accuracy. */
const PUBLISHED_EPSILON = 8 / 255;

/**
 * Compares each measured accuracy with every published one.
 *
 * An accuracy p measured on K images has variance p (1 - p) / K; p is taken half way between the measured and the published value, so
 * that a published 0% leaves room too. Rounding to 0.01% is allowed on top.
 */
export function compareWithPublished(
  { expected }: TeacherDescription,
  clean: MeasuredAccuracy,
  robust: readonly MeasuredRobustness[],
): Expectation[] {
  return expected.flatMap(({ from, clean: percent, attacks }) => [
    expectation(from, "clean", percent, clean),
    ...robust
      .filter(({ epsilon }) => Math.abs(epsilon - PUBLISHED_EPSILON) < 1e-9)
      .flatMap((measured) => {
        const published = attacks[measured.attack];
        return published === undefined ? [] : [expectation(from, measured.attack, published, measured)];
      }),
  ]);
}

function expectation(
  from: string,
  what: string,
  percent: number,
  { correct, total }: MeasuredAccuracy,
): Expectation {
  const expected = Number((percent / 100).toFixed(6)); // 0.9318, not 0.9318000000000001
  const measured = correct / total;
  const middle = (expected + measured) / 2;
  const samplingError = 3 * Math.sqrt((middle * (1 - middle)) / total);
  const agrees = Math.abs(measured - expected) <= samplingError + 5e-5;
  return { from, what, expected, measured, samplingError, agrees };
}
