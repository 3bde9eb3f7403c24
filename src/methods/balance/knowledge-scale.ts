/**
 * Relative entropy of a prediction to the uniform answer of a model that knows nothing, in nats:
 *
 *     KL(P || I) = sum_c p_c log(p_c C)
 *
 * Equation 6 is printed the other way round, KL(I, T); equations 23 and 25, and Theorem 1, are of this one.
 *
 * @param probabilities `[classes]`, summing to 1.
 * @see B-MTARD, equations 6, 23 and 24.
 */
export function relativeEntropyToUniform(probabilities: readonly number[]): number {
  const classes = probabilities.length;
  return probabilities.reduce((sum, p) => sum + (p === 0 ? 0 : p * Math.log(p * classes)), 0);
}

/**
 * A teacher's knowledge scale, averaged over a batch, in nats: Theorem 1's K = log C - H(P), without the 1e-5 of the scripts' entropy.
 *
 * @param logits `[N, classes]`, row-major.
 * @see B-MTARD, equation 7.
 */
export function knowledgeScale(logits: Float32Array, classes: number, temperature: number): number {
  const rows = logits.length / classes;
  let total = 0;
  for (let row = 0; row < rows; row++)
    total += Math.log(classes) - entropyOf(softmax(rowOf(logits, classes, row), temperature));
  return total / rows;
}

/**
 * The derivative of a prediction's entropy with respect to the temperature, which is never negative: a higher temperature leaves a
 * smaller knowledge scale.
 *
 *     [(sum q)(sum q log^2 q) - (sum q log q)^2] / (tau (sum q)^2),   q = exp(z / tau)
 *
 * @param logits `[classes]`.
 * @see B-MTARD, equation 8.
 */
export function entropySlope(logits: readonly number[], temperature: number): number {
  const highest = Math.max(...logits);
  // A factor on all q, here exp(-highest / tau), leaves the fraction as it is.
  const logs = logits.map((logit) => (logit - highest) / temperature);
  const sum = (term: (log: number) => number): number =>
    logs.reduce((all, log) => all + Math.exp(log) * term(log), 0);
  const [zeroth, first, second] = [sum(() => 1), sum((log) => log), sum((log) => log * log)];
  return (zeroth * second - first * first) / (temperature * zeroth * zeroth);
}

function rowOf(logits: Float32Array, classes: number, row: number): number[] {
  return [...logits.subarray(row * classes, (row + 1) * classes)];
}

/** softmax(logits / temperature). */
function softmax(logits: readonly number[], temperature: number): number[] {
  const highest = Math.max(...logits);
  const powers = logits.map((logit) => Math.exp((logit - highest) / temperature));
  const sum = powers.reduce((left, right) => left + right, 0);
  return powers.map((power) => power / sum);
}

/** Shannon's entropy, in nats. */
function entropyOf(probabilities: readonly number[]): number {
  return -probabilities.reduce((sum, p) => sum + (p === 0 ? 0 : p * Math.log(p)), 0);
}
