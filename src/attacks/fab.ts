import { tf, type Tensor1D, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch, AttackResult, AttackSettings } from "./attack.js";
import { likeliestOthers } from "./likeliest-others.js";
import { linfProjection } from "./linf-projection.js";
import { noteFooled, readBooleans, remainingImages, type Remaining } from "./remaining.js";
import { rowsOf, selectRows } from "./rows.js";
import type { AttackTarget, LossGradient } from "./target.js";

/** How much of a step may lead back to the projection of the image itself. */
const ALPHA_MAX = 0.1;
/** How far a step goes beyond the projections. */
const ETA = 1.05;
/** Where a search goes on from a wrong answer: so much of its way from the image. */
const BETA = 0.9;

/**
 * The targeted fast adaptive boundary attack, in the version of AutoAttack: for each of the likeliest wrong classes, a search for the
 * nearest point across the boundary to it, on the images that withstood those before. What is found outside the ball does not count.
 *
 * Once a point in the ball is found its image is left alone, where the public implementation looks for a nearer one: that changes no verdict.
 *
 * @see Croce and Hein, "Minimally Distorted Adversarial Examples with a Fast Adaptive Boundary Attack" (2020), algorithm 1.
 */
export function targetedFab(
  target: AttackTarget,
  batch: AttackBatch,
  { steps, targetClasses }: Pick<AttackSettings, "steps" | "targetClasses">,
): AttackResult {
  const remaining = remainingImages(target, batch);
  const aims = likeliestOthers(target, batch.images, targetClasses);
  for (const [rank, aim] of aims.entries()) {
    const onStep = (step: number, robust: number): void =>
      batch.onStep?.({ step: rank * steps + step, steps: aims.length * steps, robust });
    search(target, batch, remaining, aim, { steps, onStep });
  }
  tf.dispose(aims);
  return { adversarial: remaining.adversarial() };
}

/** The search from the remaining images for points not answered with their labels, each towards the boundary to one class. */
function search(
  target: AttackTarget,
  batch: AttackBatch,
  remaining: Remaining,
  aim: Tensor1D,
  { steps, onStep }: { steps: number; onStep: (step: number, robust: number) => void },
): void {
  let places = remaining.places();
  if (places.length === 0) return;
  let points = { originals: rowsOf(batch.images, places), current: rowsOf(batch.images, places) };
  let boundary = boundaryTo(aim, batch.labels, places);
  for (let step = 1; step <= steps && places.length > 0; step++) {
    const look = target.lossGradient(points.current, boundary);
    const current = pastBoundary(points, look);
    tf.dispose([points.current, { ...look }]);
    points = { ...points, current };
    const right = readBooleans(tf.tidy(() => tf.equal(target.predict(current), boundary.labels)));
    if (right.includes(false)) {
      const outside = isOutside(points, batch.epsilon);
      const withstood = right.map((isRight, row) => isRight || outside[row] === true);
      points = { ...points, current: movedBack(points, right) };
      if (withstood.includes(false)) {
        const kept = noteFooled(remaining, places, withstood, current);
        places = kept.map((row) => places[row] as number);
        const { originals, current: all } = points;
        points = { originals: rowsOf(originals, kept), current: rowsOf(all, kept) };
        tf.dispose([originals, all, { ...boundary }]);
        boundary = boundaryTo(aim, batch.labels, places);
      }
      current.dispose();
    }
    onStep(step, places.length);
  }
  tf.dispose([{ ...points }, { ...boundary }]);
}

/** The images of a search and where it is, `[M, H, W, C]`. */
interface SearchPoints {
  readonly originals: Tensor4D;
  readonly current: Tensor4D;
}

function boundaryTo(aim: Tensor1D, labels: Tensor1D, places: readonly number[]) {
  return { kind: "targetedMargin", labels: rowsOf(labels, places), targets: rowsOf(aim, places) } as const;
}

/** The next points: a little past the boundary as it looks from the current ones, and a bit towards the images' own nearest points of it. */
function pastBoundary({ originals, current }: SearchPoints, { loss, gradient }: LossGradient): Tensor4D {
  return tf.tidy(() => {
    const [fromOriginals, fromCurrent, normals] = [originals, current, gradient].map(asRows) as Rows;
    const gaps = tf.neg(loss).expandDims<Tensor2D>(1);
    const ahead = tf.sum<Tensor2D>(tf.mul(normals, tf.sub(fromCurrent, fromOriginals)), 1, true);
    const moves = linfProjection(fromCurrent, normals, gaps);
    const movesOfOriginals = linfProjection(fromOriginals, normals, tf.add(gaps, ahead));
    const length = lengths(moves);
    const alpha = tf.minimum(tf.div(length, tf.add(length, lengths(movesOfOriginals))), ALPHA_MAX);
    const onward = tf.mul(tf.add(fromCurrent, tf.mul(moves, ETA)), tf.sub(1, alpha));
    const homeward = tf.mul(tf.add(fromOriginals, tf.mul(movesOfOriginals, ETA)), alpha);
    return tf.clipByValue(tf.add(onward, homeward), 0, 1).reshape<Tensor4D>(current.shape);
  });
}

type Rows = [Tensor2D, Tensor2D, Tensor2D];

function asRows(images: Tensor4D): Tensor2D {
  return images.reshape([images.shape[0], -1]);
}

/** The largest change of each move, `[M, 1]`, never nothing. */
function lengths(moves: Tensor2D): Tensor2D {
  return tf.maximum(tf.max(tf.abs(moves), 1, true), 1e-8);
}

function isOutside({ originals, current }: SearchPoints, epsilon: number): boolean[] {
  return readBooleans(
    tf.tidy(() => tf.greater(tf.max(tf.abs(tf.sub(current, originals)), [1, 2, 3]), epsilon)),
  );
}

/** The current points, those answered wrong moved back towards their images. */
function movedBack({ originals, current }: SearchPoints, right: readonly boolean[]): Tensor4D {
  return tf.tidy(() => {
    const back = tf.add<Tensor4D>(originals, tf.mul(tf.sub(current, originals), BETA));
    return selectRows(right, current, back);
  });
}
