import { z } from "zod";
import { tf, type Scalar } from "../runtime/tensorflow.js";
import { awayFromLabels } from "./attack-losses.js";
import { crossEntropies, onHost, softDivergences, weightedSum } from "./losses.js";
import type { Method } from "./method.js";

/**
 * Adversarially Robust Distillation: the student on x' follows the robust teacher on x, both at temperature T.
 *
 *     alpha T^2 mean_{batch, classes} KL(softmax(t(x) / T) || softmax(s(x') / T)) + (1 - alpha) CE(s(x), y)
 *
 * @see Goldblum et al., "Adversarially Robust Distillation" (2020); main.py of goldblum/AdversariallyRobustDistillation.
 */
export const ard: Method<null> = {
  title: "ARD",
  teachers: ["robustTeacherNat"],
  passes: ["adv", "nat"],
  settings: ["alpha", "temperature"],
  attack: awayFromLabels,
  stateSchema: () => z.null(),
  initialState: () => null,
  losses({ studentNat, studentAdv, robustTeacherNat, labels }, _, { alpha, temperature }) {
    const distilled = tf.mean<Scalar>(softDivergences(studentAdv, robustTeacherNat, temperature));
    const natural = tf.mean<Scalar>(crossEntropies(studentNat, labels));
    const total = weightedSum([natural, 1 - alpha], [distilled, alpha * temperature ** 2]);
    const [lossNat, lossAdv, lossTotal] = onHost([natural, distilled, total]);
    return { total, report: { lossNat, lossAdv, lossTotal }, next: null };
  },
};
