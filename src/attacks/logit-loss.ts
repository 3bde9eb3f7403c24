import { tf, type Tensor1D, type Tensor2D } from "../runtime/tensorflow.js";

/** A loss on logits as data, not a closure, so that an engine may compile it into its graph. */
export interface LogitLoss {
  readonly kind: "crossEntropy";
  /** The classes, int32 `[N]`. */
  readonly labels: Tensor1D;
}

/**
 * The loss of each row of logits `[N, classes]`, and the gradient of the summed loss with respect to the logits.
 *
 * Cross-entropy: -log softmax(z)_y, with gradient softmax(z) - onehot(y).
 */
export function logitLoss(logits: Tensor2D, loss: LogitLoss): { loss: Tensor1D; gradient: Tensor2D } {
  return tf.tidy(() => {
    const target = tf.oneHot(loss.labels, logits.shape[1]) as Tensor2D;
    const logProbabilities = tf.logSoftmax(logits);
    return {
      loss: tf.neg(tf.sum<Tensor1D>(tf.mul(logProbabilities, target), 1)),
      gradient: tf.sub(tf.exp(logProbabilities), target),
    };
  });
}
