import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { Norm } from "./norms.js";
import { keepRows } from "./rows.js";

/** Which images count: those no further than `epsilon` from the clean one, in L-infinity unless `norm` says otherwise, and in [0, 1]. */
export interface Threat {
  readonly norm?: Norm | undefined;
  readonly epsilon: number;
}

/** The smallest and the largest value that each pixel may have, `[N, H, W, C]`. */
export interface LinfBall {
  readonly norm: "linf";
  readonly lower: Tensor4D;
  readonly upper: Tensor4D;
}

/** Images `[N, H, W, C]`, and how far in L2 another image in [0, 1] may be from each. */
export interface L2Ball {
  readonly norm: "l2";
  readonly centres: Tensor4D;
  readonly epsilon: number;
}

/** The images that an attack may make of each image; the caller disposes of its tensors. */
export type Ball = LinfBall | L2Ball;

/** Makes the ball around images in [0, 1]. */
export function ballAround(images: Tensor4D, { norm = "linf", epsilon }: Threat): Ball {
  return norm === "l2" ? { norm, centres: tf.clone(images), epsilon } : linfBall(images, epsilon);
}

/** Makes the L-infinity ball around images in [0, 1], clipped to [0, 1]: from max(x - epsilon, 0) to min(x + epsilon, 1). */
export function linfBall(images: Tensor4D, epsilon: number): LinfBall {
  return {
    norm: "linf",
    lower: tf.tidy(() => tf.maximum(tf.sub(images, epsilon), 0)),
    upper: tf.tidy(() => tf.minimum(tf.add(images, epsilon), 1)),
  };
}

/**
 * Makes a step from images `[N, H, W, C]` up a gradient, and projects it into the ball: along the gradient's sign in L-infinity, along the
 * gradient divided by its length in L2.
 *
 * @param stepSize One for all images, or one for each, `[N, 1, 1, 1]`.
 */
export function stepInBall(
  images: Tensor4D,
  gradient: Tensor4D,
  stepSize: number | Tensor4D,
  ball: Ball,
): Tensor4D {
  return tf.tidy(() => {
    const direction = ball.norm === "l2" ? unit(gradient) : tf.sign(gradient);
    return intoBall(tf.add(images, tf.mul(direction, stepSize)), ball);
  });
}

/**
 * Projects images `[N, H, W, C]` into the ball. In L2 that is on to the ball, and then a clamp to [0, 1], which leads no further away, as in
 * AutoAttack and MadryLab/robustness.
 */
export function intoBall(images: Tensor4D, ball: Ball): Tensor4D {
  if (ball.norm === "linf")
    return tf.tidy(() => tf.minimum<Tensor4D>(tf.maximum(images, ball.lower), ball.upper));
  return tf.tidy(() => {
    const { centres, epsilon } = ball;
    const moves = tf.sub<Tensor4D>(images, centres);
    const length = lengths(moves);
    const nearer = tf.add<Tensor4D>(centres, tf.mul(moves, tf.div(epsilon, tf.maximum(length, TINY))));
    // An image that is within stays as it is, to the bit.
    return tf.clipByValue<Tensor4D>(tf.where(tf.greater(length, epsilon), nearer, images), 0, 1);
  });
}

/** Keeps these rows of a ball, and disposes of the tensors they are taken from. */
export function keepBall(ball: Ball, rows: readonly number[]): Ball {
  if (ball.norm === "l2") return { ...ball, ...keepRows({ centres: ball.centres }, rows) };
  return { ...ball, ...keepRows({ lower: ball.lower, upper: ball.upper }, rows) };
}

export function disposeBall(ball: Ball): void {
  tf.dispose(ball.norm === "l2" ? ball.centres : [ball.lower, ball.upper]);
}

/** Computes the length in L2 of each image's move `[N, H, W, C]`, `[N, 1, 1, 1]`. */
export function lengths(moves: Tensor4D): Tensor4D {
  return tf.tidy(() => tf.sqrt(tf.sum<Tensor4D>(tf.square(moves), [1, 2, 3], true)));
}

/**
 * Divides each image's move `[N, H, W, C]` by its length in L2; one of zeros stays. The largest value goes first, so that squares neither
 * vanish nor become infinite: the public implementations add 1e-12 to the length, and so hardly move where the whole gradient is smaller.
 */
export function unit(moves: Tensor4D): Tensor4D {
  return tf.tidy(() => {
    const finite = tf.clipByValue(moves, -MOST, MOST);
    const scaled = tf.div<Tensor4D>(finite, tf.maximum(tf.max(tf.abs(finite), [1, 2, 3], true), TINY));
    return tf.div(scaled, tf.maximum(lengths(scaled), TINY));
  });
}

/** The smallest normal number of float32, to divide by where a length is 0, and the largest. */
const TINY = 1.1754944e-38;
const MOST = 3.4028234e38;
