import { tf, type Tensor, type Tensor1D, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackTarget } from "./target.js";
import { readBooleans } from "./rows.js";

/**
 * Makes a target whose gradients are 0 wherever the classifier's are NaN, so that one such pixel ends neither the attack on its image nor
 * on the others: the sign of NaN is NaN, which would stay in the image.
 *
 * @param onNaN Called with the images `[N, H, W, C]` of a look and the rows of those whose gradient had a NaN.
 */
export function nanAsZero(
  target: AttackTarget,
  onNaN: (images: Tensor4D, rows: readonly number[]) => void,
): AttackTarget {
  return {
    ...target,
    lossGradient(images, loss) {
      const look = target.lossGradient(images, loss);
      const rows = rowsWithNaN(look.gradient);
      if (rows.length === 0) return look;
      onNaN(images, rows);
      const gradient = tf.tidy(() =>
        tf.where(isNumber(look.gradient), look.gradient, tf.zerosLike(look.gradient)),
      );
      look.gradient.dispose();
      return { ...look, gradient };
    },
  };
}

/** Finds the rows of a gradient `[N, H, W, C]` that hold a NaN. */
export function rowsWithNaN(gradient: Tensor4D): number[] {
  // A sum is NaN where a part is, or where infinities of both signs meet: only then is every value looked at.
  const sums = tf.sum<Tensor1D>(gradient, [1, 2, 3]);
  const suspect = sums.dataSync<"float32">().some(Number.isNaN);
  sums.dispose();
  if (!suspect) return [];
  const found = readBooleans(tf.tidy(() => tf.any(tf.logicalNot(isNumber(gradient)), [1, 2, 3])));
  return found.flatMap((hasNaN, row) => (hasNaN ? [row] : []));
}

/** Finds for each of these rows of a look the image of the batch `[M, H, W, C]` it came from: the nearest, as attacks move images little. */
export function placesOf(rows: readonly number[], look: Tensor4D, batch: Tensor4D): number[] {
  return rows.map((row) => {
    const [, ...size] = look.shape;
    const nearest = tf.tidy(() => {
      const moved = tf.slice(look, [row, 0, 0, 0], [1, ...size]);
      return tf.argMax<Tensor1D>(tf.neg(tf.sum(tf.square(tf.sub(batch, moved)), [1, 2, 3])));
    });
    const [place = 0] = nearest.dataSync<"int32">();
    nearest.dispose();
    return place;
  });
}

/** NaN alone differs from itself. */
function isNumber(values: Tensor): Tensor {
  return tf.equal(values, values);
}
