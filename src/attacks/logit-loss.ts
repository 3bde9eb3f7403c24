import { tf, type Tensor1D, type Tensor2D } from "../runtime/tensorflow.js";
import { dlr, dlrTargeted, margin, targetedMargin, type LogitLossGradient } from "./margin-losses.js";

/** A loss on logits, described as data so that an engine can compile it into its graph. */
export type LogitLoss =
  | {
      readonly kind: "crossEntropy" | "margin" | "dlr";
      /** The true classes, int32 `[N]`. */
      readonly labels: Tensor1D;
    }
  | {
      readonly kind: "targetedMargin" | "dlrTargeted";
      /** The true classes, int32 `[N]`. */
      readonly labels: Tensor1D;
      /** The classes aimed at, int32 `[N]`. */
      readonly targets: Tensor1D;
    }
  | {
      readonly kind: "klTo" | "squaredTo";
      /** The probabilities to compare the prediction with, `[N, classes]`; each row sums to 1. */
      readonly probabilities: Tensor2D;
    };

/**
 * Computes the value and the gradient of a loss on logits z `[N, classes]`, with q = softmax(z):
 *
 * | kind           | loss of a row             | gradient                             |
 * | -------------- | ------------------------- | ------------------------------------ |
 * | `crossEntropy` | -log q_y                  | q - onehot(y)                        |
 * | `klTo`         | sum_c p_c log(p_c / q_c)  | q - p                                |
 * | `squaredTo`    | sum_c (q_c - p_c)^2       | 2 q (q - p - sum_c q_c (q_c - p_c))  |
 *
 * The functions named after the other kinds, `margin`, `targetedMargin`, `dlr` and `dlrTargeted`, define their losses.
 *
 * @throws {InputError} if there are too few classes for the loss.
 */
export function logitLoss(logits: Tensor2D, loss: LogitLoss): LogitLossGradient {
  return tf.tidy(() => {
    switch (loss.kind) {
      case "crossEntropy":
        return crossEntropy(logits, loss.labels);
      case "klTo":
        return klTo(logits, loss.probabilities);
      case "squaredTo":
        return squaredTo(logits, loss.probabilities);
      case "margin":
        return margin(logits, loss.labels);
      case "targetedMargin":
        return targetedMargin(logits, loss.labels, loss.targets);
      case "dlr":
        return dlr(logits, loss.labels);
      case "dlrTargeted":
        return dlrTargeted(logits, loss.labels, loss.targets);
    }
  });
}

/** Disposes of the probabilities of a loss; its labels and targets belong to the caller. */
export function disposeLogitLoss(loss: LogitLoss): void {
  if ("probabilities" in loss) loss.probabilities.dispose();
}

function crossEntropy(logits: Tensor2D, labels: Tensor1D): LogitLossGradient {
  const target = tf.oneHot(labels, logits.shape[1]) as Tensor2D;
  const logProbabilities = tf.logSoftmax(logits);
  return {
    loss: tf.neg(tf.sum<Tensor1D>(tf.mul(logProbabilities, target), 1)),
    gradient: tf.sub(tf.exp(logProbabilities), target),
  };
}

function klTo(logits: Tensor2D, target: Tensor2D): LogitLossGradient {
  const logProbabilities = tf.logSoftmax(logits);
  // The smallest normal number in place of zero makes 0 log 0 = 0.
  const logTarget = tf.log(tf.maximum(target, 1.1754944e-38));
  return {
    loss: tf.sum(tf.mul(target, tf.sub(logTarget, logProbabilities)), 1),
    gradient: tf.sub(tf.exp(logProbabilities), target),
  };
}

function squaredTo(logits: Tensor2D, target: Tensor2D): LogitLossGradient {
  const probabilities = tf.softmax(logits);
  const difference = tf.sub<Tensor2D>(probabilities, target);
  const mean = tf.sum(tf.mul(probabilities, difference), 1, true);
  return {
    loss: tf.sum(tf.square(difference), 1),
    gradient: tf.mul(2, tf.mul(probabilities, tf.sub(difference, mean))),
  };
}
