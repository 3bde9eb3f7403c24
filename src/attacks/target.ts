import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
import type { LogitLoss } from "./logit-loss.js";

/** What an attack needs of a classifier, whichever engine runs it; images are `[N, H, W, C]` in [0, 1]. */
export interface AttackTarget {
  readonly classes: number;
  /** The logits `[N, classes]`. */
  logits(images: Tensor4D): Tensor2D;
  /** The classes answered, int32 `[N]`: all that a decision-based attack sees. */
  predict(images: Tensor4D): Tensor1D;
  /** The loss of each image `[N]`, the logits, and the gradient of the summed loss with respect to the images. */
  lossGradient(images: Tensor4D, loss: LogitLoss): LossGradient;
}

/** What `AttackTarget.lossGradient` returns; the caller disposes of all three. */
export interface LossGradient {
  loss: Tensor1D;
  logits: Tensor2D;
  gradient: Tensor4D;
}

/** `AttackTarget.predict` of logits: the class of the largest. */
export function predictBy(logits: AttackTarget["logits"]): AttackTarget["predict"] {
  return (images) => tf.tidy(() => tf.argMax<Tensor1D>(logits(images), 1));
}
