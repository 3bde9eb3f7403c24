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
