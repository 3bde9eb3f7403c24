import { tf, type Tensor2D } from "../runtime/tensorflow.js";
import type { Norm } from "./norms.js";

/** The iteration ends when no reach changes by more than this fraction of itself. */
const TOLERANCE = 1e-6;

/**
 * Computes the smallest moves in a norm, `[M, D]`, that bring points on to hyperplanes within [0, 1]^D.
 *
 * Where a hyperplane is out of reach, the move goes as far as it can. A move is +-min(reach speed, room) in each pixel, where room is the
 * distance to the wall and speed is 1 in L-infinity and |normal| in L2, and the reach solves sum |normal| min(reach speed, room) = |gap|.
 * The left side is concave and piecewise linear in the reach, so Newton's method from 0 ends after finitely many steps.
 *
 * @param points The points in [0, 1]^D, `[M, D]`.
 * @param normals The normals of the hyperplanes, `[M, D]`.
 * @param gaps The offset of each hyperplane minus <normal, point>, `[M, 1]`.
 * @see Croce and Hein, "Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack" (2020), equation 4.
 */
export function hyperplaneProjection(
  norm: Norm,
  points: Tensor2D,
  normals: Tensor2D,
  gaps: Tensor2D,
): Tensor2D {
  return tf.tidy(() => {
    const direction = tf.mul<Tensor2D>(tf.sign(normals), tf.sign(gaps));
    const room = tf.where(tf.greater(direction, 0), tf.sub<Tensor2D>(1, points), points);
    const [weights, length] = [tf.abs(normals), tf.abs(gaps)];
    if (norm === "linf") {
      const reach = reachOf(room, weights, length, null);
      return tf.mul<Tensor2D>(direction, tf.minimum(room, reach));
    }
    // A hyperplane is the same with its largest weight 1, and squares of small weights do not vanish.
    const largest = tf.maximum(tf.max<Tensor2D>(weights, 1, true), TINY);
    const speeds = tf.div<Tensor2D>(weights, largest);
    const reach = reachOf(room, speeds, tf.div(length, largest), speeds);
    return tf.mul<Tensor2D>(direction, tf.minimum(room, reachedWith(speeds, reach)));
  });
}

/** The smallest normal number of float32. */
const TINY = 1.1754944e-38;

/** How far each pixel gets: nowhere with a speed of 0, which an infinite reach would make NaN. */
function reachedWith(speeds: Tensor2D, reach: Tensor2D): Tensor2D {
  return tf.where(tf.greater(speeds, 0), tf.mul<Tensor2D>(speeds, reach), tf.zerosLike(speeds));
}

/** Solves sum weights min(reach speeds, room) = length for the reach, `[M, 1]`; speeds are 1 where there are none. */
function reachOf(room: Tensor2D, weights: Tensor2D, length: Tensor2D, speeds: Tensor2D | null): Tensor2D {
  let reach = tf.zerosLike(length);
  for (let settled = false; !settled;) {
    const { next, moves } = tf.tidy(() => {
      const reached = speeds ? reachedWith(speeds, reach) : reach;
      const covered = tf.sum(tf.mul(weights, tf.minimum(room, reached)), 1, true);
      const free = tf.cast(tf.greater(room, reached), "float32");
      const slope = tf.sum(tf.mul(weights, speeds ? tf.mul(speeds, free) : free), 1, true);
      const missing = tf.sub<Tensor2D>(length, covered);
      // Where no pixel can move further, the slope is 0 and the reach becomes infinite; rounding must not make it smaller.
      const further = tf.where(
        tf.greater(missing, 0),
        tf.div<Tensor2D>(missing, slope),
        tf.zerosLike(missing),
      );
      const next = tf.add<Tensor2D>(reach, further);
      return { next, moves: tf.any(tf.greater(further, tf.mul(next, TOLERANCE))) };
    });
    settled = moves.dataSync()[0] === 0;
    tf.dispose([reach, moves]);
    reach = next;
  }
  return reach;
}
