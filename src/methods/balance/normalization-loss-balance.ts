/** The weights of the two losses; they sum to 1. */
export interface LossWeights {
  readonly nat: number;
  readonly adv: number;
}

/** A pair of losses, on clean and on adversarial images. */
export interface Losses {
  readonly nat: number;
  readonly adv: number;
}

/**
 * The relative losses, each against its value at the first step.
 *
 * @see B-MTARD, equation 15.
 */
export function relativeLosses(now: Losses, first: Losses): Losses {
  return { nat: now.nat / first.nat, adv: now.adv / first.adv };
}

/**
 * Normalization Loss Balance: each weight moves by `rate` towards the share of its relative loss; weights are clamped at 0 and sum to 1.
 *
 *     r_nat = L_nat^beta / (L_nat^beta + L_adv^beta),   w_nat = rate r_nat + (1 - rate) w_nat,   and likewise for adv
 *
 * @param relative Relative losses, from `relativeLosses`.
 * @see B-MTARD, equations 17 to 20.
 */
export function nextWeights(now: LossWeights, relative: Losses, rate: number, beta: number): LossWeights {
  const powerNat = relative.nat ** beta;
  const powerAdv = relative.adv ** beta;
  const nat = Math.max(0, (rate * powerNat) / (powerNat + powerAdv) + (1 - rate) * now.nat);
  const adv = Math.max(0, (rate * powerAdv) / (powerNat + powerAdv) + (1 - rate) * now.adv);
  return { nat: nat / (nat + adv), adv: adv / (nat + adv) };
}

/** First losses further apart than this make the balance one-sided. */
const UNEVEN = 100;

/**
 * Says that a run begins with losses so far apart that Normalization Loss Balance will give nearly all weight to the smaller one, as it does
 * where a student starts from weights that already do what one of the teachers asks; null if they are not.
 *
 * @param first The losses of the first step.
 * @see docs/results.md, eight methods from a clean student.
 */
export function unevenStart(first: Losses): string | null {
  const [small, large] = first.nat < first.adv ? (["nat", "adv"] as const) : (["adv", "nat"] as const);
  if (!(first[large] > UNEVEN * first[small])) return null;
  const images = { nat: "clean", adv: "adversarial" };
  const value = (of: keyof Losses): string => String(Number(first[of].toPrecision(2)));
  return `the loss on ${images[small]} images begins at ${value(small)}, that on ${images[large]} ones at ${value(large)}; the balance weighs each by its first value, so nearly all weight will go to ${images[small]} images: start from random weights, or use a method without balanced weights, such as baseline`;
}
