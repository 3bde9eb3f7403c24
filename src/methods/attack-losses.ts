import { tf } from "../runtime/tensorflow.js";
import { softened } from "./losses.js";
import type { InnerAttack } from "./method.js";

/* The inner attacks that several methods share. */

/** Climbs the cross-entropy to the labels. @see Madry et al. (2018); B-MTARD, equation 4. */
export const awayFromLabels: InnerAttack<unknown> = {
  followsTeacher: false,
  countsRight: false,
  loss: ({ labels }) => ({ kind: "crossEntropy", labels }),
};

/** Climbs the divergence of the student from its own prediction on the clean images. @see trades.py of yaodongyu/TRADES. */
export const awayFromItself: InnerAttack<unknown> = {
  followsTeacher: false,
  countsRight: false,
  loss: ({ studentNat }) => ({ kind: "klTo", probabilities: tf.softmax(studentNat) }),
};

/** Climbs the divergence of the student from the robust teacher's prediction on the clean images. @see rslad_loss.py of zibojia/RSLAD. */
export const awayFromRobustTeacher: InnerAttack<unknown> = {
  followsTeacher: true,
  countsRight: false,
  loss: ({ robustTeacherNat }) => ({ kind: "klTo", probabilities: softened(robustTeacherNat, 1) }),
};
