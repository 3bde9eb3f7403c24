import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch, AttackResult, AttackSettings } from "./attack.js";
import { likeliestOthers } from "./likeliest-others.js";
import { hyperplaneProjection } from "./hyperplane-projection.js";
import type { Norm } from "./norms.js";
import { keepRows, readBooleans, rowsOf, selectRows } from "./rows.js";
import { adversarialImages, answeredRight, releaseFooled, type Survivors } from "./survivors.js";
import type { AttackTarget, LossGradient } from "./target.js";

/** The largest share of a step that may lead towards the projection of the clean image. */
const ALPHA_MAX = 0.1;
/** The factor by which a step overshoots the projections. */
const ETA = 1.05;
/** After a wrong answer a search goes on from this fraction of the way from the clean image to it. */
const BETA = 0.9;

/**
 * Runs AutoAttack's version of the targeted fast adaptive boundary attack: for each of the likeliest wrong classes in turn, it searches
 * for the nearest point across the boundary to that class, from the images that still withstand.
 *
 * Only a point within the ball counts. The public implementation then goes on to look for a nearer one; stopping there changes no verdict.
 *
 * @see Croce and Hein, "Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack" (2020), algorithm 1.
 */
export function targetedFab(
  target: AttackTarget,
  batch: AttackBatch,
  { steps, targetClasses }: Pick<AttackSettings, "steps" | "targetClasses">,
): AttackResult {
  const survivors = answeredRight(target, batch);
  const aims = likeliestOthers(target, batch.images, targetClasses);
  for (const [rank, aim] of aims.entries()) {
    const onStep = (step: number, robust: number): void =>
      batch.onStep?.({ step: rank * steps + step, steps: aims.length * steps, robust });
    search(target, batch, survivors, aim, { steps, onStep });
  }
  tf.dispose(aims);
  return { adversarial: adversarialImages(survivors, batch) };
}

/** Searches from each survivor towards the boundary to one class, and releases those for which a point in the ball is answered wrong. */
function search(
  target: AttackTarget,
  batch: AttackBatch,
  survivors: Survivors,
  aim: Tensor1D,
  { steps, onStep }: { steps: number; onStep: (step: number, robust: number) => void },
): void {
  const { places } = survivors;
  const { norm = "linf" } = batch;
  if (places.length === 0) return;
  let points = { originals: rowsOf(batch.images, places), current: rowsOf(batch.images, places) };
  let boundary = boundaryTo(aim, batch.labels, places);
  for (let step = 1; step <= steps && survivors.places.length > 0; step++) {
    const look = target.lossGradient(points.current, boundary);
    const current = pastBoundary(points, look, norm);
    tf.dispose([points.current, { ...look }]);
    points = { ...points, current };
    const right = readBooleans(tf.tidy(() => tf.equal(target.predict(current), boundary.labels)));
    if (right.includes(false)) {
      const outside = isOutside(points, norm, batch.epsilon);
      const withstood = right.map((isRight, row) => isRight || outside[row] === true);
      points = { ...points, current: movedBack(points, right) };
      if (withstood.includes(false)) {
        points = keepRows(points, releaseFooled(survivors, withstood, current));
        tf.dispose({ ...boundary });
        boundary = boundaryTo(aim, batch.labels, survivors.places);
      }
      current.dispose();
    }
    onStep(step, survivors.places.length);
  }
  tf.dispose([{ ...points }, { ...boundary }]);
}

/** The clean images of a search and its current points, `[M, H, W, C]`. */
interface SearchPoints {
  readonly originals: Tensor4D;
  readonly current: Tensor4D;
}

function boundaryTo(aim: Tensor1D, labels: Tensor1D, places: readonly number[]) {
  return { kind: "targetedMargin", labels: rowsOf(labels, places), targets: rowsOf(aim, places) } as const;
}

/**
 * Moves the points a little past the boundary, linearized at the current ones, and a bit towards the points of it that are nearest to the
 * clean images.
 */
function pastBoundary(
  { originals, current }: SearchPoints,
  { loss, gradient }: LossGradient,
  norm: Norm,
): Tensor4D {
  return tf.tidy(() => {
    const [fromOriginals, fromCurrent, normals] = [originals, current, finite(gradient)].map(asRows) as Rows;
    const gaps = tf.neg(loss).expandDims<Tensor2D>(1);
    const ahead = tf.sum<Tensor2D>(tf.mul(normals, tf.sub(fromCurrent, fromOriginals)), 1, true);
    const moves = hyperplaneProjection(norm, fromCurrent, normals, gaps);
    const movesOfOriginals = hyperplaneProjection(norm, fromOriginals, normals, tf.add(gaps, ahead));
    // At least 1e-8, to divide by.
    const lengthOf = (each: Tensor2D): Tensor2D => tf.maximum(lengths(each, norm), 1e-8);
    const length = lengthOf(moves);
    const alpha = tf.minimum(tf.div(length, tf.add(length, lengthOf(movesOfOriginals))), ALPHA_MAX);
    const onward = tf.mul(tf.add(fromCurrent, tf.mul(moves, ETA)), tf.sub(1, alpha));
    const homeward = tf.mul(tf.add(fromOriginals, tf.mul(movesOfOriginals, ETA)), alpha);
    return tf.clipByValue(tf.add(onward, homeward), 0, 1).reshape<Tensor4D>(current.shape);
  });
}

/** The gradient with 0 where it is infinite: no distance can be divided by it. */
function finite(gradient: Tensor4D): Tensor4D {
  return tf.where(tf.less(tf.abs(gradient), Infinity), gradient, tf.zerosLike(gradient));
}

type Rows = [Tensor2D, Tensor2D, Tensor2D];

function asRows(images: Tensor4D): Tensor2D {
  return images.reshape([images.shape[0], -1]);
}

/** The length of each move `[M, D]` in a norm, `[M, 1]`. */
function lengths(moves: Tensor2D, norm: Norm): Tensor2D {
  return norm === "l2"
    ? tf.sqrt(tf.sum<Tensor2D>(tf.square(moves), 1, true))
    : tf.max(tf.abs(moves), 1, true);
}

/** Tells which points are further than `epsilon` from their clean images. */
function isOutside({ originals, current }: SearchPoints, norm: Norm, epsilon: number): boolean[] {
  return readBooleans(
    tf.tidy(() => tf.greater(lengths(asRows(tf.sub<Tensor4D>(current, originals)), norm), epsilon)),
  );
}

/** Moves the points that are answered wrong back towards their clean images. */
function movedBack({ originals, current }: SearchPoints, right: readonly boolean[]): Tensor4D {
  return tf.tidy(() => {
    const back = tf.add<Tensor4D>(originals, tf.mul(tf.sub(current, originals), BETA));
    return selectRows(right, current, back);
  });
}
