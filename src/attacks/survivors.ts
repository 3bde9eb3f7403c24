import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch } from "./attack.js";
import { ballAround, intoBall } from "./ball.js";
import { copyRows, readBooleans, rowsOf } from "./rows.js";
import type { AttackTarget } from "./target.js";

/** The images of a batch that still withstand an attack, and what fooled the target on the others. */
export interface Survivors {
  /** The places in the batch of the images that still withstand, ascending. An attack's rows are in this order. */
  places: readonly number[];
  /** The host's copy of the batch, `[N, H, W, C]`: what fooled the target, and the clean image where nothing has. */
  readonly found: Float32Array;
}

/** Starts with every image of a batch, without a query to the target. */
export function wholeBatch({ images }: AttackBatch): Survivors {
  return {
    places: Array.from({ length: images.shape[0] }, (_, place) => place),
    found: images.dataSync<"float32">().slice(),
  };
}

/** Starts with the images of a batch that the target answers right, found by one query for each. */
export function answeredRight(target: AttackTarget, batch: AttackBatch): Survivors {
  const { places, found } = wholeBatch(batch);
  const answers = target.predict(batch.images);
  const right = readBooleans(tf.equal(answers, batch.labels));
  answers.dispose();
  return { places: places.filter((place) => right[place]), found };
}

/**
 * Removes the survivors that no longer withstand and keeps what fooled the target on them.
 *
 * @param withstand Whether each survivor still withstands, by row.
 * @param images The survivors' current images, `[places, H, W, C]`.
 * @returns The rows of those that stay.
 */
export function releaseFooled(
  survivors: Survivors,
  withstand: readonly boolean[],
  images: Tensor4D,
): number[] {
  const { places, found } = survivors;
  const placesOf = (rows: readonly number[]): number[] => rows.map((row) => places[row] as number);
  const rows = [...withstand.keys()];
  const staying = rows.filter((row) => withstand[row]);
  if (staying.length === rows.length) return staying;
  const leaving = rows.filter((row) => !withstand[row]);
  const fooling = rowsOf(images, leaving);
  copyRows(fooling, placesOf(leaving), found);
  fooling.dispose();
  survivors.places = placesOf(staying);
  return staying;
}

/**
 * Collects the adversarial images of the whole batch, `[N, H, W, C]` in the ball, as `intoBall` rounds; the caller disposes of them.
 *
 * @param current The survivors' images to return, `[places, H, W, C]`; without it their clean images are returned.
 */
export function adversarialImages(
  { places, found }: Survivors,
  batch: AttackBatch,
  current?: Tensor4D,
): Tensor4D {
  if (current) copyRows(current, places, found);
  return tf.tidy(() => intoBall(tf.tensor4d(found, batch.images.shape), ballAround(batch.images, batch)));
}
