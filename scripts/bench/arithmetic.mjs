import { valueShapes } from "#mtard/graph/image-fit.js";

/* How much a network computes, from its layer graph. */

/** Operations of a multiplication with an addition. */
const OPERATIONS = 2;

/**
 * The multiply-adds of one image's way forward, in convolutions and linear layers.
 *
 * @param {import("#mtard/graph/network.js").Network} network
 * @returns {{ all: number, first: number }} `first` are those of layers that read the images themselves.
 */
export function multiplyAdds({ layers, input }) {
  const shapes = valueShapes(layers, input);
  let [all, first] = [0, 0];
  for (const layer of layers) {
    const made = shapes.get(layer.output) ?? input;
    let count = 0;
    if (layer.op === "conv")
      count = (made.height * made.width * layer.filters * layer.kernel ** 2 * layer.channels) / layer.groups;
    if (layer.op === "linear") count = layer.inputs * layer.outputs;
    all += count;
    if ("input" in layer && layer.input === "images") first += count;
  }
  return { all, first };
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
  const { all, first } = multiplyAdds(student);
  const images = OPERATIONS * batch;
  return {
    cleanTeacher: images * multiplyAdds(clean).all,
    attack: images * steps * 2 * all,
    robustTeacher: images * multiplyAdds(robust).all,
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
