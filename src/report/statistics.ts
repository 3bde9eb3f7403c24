import { sampleOf } from "./table.js";

/** An interval that contains the true value in a share of all cases, such as 95%. */
export interface Interval {
  readonly low: number;
  readonly high: number;
}

/** The share of cases in which an interval here contains the true value. */
export const CONFIDENCE = 0.95;

/**
 * Student's interval for the mean of normally distributed values; null for fewer than two.
 *
 * @see Student, "The Probable Error of a Mean" (1908).
 */
export function meanInterval(values: readonly number[]): Interval | null {
  const sample = sampleOf(values);
  if (sample?.deviation == null) return null;
  const { mean, deviation, runs } = sample;
  const reach = (studentQuantile((1 + CONFIDENCE) / 2, runs - 1) * deviation) / Math.sqrt(runs);
  return { low: mean - reach, high: mean + reach };
}

/**
 * Wilson's interval for a share that `hits` of `count` independent trials found.
 *
 * @see Wilson, "Probable Inference, the Law of Succession, and Statistical Inference" (1927).
 */
export function shareInterval(hits: number, count: number): Interval {
  const z = NORMAL_QUANTILE;
  const share = hits / count;
  const middle = (share + z ** 2 / (2 * count)) / (1 + z ** 2 / count);
  const reach =
    (z / (1 + z ** 2 / count)) * Math.sqrt((share * (1 - share)) / count + z ** 2 / (4 * count ** 2));
  return { low: Math.max(0, middle - reach), high: Math.min(1, middle + reach) };
}

/** The standard normal distribution's quantile of 0.975. */
const NORMAL_QUANTILE = 1.959963984540054;

/**
 * McNemar's test in its exact form: how likely two classifiers that are equally often right differ so far or further, two-sided.
 *
 * @param onlyFirst The images that only the first answers right; `onlySecond` the same of the other.
 * @see McNemar, "Note on the Sampling Error of the Difference between Correlated Proportions" (1947).
 */
export function mcNemar(onlyFirst: number, onlySecond: number): number {
  const count = onlyFirst + onlySecond;
  const fewer = Math.min(onlyFirst, onlySecond);
  let tail = 0;
  // The binomial coefficient's logarithm, from one term to the next: the coefficients themselves overflow.
  let logTerm = -count * Math.LN2;
  for (let hits = 0; hits <= fewer; hits++) {
    tail += Math.exp(logTerm);
    logTerm += Math.log(count - hits) - Math.log(hits + 1);
  }
  return Math.min(1, 2 * tail);
}

/**
 * Adjusts the p-values of several tests, so that the chance of any false finding among them stays what one test's would be.
 *
 * @see Holm, "A Simple Sequentially Rejective Multiple Test Procedure" (1979).
 */
export function holm(values: readonly number[]): number[] {
  const adjusted = Array.from(values, () => 1);
  let least = 0;
  const ascending = values.map((value, index) => ({ value, index })).sort((a, b) => a.value - b.value);
  for (const [rank, { value, index }] of ascending.entries()) {
    least = Math.min(1, Math.max(least, value * (values.length - rank)));
    adjusted[index] = least;
  }
  return adjusted;
}

/** The value below which Student's t with whole degrees of freedom lies with this probability, above one half. */
export function studentQuantile(probability: number, freedom: number): number {
  let [low, high] = [0, 1];
  while (studentDistribution(high, freedom) < probability) high *= 2;
  for (let halving = 0; halving < 200 && low < high; halving++) {
    const middle = (low + high) / 2;
    if (studentDistribution(middle, freedom) < probability) low = middle;
    else high = middle;
  }
  return (low + high) / 2;
}

/**
 * The probability that Student's t is below a value of at least 0, a finite sum for whole degrees of freedom.
 *
 * @see Abramowitz and Stegun, "Handbook of Mathematical Functions" (1964), 26.7.3 and 26.7.4.
 */
function studentDistribution(value: number, freedom: number): number {
  const angle = Math.atan(value / Math.sqrt(freedom));
  const [sine, cosine] = [Math.sin(angle), Math.cos(angle)];
  const isOdd = freedom % 2 === 1;
  let term = isOdd ? cosine : 1;
  let series = freedom === 1 ? 0 : term;
  for (let power = isOdd ? 3 : 2; power < freedom; power += 2) {
    term *= ((power - 1) / power) * cosine ** 2;
    series += term;
  }
  const within = isOdd ? (2 / Math.PI) * (angle + sine * series) : sine * series;
  return (1 + within) / 2;
}
