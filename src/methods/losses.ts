import { tf, type Scalar, type Tensor1D, type Tensor2D } from "../runtime/tensorflow.js";
import type { TeacherLogits } from "./method.js";

/** The mean cross-entropy of logits `[N, classes]` to the classes, int32 `[N]`. */
export function meanCrossEntropy(logits: Tensor2D, labels: Tensor1D): Scalar {
  return tf.tidy(() => {
    const target = tf.oneHot(labels, logits.shape[1]);
    return tf.neg<Scalar>(tf.mean(tf.sum(tf.mul(tf.logSoftmax(logits), target), 1)));
  });
}

/**
 * How far a student is from a teacher, as RSLAD's and B-MTARD's scripts measure it: the mean over batch **and** classes of
 *
 *     p log(p + 1e-5) - p log softmax(student),   p = softmax(teacher / temperature)
 *
 * @param student Logits `[N, classes]`; the student's own temperature is 1.
 */
export function distillationLoss(student: Tensor2D, teacher: TeacherLogits, temperature: number): Scalar {
  return tf.tidy(() => {
    const logits = tf.tensor2d(teacher.values, student.shape);
    const probabilities = tf.softmax(tf.div(logits, temperature));
    const own = tf.mul(probabilities, tf.log(tf.add(probabilities, 1e-5)));
    const cross = tf.mul(probabilities, tf.logSoftmax(student));
    return tf.mean<Scalar>(tf.sub(own, cross));
  });
}
