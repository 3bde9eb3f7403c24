import { tf, type Scalar, type Tensor1D, type Tensor2D } from "../runtime/tensorflow.js";
import type { TeacherLogits } from "./method.js";

/** The cross-entropy of each row of logits `[N, classes]` to its class, int32 `[N]`. */
export function crossEntropies(logits: Tensor2D, labels: Tensor1D): Tensor1D {
  return tf.tidy(() => {
    const target = tf.oneHot(labels, logits.shape[1]);
    return tf.neg<Tensor1D>(tf.sum(tf.mul(tf.logSoftmax(logits), target), 1));
  });
}

/** The mean cross-entropy of logits `[N, classes]` to the classes, int32 `[N]`. */
export function meanCrossEntropy(logits: Tensor2D, labels: Tensor1D): Scalar {
  return tf.tidy(() => tf.mean<Scalar>(crossEntropies(logits, labels)));
}

/** A temperature for all rows, or one for each. */
export type Temperature = number | Float32Array;

/** softmax(teacher / temperature), `[N, classes]`. */
export function softened({ values, classes }: TeacherLogits, temperature: Temperature): Tensor2D {
  return tf.tidy(() => {
    const logits = tf.tensor2d(values, [values.length / classes, classes]);
    const divisor =
      typeof temperature === "number" ? temperature : tf.tensor2d(temperature, [temperature.length, 1]);
    return tf.softmax<Tensor2D>(tf.div(logits, divisor));
  });
}

/**
 * How far a student is from a teacher, as RSLAD's and B-MTARD's scripts measure it: the mean over batch **and** classes of
 *
 *     p log(p + 1e-5) - p log softmax(student),   p = softmax(teacher / temperature)
 *
 * @param student Logits `[N, classes]`; the student's own temperature is 1.
 */
export function distillationLoss(
  student: Tensor2D,
  teacher: TeacherLogits,
  temperature: Temperature,
): Scalar {
  return tf.tidy(() => {
    const probabilities = softened(teacher, temperature);
    const own = tf.mul(probabilities, tf.log(tf.add(probabilities, 1e-5)));
    const cross = tf.mul(probabilities, tf.logSoftmax(student));
    return tf.mean<Scalar>(tf.sub(own, cross));
  });
}

/**
 * The Kullback-Leibler divergence KL(target || logits) of each row, both given as logits `[N, classes]` and both differentiated:
 *
 *     sum_c p_c (log p_c - log softmax(logits)_c),   p = softmax(target)
 */
export function divergences(logits: Tensor2D, target: Tensor2D): Tensor1D {
  return tf.tidy(() => {
    const logTarget = tf.logSoftmax(target);
    const differences = tf.sub(logTarget, tf.logSoftmax(logits));
    return tf.sum<Tensor1D>(tf.mul(tf.exp(logTarget), differences), 1);
  });
}

/**
 * The divergence of each row of a student's logits `[N, classes]` from a teacher's, both at a temperature, as a mean over the classes:
 *
 *     1/C sum_c p_c (log p_c - log softmax(student / T)_c),   p = softmax(teacher / T)
 */
export function softDivergences(student: Tensor2D, teacher: TeacherLogits, temperature: number): Tensor1D {
  return tf.tidy(() => {
    const target = tf.tensor2d(teacher.values, student.shape);
    const sums = divergences(tf.div(student, temperature), tf.div(target, temperature));
    return tf.div(sums, teacher.classes);
  });
}

/** The squared Euclidean distance of each row of two tensors `[N, classes]`. */
export function squaredDistances(left: Tensor2D, right: Tensor2D): Tensor1D {
  return tf.tidy(() => tf.sum<Tensor1D>(tf.square(tf.sub(left, right)), 1));
}

/** Adds two losses, each times its weight. */
export function weightedSum(
  [left, leftWeight]: readonly [Scalar, number],
  [right, rightWeight]: readonly [Scalar, number],
): Scalar {
  return tf.tidy(() => tf.add(tf.mul<Scalar>(left, leftWeight), tf.mul(right, rightWeight)));
}

/** Reads scalars to the host, all at once. */
export function onHost<const Values extends readonly Scalar[]>(
  values: Values,
): { [Index in keyof Values]: number } {
  const numbers = tf.tidy(() => tf.stack([...values]).dataSync());
  return [...numbers] as { [Index in keyof Values]: number };
}
