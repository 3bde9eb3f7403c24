import { tf, type Tensor, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch } from "./attack.js";
import { ballAround, intoBall } from "./ball.js";
import { copyRows, rowsOf } from "./rows.js";
import type { AttackTarget } from "./target.js";

/** The images of a batch that are still answered right, and what fooled the target into a wrong answer on the others. */
export interface Remaining {
  /** The places in the batch of the images still answered right, ascending. */
  places(): readonly number[];
  /** Notes the images `[M, H, W, C]` that fooled the target at `places`: they remain no longer. */
  fooled(places: readonly number[], images: Tensor4D): void;
  /** What fooled, in the ball to the last bit, and elsewhere the images as they were, `[N, H, W, C]`; the caller disposes of it. */
  adversarial(): Tensor4D;
}

/** Looks once at the clean images: those answered wrong need no attack. */
export function remainingImages(target: AttackTarget, { images, labels, epsilon }: AttackBatch): Remaining {
  const answers = target.predict(images);
  const right = readBooleans(tf.equal(answers, labels));
  answers.dispose();
  /** The host's copy, made with the first image that fools. */
  let found: Float32Array | undefined;

  return {
    places: () => right.flatMap((stillRight, place) => (stillRight ? [place] : [])),
    fooled(places, fooling) {
      found ??= images.dataSync<"float32">().slice();
      copyRows(fooling, places, found);
      for (const place of places) right[place] = false;
    },
    adversarial: () =>
      tf.tidy(() => {
        if (!found) return tf.clone(images);
        return intoBall(tf.tensor4d(found, images.shape), ballAround(images, epsilon));
      }),
  };
}

/**
 * Notes those of the images `[M, H, W, C]`, at `places` of the batch, that were not answered right. Returns the rows of the others.
 */
export function noteFooled(
  remaining: Remaining,
  places: readonly number[],
  right: readonly boolean[],
  images: Tensor4D,
): number[] {
  const rows = (wanted: boolean): number[] => right.flatMap((is, row) => (is === wanted ? [row] : []));
  const fooled = rows(false);
  const fooling = rowsOf(images, fooled);
  remaining.fooled(
    fooled.map((row) => places[row] as number),
    fooling,
  );
  fooling.dispose();
  return rows(true);
}

/** The values of a condition by row, which is freed. */
export function readBooleans(condition: Tensor): boolean[] {
  const values = Array.from(condition.dataSync(), Boolean);
  condition.dispose();
  return values;
}
