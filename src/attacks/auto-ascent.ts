import { normalNoise, uniformNoise, type NoiseSeed } from "../runtime/noise.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch } from "./attack.js";
import { type Ball, ballAround, disposeBall, intoBall, keepBall, stepInBall, unit } from "./ball.js";
import type { LogitLoss } from "./logit-loss.js";
import { keepRows, readBooleans, replaced, rowsOf, selectRows } from "./rows.js";
import { beginAscent, checkpoints, observeLoss, reachCheckpoint, type Ascent } from "./step-schedule.js";
import { releaseFooled, type Survivors } from "./survivors.js";
import type { AttackTarget } from "./target.js";

/** The share of the gradient's step in a move; the rest is momentum from the move before. */
const ALPHA = 0.75;

/** A loss whose labels tell which answers are right. */
type LossOfLabels = Extract<LogitLoss, { labels: unknown }>;

/** The settings of one run of Auto-PGD. */
export interface AscentSettings {
  readonly steps: number;
  /** Makes the starting points in [0, 1] of the images at these places in the batch. */
  readonly start: (places: readonly number[]) => Tensor4D;
  /** Makes the loss of the images at these places in the batch; the ascent disposes of its labels and targets. */
  readonly loss: (places: readonly number[]) => LossOfLabels;
  /** Called with the number of steps made and of images that still withstand. */
  readonly onStep: (step: number, robust: number) => void;
}

/** The state of the images of an ascent, `[M, H, W, C]` each. */
interface Points {
  readonly previous: Tensor4D;
  readonly current: Tensor4D;
  readonly gradient: Tensor4D;
  readonly best: Tensor4D;
  readonly bestGradient: Tensor4D;
}

/**
 * Runs Auto-PGD once on the survivors and releases those that it fools.
 *
 * The public implementation goes on with an image that already fools the target; stopping there changes no verdict.
 *
 * @see Croce and Hein (2020), algorithm 1.
 */
export function ascend(
  target: AttackTarget,
  batch: AttackBatch,
  survivors: Survivors,
  { steps, start: startAt, loss: lossAt, onStep }: AscentSettings,
): void {
  if (survivors.places.length === 0) return;
  let loss = lossAt(survivors.places);
  const start = startAt(survivors.places);
  let look = lookAt(target, start, loss);
  let ball = ballOf(batch, survivors.places);
  let points = beginAt(start, look.gradient);
  let ascents = look.losses.map((first) => beginAscent(batch.epsilon, first));
  const windows = checkpoints(steps);
  for (let step = 0; ; step++) {
    if (step > 0) {
      const improved = ascents.map((ascent, row) => observeLoss(ascent, look.losses[row] as number));
      points = replaced(points, {
        best: selectRows(improved, points.current, points.best),
        bestGradient: selectRows(improved, points.gradient, points.bestGradient),
      });
    }
    if (look.right.includes(false)) {
      const staying = releaseFooled(survivors, look.right, points.current);
      ascents = staying.map((row) => ascents[row] as Ascent);
      points = keepRows(points, staying);
      ball = keepBall(ball, staying);
      tf.dispose({ ...loss });
      loss = lossAt(survivors.places);
    }
    onStep(step, survivors.places.length);
    if (step === steps || survivors.places.length === 0) break;
    const window = windows.get(step);
    if (window !== undefined) {
      const halved = ascents.map((ascent) => reachCheckpoint(ascent, window));
      points = replaced(points, {
        current: selectRows(halved, points.best, points.current),
        gradient: selectRows(halved, points.bestGradient, points.gradient),
      });
    }
    const stepSizes = ascents.map(({ stepSize }) => stepSize);
    const current = moved(points, ball, stepSizes, step === 0 ? 1 : ALPHA);
    points = replaced(points, { previous: tf.clone(points.current), current });
    look = lookAt(target, current, loss);
    points = replaced(points, { gradient: look.gradient });
  }
  tf.dispose([{ ...points }, { ...loss }]);
  disposeBall(ball);
}

/** Draws starting points `[places, H, W, C]` in [0, 1]: uniform noise, in L2 normal, scaled so that it reaches the wall of the ball. */
export function randomStart(
  { images, norm, epsilon }: AttackBatch,
  places: readonly number[],
  seed: NoiseSeed,
): Tensor4D {
  return tf.tidy(() => {
    const originals = rowsOf(images, places);
    const noise =
      norm === "l2" ? unit(normalNoise(originals.shape, seed)) : uniformToWall(originals.shape, seed);
    return tf.clipByValue(tf.add<Tensor4D>(originals, tf.mul(epsilon, noise)), 0, 1);
  });
}

function uniformToWall(shape: Tensor4D["shape"], seed: NoiseSeed): Tensor4D {
  const noise = uniformNoise(shape, seed);
  return tf.div(noise, tf.add(tf.max(tf.abs(noise), [1, 2, 3], true), 1e-12));
}

/** The ball around the images at these places in the batch. */
function ballOf(batch: AttackBatch, places: readonly number[]): Ball {
  const originals = rowsOf(batch.images, places);
  const ball = ballAround(originals, batch);
  originals.dispose();
  return ball;
}

function beginAt(start: Tensor4D, gradient: Tensor4D): Points {
  return {
    previous: tf.clone(start),
    current: start,
    gradient,
    best: tf.clone(start),
    bestGradient: tf.clone(gradient),
  };
}

/** What one query tells about the current points. */
interface Look {
  readonly losses: readonly number[];
  readonly right: readonly boolean[];
  readonly gradient: Tensor4D;
}

function lookAt(target: AttackTarget, images: Tensor4D, loss: LossOfLabels): Look {
  const { loss: each, logits, gradient } = target.lossGradient(images, loss);
  const losses = Array.from(each.dataSync());
  const right = readBooleans(tf.tidy(() => tf.equal(tf.argMax(logits, 1), loss.labels)));
  tf.dispose([each, logits]);
  return { losses, right, gradient };
}

/** Moves the points up the gradient by each image's step size, with momentum, within the ball. */
function moved(points: Points, ball: Ball, stepSizes: readonly number[], alpha: number): Tensor4D {
  const { previous, current, gradient } = points;
  return tf.tidy(() => {
    const sizes = tf.tensor4d([...stepSizes], [stepSizes.length, 1, 1, 1]);
    const stepped = stepInBall(current, gradient, sizes, ball);
    if (alpha === 1) return stepped;
    const climb = tf.mul<Tensor4D>(tf.sub(stepped, current), alpha);
    const momentum = tf.mul<Tensor4D>(tf.sub(current, previous), 1 - alpha);
    return intoBall(tf.add(tf.add(current, climb), momentum), ball);
  });
}
