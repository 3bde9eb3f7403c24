import { tf, type Tensor4D } from "../runtime/tensorflow.js";

/** The smallest and the largest value that each pixel may have, `[N, H, W, C]`; the caller disposes of both. */
export interface Ball {
  readonly lower: Tensor4D;
  readonly upper: Tensor4D;
}

/** Makes the L-infinity ball around images in [0, 1], clipped to [0, 1]: from max(x - epsilon, 0) to min(x + epsilon, 1). */
export function ballAround(images: Tensor4D, epsilon: number): Ball {
  return {
    lower: tf.tidy(() => tf.maximum(tf.sub(images, epsilon), 0)),
    upper: tf.tidy(() => tf.minimum(tf.add(images, epsilon), 1)),
  };
}

/** Makes a step from images `[N, H, W, C]` up the sign of a gradient, and projects it into the ball. */
export function stepInBall(images: Tensor4D, gradient: Tensor4D, stepSize: number, ball: Ball): Tensor4D {
  return tf.tidy(() => intoBall(tf.add(images, tf.mul(tf.sign(gradient), stepSize)), ball));
}

/** Projects images `[N, H, W, C]` into the ball. */
export function intoBall(images: Tensor4D, { lower, upper }: Ball): Tensor4D {
  return tf.tidy(() => tf.minimum<Tensor4D>(tf.maximum(images, lower), upper));
}
