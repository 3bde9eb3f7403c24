import { z } from "zod";
import { tf, type Scalar } from "../runtime/tensorflow.js";
import { awayFromItself } from "./attack-losses.js";
import { divergences, meanCrossEntropy, onHost, weightedSum } from "./losses.js";
import type { Method } from "./method.js";

/**
 * TRADES: cross-entropy on clean images, and beta times the divergence of the prediction on x' from that on x. The gradient flows into
 * both predictions.
 *
 *     CE(s(x), y) + beta / N sum KL(softmax s(x) || softmax s(x'))
 *
 * @see Zhang et al., "Theoretically Principled Trade-off between Robustness and Accuracy" (2019); trades.py of
 * yaodongyu/TRADES, which runs the student on x, on x' and on x again.
 */
export const trades: Method<null> = {
  title: "TRADES",
  teachers: [],
  passes: ["nat", "adv", "nat"],
  settings: ["beta"],
  attack: awayFromItself,
  stateSchema: () => z.null(),
  initialState: () => null,
  losses({ studentNat, studentAdv, labels }, _, { beta }) {
    const natural = meanCrossEntropy(studentNat, labels);
    const robust = tf.mean<Scalar>(divergences(studentAdv, studentNat));
    const total = weightedSum([natural, 1], [robust, beta]);
    const [lossNat, lossAdv, lossTotal] = onHost([natural, robust, total]);
    return { total, report: { lossNat, lossAdv, lossTotal }, next: null };
  },
};
