import { Random } from "../runtime/random.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch, AttackResult, AttackSettings } from "./attack.js";
import { intoBall } from "./ball.js";
import { margins } from "./margin.js";
import { attackSurvivors, moveToBetter, releaseFooled } from "./survivors.js";
import type { AttackTarget } from "./target.js";

/**
 * Square attack: random search that starts at vertical stripes of -epsilon and epsilon, then adds one square of 2 epsilon at a time and
 * keeps it where the margin of the true class falls. An image that is answered wrong is done. All images of a batch try the same squares.
 *
 * As in AutoAttack's standard evaluation the sizes of the squares follow the count of looks whatever the budget is, so that
 * a larger budget goes on where a smaller one ended. AutoAttack does not count the look at the stripes as one of the budget; here it is.
 *
 * @see Andriushchenko et al., "Square Attack" (2020), algorithms 1 and 2; fra31/auto-attack, `square.py`.
 */
export function square(
  target: AttackTarget,
  batch: AttackBatch,
  { queries }: Pick<AttackSettings, "queries">,
): AttackResult {
  const { images, epsilon, seed, onStep } = batch;
  const [count, height, width, channels] = images.shape;
  const random = Random.fromSeed(...seed);
  const counts = new Int32Array(count);
  const adversarial = attackSurvivors(batch, (survivors) => {
    for (let query = 0; query < queries && survivors.places.length > 0; query++) {
      const change =
        query === 0
          ? stripes(images.shape, epsilon, random)
          : oneSquare([height, width, channels], squareSide(query - 1, height, width), 2 * epsilon, random);
      const candidates = tf.tidy(() => intoBall(tf.add(survivors.current, change), survivors.ball));
      for (const place of survivors.places) counts[place] = query + 1;
      moveToBetter(survivors, candidates, margins(target, candidates, survivors.labels));
      tf.dispose([change, candidates]);
      releaseFooled(survivors);
      onStep?.({ step: query + 1, steps: queries, robust: survivors.places.length });
    }
  });
  return { adversarial, queries: counts };
}

/** The part of an image that the first square covers. */
const FIRST_FRACTION = 0.8;
/** The numbers of squares after which that part is halved. */
const HALVINGS = [10, 50, 200, 500, 1000, 2000, 4000, 6000, 8000];

/** The side of the square tried after `squares` others, in pixels. */
export function squareSide(squares: number, height: number, width: number): number {
  const halved = HALVINGS.filter((halving) => squares > halving).length;
  const side = Math.round(Math.sqrt((FIRST_FRACTION / 2 ** halved) * height * width));
  return Math.min(Math.max(side, 1), height, width);
}

/** Columns of -epsilon or epsilon, for each image and channel its own, `[N, H, W, C]`. */
function stripes(
  [count, height, width, channels]: Tensor4D["shape"],
  epsilon: number,
  random: Random,
): Tensor4D {
  const row = Float32Array.from({ length: count * width * channels }, () => sign(random) * epsilon);
  return tf.tidy(() => tf.tile(tf.tensor4d(row, [count, 1, width, channels]), [1, height, 1, 1]));
}

/** Zero but for a square in which each channel is -value or value, `[1, H, W, C]`. */
function oneSquare(
  [height, width, channels]: readonly [number, number, number],
  side: number,
  value: number,
  random: Random,
): Tensor4D {
  // As in the public code, the last row and column that a square could begin at are never chosen.
  const top = random.below(Math.max(height - side, 1));
  const left = random.below(Math.max(width - side, 1));
  const colour = Array.from({ length: channels }, () => sign(random) * value);
  const change = new Float32Array(height * width * channels);
  for (let y = top; y < top + side; y++)
    for (let x = left; x < left + side; x++) change.set(colour, (y * width + x) * channels);
  return tf.tensor4d(change, [1, height, width, channels]);
}

function sign(random: Random): 1 | -1 {
  return random.uniform() < 0.5 ? -1 : 1;
}
