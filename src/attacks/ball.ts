import { tf, type Tensor4D } from "../runtime/tensorflow.js";

/** The least and the largest value each pixel may have, `[N, H, W, C]`; the caller disposes of both. */
export interface Ball {
  readonly lower: Tensor4D;
  readonly upper: Tensor4D;
}

/** What is both within `epsilon` of the images, which are in [0, 1], and in [0, 1]: max(x - epsilon, 0) to min(x + epsilon, 1). */
export function ballAround(images: Tensor4D, epsilon: number): Ball {
  return {
    lower: tf.tidy(() => tf.maximum(tf.sub(images, epsilon), 0)),
    upper: tf.tidy(() => tf.minimum(tf.add(images, epsilon), 1)),
  };
}

/** The nearest images in the ball. */
export function intoBall(images: Tensor4D, { lower, upper }: Ball): Tensor4D {
  return tf.tidy(() => tf.minimum<Tensor4D>(tf.maximum(images, lower), upper));
}
