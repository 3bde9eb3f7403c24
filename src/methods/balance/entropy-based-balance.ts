/** The two teachers' temperatures. */
export interface Temperatures {
  readonly nat: number;
  readonly adv: number;
}

/** Bounds of a teacher's temperature (B-MTARD, section 4.1). */
const LOWEST = 1;
const HIGHEST = 10;

/**
 * Entropy-Based Balance: the sharper teacher's temperature rises and the other's falls by `rate`, within [1, 10].
 *
 *     tau_nat -= rate sign(H_nat - H_adv),   tau_adv -= rate sign(H_adv - H_nat)
 *
 * @see B-MTARD, equations 12 and 13.
 */
export function nextTemperatures(
  now: Temperatures,
  entropyNat: number,
  entropyAdv: number,
  rate: number,
): Temperatures {
  const direction = Math.sign(entropyNat - entropyAdv);
  return { nat: clamp(now.nat - rate * direction), adv: clamp(now.adv + rate * direction) };
}

/**
 * Shannon entropy of a teacher's prediction, averaged over the batch, in nats.
 *
 *     H(P) = -1/N sum_n sum_c P_nc log(P_nc + 1e-5),   P = softmax(z / temperature)
 *
 * @param logits `[N, classes]`, row-major.
 * @see B-MTARD, equations 5 and 7; the 1e-5 is the released code's.
 */
export function meanEntropy(logits: Float32Array, classes: number, temperature: number): number {
  let total = 0;
  for (let row = 0; row < logits.length; row += classes) {
    const values = logits.subarray(row, row + classes);
    const highest = values.reduce((most, value) => Math.max(most, value), -Infinity);
    const powers = Array.from(values, (value) => Math.exp((value - highest) / temperature));
    const sum = powers.reduce((left, right) => left + right, 0);
    for (const power of powers) total -= (power / sum) * Math.log(power / sum + 1e-5);
  }
  return total / (logits.length / classes);
}

function clamp(temperature: number): number {
  return Math.min(HIGHEST, Math.max(LOWEST, temperature));
}
