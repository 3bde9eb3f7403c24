import { z } from "zod";
import { tf, type Scalar, type Tensor2D } from "../runtime/tensorflow.js";
import { onHost, squaredDistances } from "./losses.js";
import type { Method } from "./method.js";

/**
 * SCORE, TRADES with squared errors (LSE) in place of logarithms: the mean over the batch of
 *
 *     max(0, |softmax s(x) - onehot(y)|^2 + beta |softmax s(x') - softmax s(x)|^2 - bound),   bound = c^2 + c^2 / (classes - 1)
 *
 * with c the setting `lossClip`. The attack climbs the second distance.
 *
 * @see Pang et al., "Robustness and Accuracy Could Be Reconcilable by (Proper) Definition" (2022), section 5.2;
 * without_DDPM/train_cifar.py of P2333/SCORE.
 */
export const score: Method<null> = {
  title: "SCORE",
  teachers: [],
  passes: ["adv", "nat"],
  settings: ["beta", "lossClip"],
  attack: {
    followsTeacher: false,
    countsRight: false,
    loss: ({ studentNat }) => ({ kind: "squaredTo", probabilities: tf.softmax(studentNat) }),
  },
  stateSchema: () => z.null(),
  initialState: () => null,
  losses({ studentNat, studentAdv, labels }, _, { beta, lossClip }) {
    const classes = studentNat.shape[1];
    const bound = lossClip ** 2 * (1 + 1 / (classes - 1));
    const clean = tf.softmax(studentNat);
    const natural = squaredDistances(clean, tf.oneHot(labels, classes) as Tensor2D);
    const robust = squaredDistances(tf.softmax(studentAdv), clean);
    const each = tf.relu(tf.sub(tf.add(natural, tf.mul(robust, beta)), bound));
    const total = tf.mean<Scalar>(each);
    const [lossNat, lossAdv, lossTotal] = onHost([tf.mean<Scalar>(natural), tf.mean<Scalar>(robust), total]);
    return { total, report: { lossNat, lossAdv, lossTotal }, next: null };
  },
};
