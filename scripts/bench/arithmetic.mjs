import { multiplyAdds } from "#mtard/graph/multiply-adds.js";

/* How much a network computes, from its layer graph. */

/** Operations of a multiplication with an addition. */
const OPERATIONS = 2;

/** The multiply-adds of the layers that read the images themselves. @param {import("#mtard/graph/network.js").Network} network */
export function firstMultiplyAdds(network) {
  const layers = network.layers.filter((layer) => "input" in layer && layer.input === "images");
  return multiplyAdds({ ...network, layers });
}

/**
 * Operations of a step of B-MTARD by part, two a multiply-add. A gradient takes as many as the way forward; the attack makes one with
 * respect to the images, training one with respect to every layer's input but the first, and one with respect to the weights.
 *
 * @param {object} of
 * @param {import("#mtard/graph/network.js").Network} of.student
 * @param {import("#mtard/graph/network.js").Network} of.clean
 * @param {import("#mtard/graph/network.js").Network} of.robust
 * @param {number} of.batch
 * @param {number} of.steps Of the attack.
 * @returns {Record<import("./ours.mjs").Part, number>}
 */
export function stepOperations({ student, clean, robust, batch, steps }) {
  const [all, first] = [multiplyAdds(student), firstMultiplyAdds(student)];
  const images = OPERATIONS * batch;
  return {
    cleanTeacher: images * multiplyAdds(clean),
    attack: images * steps * 2 * all,
    robustTeacher: images * multiplyAdds(robust),
    forward: images * 2 * all,
    learn: images * 2 * (2 * all - first),
  };
}

/**
 * Seconds that operations take at the machine's peak.
 *
 * @param {Readonly<Record<import("./ours.mjs").Part, number>>} operations
 * @param {import("./cases.mjs").Precision} precision
 * @param {Readonly<Partial<Record<"float32" | "bfloat16", number>>>} peaks Operations a second.
 */
export function secondsAtPeak(operations, precision, peaks) {
  const { cleanTeacher, robustTeacher, attack, forward, learn } = operations;
  const [single = NaN, half = single] = [peaks.float32, peaks.bfloat16];
  const attackPeak = precision === "float32" ? single : half;
  const trainingPeak = precision === "bfloat16" ? half : single;
  return (cleanTeacher + robustTeacher) / single + attack / attackPeak + (forward + learn) / trainingPeak;
}
