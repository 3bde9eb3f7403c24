import { tf, type Tensor2D } from "../runtime/tensorflow.js";

/** A reach is found when one more iteration would change it by less than this share. */
const TOLERANCE = 1e-6;

/**
 * The smallest moves, in the largest pixel's change, that bring points of [0, 1]^D on to hyperplanes without leaving [0, 1]^D; `[M, D]`.
 * Where a hyperplane is out of reach, the moves go as far as they can.
 *
 * The moves are +-min(reach, room), with room the way to the wall, and the reach solves sum |normal| min(reach, room) = |gap|. The
 * left side is concave and piecewise linear in the reach, so Newton's method from 0 ends after finitely many steps.
 *
 * @param points `[M, D]`.
 * @param normals The hyperplanes' normals, `[M, D]`.
 * @param gaps What is missing to them, offset - <normal, point>, `[M, 1]`.
 * @see Croce and Hein, "Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack" (2020), equation 4.
 */
export function linfProjection(points: Tensor2D, normals: Tensor2D, gaps: Tensor2D): Tensor2D {
  return tf.tidy(() => {
    const direction = tf.mul<Tensor2D>(tf.sign(normals), tf.sign(gaps));
    const room = tf.where(tf.greater(direction, 0), tf.sub<Tensor2D>(1, points), points);
    const reach = reachOf(room, tf.abs(normals), tf.abs(gaps));
    return tf.mul<Tensor2D>(direction, tf.minimum(room, reach));
  });
}

/** The smallest normal number. */
const SMALLEST = 1.1754944e-38;

/** The reach `[M, 1]` at which moves of min(reach, room), weighted and added up, are as long as `length`. */
function reachOf(room: Tensor2D, weights: Tensor2D, length: Tensor2D): Tensor2D {
  let reach = tf.zerosLike(length);
  for (let settled = false; !settled;) {
    const { next, moves } = tf.tidy(() => {
      const covered = tf.sum(tf.mul(weights, tf.minimum(room, reach)), 1, true);
      const slope = tf.sum(tf.mul(weights, tf.cast(tf.greater(room, reach), "float32")), 1, true);
      // Where no pixel can go on, the reach becomes infinite; rounding must not lead it back.
      const further = tf.maximum(tf.div(tf.sub(length, covered), tf.maximum(slope, SMALLEST)), 0);
      const next = tf.add<Tensor2D>(reach, further);
      return { next, moves: tf.any(tf.greater(further, tf.mul(next, TOLERANCE))) };
    });
    settled = moves.dataSync()[0] === 0;
    tf.dispose([reach, moves]);
    reach = next;
  }
  return reach;
}
