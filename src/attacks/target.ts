import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
import type { Ball } from "./ball.js";
import type { LogitLoss } from "./logit-loss.js";

/** A classifier as attacks see it, whichever engine runs it; images are `[N, H, W, C]` in [0, 1]. */
export interface AttackTarget {
  readonly classes: number;
  /** The logits `[N, classes]`. */
  logits(images: Tensor4D): Tensor2D;
  /** The classes answered, int32 `[N]`: all that a decision-based attack sees. */
  predict(images: Tensor4D): Tensor1D;
  /** The loss of each image `[N]`, the logits, and the gradient of the summed loss with respect to the images. */
  readonly lossGradient: LossGradientFunction;
}

/** `AttackTarget.lossGradient`, and what a target may do faster than one call of it after another. */
export interface LossGradientFunction {
  (images: Tensor4D, loss: LogitLoss): LossGradient;
  /**
   * Makes all steps of an ascent from images `[N, H, W, C]`, where nobody looks at its gradients; the caller disposes of what it returns. It is
   * the function's and not the target's, so that a target that has another function in place of this one still sees every gradient.
   */
  readonly climb?: (start: Tensor4D, loss: LogitLoss, ascent: Ascent) => Tensor4D;
}

/** Steps up a gradient, each followed by a projection, as `stepInBall` makes them. */
export interface Ascent {
  /** Where the images stay. */
  readonly ball: Ball;
  /** In pixel values of images in [0, 1], in the ball's norm. */
  readonly stepSize: number;
  /** How many, at least 1. */
  readonly steps: number;
}

/** What `AttackTarget.lossGradient` returns; the caller disposes of all three. */
export interface LossGradient {
  loss: Tensor1D;
  logits: Tensor2D;
  gradient: Tensor4D;
}

/** Makes `AttackTarget.predict` from the logits: the answer is the class of the largest. */
export function predictBy(logits: AttackTarget["logits"]): AttackTarget["predict"] {
  return (images) => tf.tidy(() => tf.argMax<Tensor1D>(logits(images), 1));
}

/** Computes the margin of each image on the host, the `margin` of margin-losses.ts: max_{c != y} z_c - z_y for logits z and label y. */
export function margins(target: AttackTarget, images: Tensor4D, labels: ArrayLike<number>): Float32Array {
  const answer = target.logits(images);
  const logits = answer.dataSync<"float32">();
  answer.dispose();
  const { classes } = target;
  return Float32Array.from({ length: images.shape[0] }, (_, image) => {
    const label = labels[image] as number;
    let other = -Infinity;
    for (let index = 0; index < classes; index++) {
      const logit = logits[image * classes + index] as number;
      if (index !== label && logit > other) other = logit;
    }
    return other - (logits[image * classes + label] as number);
  });
}

/** Tells whether an image with this margin still withstands: one with a tie does not. */
export function withstands(margin: number): boolean {
  // Written so that an image whose margin is NaN withstands.
  return !(margin >= 0);
}
