import { Random } from "../runtime/random.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch, AttackResult, AttackSettings } from "./attack.js";
import { type Ball, ballAround, disposeBall, intoBall, keepBall } from "./ball.js";
import { randomSigns } from "./random-signs.js";
import { keepRows, replaced, selectRows } from "./rows.js";
import { movedPatch, patchGrid, patchSide } from "./square-l2.js";
import { adversarialImages, releaseFooled, wholeBatch } from "./survivors.js";
import { margins, withstands, type AttackTarget } from "./target.js";

/**
 * Runs the Square attack: random search that starts at vertical stripes of -epsilon and epsilon, then adds one square of 2 epsilon at
 * a time and keeps it where the margin rises.
 *
 * An image is done once it is answered wrong. All images of a batch try the same squares. As in AutoAttack's standard evaluation, the
 * size of a square depends on the number of queries before it, not on the budget: a larger budget goes on where a smaller one ended.
 * The query for the stripes counts towards the budget here, not in AutoAttack. In L2 the stripes and squares are patches (square-l2.ts).
 *
 * @see Andriushchenko et al., "Square Attack" (2020), algorithms 1 and 2; fra31/auto-attack, `square.py`.
 */
export function square(
  target: AttackTarget,
  batch: AttackBatch,
  { queries }: Pick<AttackSettings, "queries">,
): AttackResult {
  const { images, seed, onStep } = batch;
  const [count] = images.shape;
  const labels = batch.labels.dataSync<"int32">();
  const random = Random.fromSeed(...seed);
  const counts = new Int32Array(count);
  const survivors = wholeBatch(batch);
  let best = survivors.places.map(() => -Infinity);
  let ball = ballAround(images, batch);
  let points = { current: tf.clone(images) };
  try {
    for (let query = 0; query < queries && survivors.places.length > 0; query++) {
      const { places } = survivors;
      const candidates = nextImages(query, points.current, ball, batch.epsilon, random);
      const rowLabels = places.map((place) => labels[place] as number);
      const found = margins(target, candidates, rowLabels);
      for (const place of places) counts[place] = query + 1;
      const better = best.map((margin, row) => (found[row] as number) > margin);
      if (better.includes(true)) {
        best = best.map((margin, row) => (better[row] ? (found[row] as number) : margin));
        points = replaced(points, { current: selectRows(better, candidates, points.current) });
      }
      candidates.dispose();
      const staying = releaseFooled(survivors, best.map(withstands), points.current);
      best = staying.map((row) => best[row] as number);
      points = keepRows(points, staying);
      ball = keepBall(ball, staying);
      onStep?.({ step: query + 1, steps: queries, robust: survivors.places.length });
    }
    return { adversarial: adversarialImages(survivors, batch, points.current), queries: counts };
  } finally {
    tf.dispose({ ...points });
    disposeBall(ball);
  }
}

/** Draws what is shown in a query, given the best images so far. */
function nextImages(query: number, current: Tensor4D, ball: Ball, epsilon: number, random: Random): Tensor4D {
  const [, height, width, channels] = current.shape;
  const side = query === 0 ? 0 : squareSide(query - 1, height, width);
  if (ball.norm === "l2")
    return query === 0
      ? patchGrid(ball, random)
      : movedPatch(current, ball, patchSide(side, height, width), random);
  const change =
    query === 0
      ? stripes(current.shape, epsilon, random)
      : oneSquare([height, width, channels], side, 2 * epsilon, random);
  const next = tf.tidy(() => intoBall(tf.add(current, change), ball));
  change.dispose();
  return next;
}

/** The fraction of an image's pixels that the first square covers. */
const FIRST_FRACTION = 0.8;
/** The numbers of squares after which that fraction is halved. */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

/** Computes the side, in pixels, of the square that follows `squares` others. */
export function squareSide(squares: number, height: number, width: number): number {
  const halved = HALVINGS.filter((halving) => squares > halving).length;
  const side = Math.round(Math.sqrt((FIRST_FRACTION / 2 ** halved) * height * width));
  return Math.min(Math.max(side, 1), height, width);
}

/** Draws columns of -epsilon or epsilon, independent between images and channels, `[N, H, W, C]`. */
function stripes(
  [count, height, width, channels]: Tensor4D["shape"],
  epsilon: number,
  random: Random,
): Tensor4D {
  const row = randomSigns(count * width * channels, random).map((sign) => sign * epsilon);
  return tf.tidy(() => tf.tile(tf.tensor4d(row, [count, 1, width, channels]), [1, height, 1, 1]));
}

/** Draws a square in which each channel is either -value or value, with zeros around it, `[1, H, W, C]`. */
function oneSquare(
  [height, width, channels]: readonly [number, number, number],
  side: number,
  value: number,
  random: Random,
): Tensor4D {
  // Like the public code, this never chooses the last row or column at which a square could begin.
  const top = random.below(Math.max(height - side, 1));
  const left = random.below(Math.max(width - side, 1));
  const colour = randomSigns(channels, random).map((sign) => sign * value);
  const change = new Float32Array(height * width * channels);
  for (let y = top; y < top + side; y++)
    for (let x = left; x < left + side; x++) change.set(colour, (y * width + x) * channels);
  return tf.tensor4d(change, [1, height, width, channels]);
}
