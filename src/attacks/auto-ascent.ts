import { uniformNoise, type NoiseSeed } from "../runtime/noise.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch } from "./attack.js";
import { ballAround, intoBall, type Ball } from "./ball.js";
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
interface Points extends Ball {
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
  let points = beginAt(start, look.gradient, batch, survivors.places);
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
    const current = moved(points, stepSizes, step === 0 ? 1 : ALPHA);
    points = replaced(points, { previous: tf.clone(points.current), current });
    look = lookAt(target, current, loss);
    points = replaced(points, { gradient: look.gradient });
  }
  tf.dispose([{ ...points }, { ...loss }]);
}

/** Draws starting points `[places, H, W, C]` in [0, 1]: uniform noise scaled so that it reaches the wall of the ball. */
export function randomStart(
  { images, epsilon }: AttackBatch,
  places: readonly number[],
  seed: NoiseSeed,
): Tensor4D {
  return tf.tidy(() => {
    const originals = rowsOf(images, places);
    const noise = uniformNoise(originals.shape, seed);
    const furthest = tf.add(tf.max(tf.abs(noise), [1, 2, 3], true), 1e-12);
    return tf.clipByValue(tf.add<Tensor4D>(originals, tf.mul(epsilon, tf.div(noise, furthest))), 0, 1);
  });
}

function beginAt(
  start: Tensor4D,
  gradient: Tensor4D,
  { images, epsilon }: AttackBatch,
  places: readonly number[],
): Points {
  const originals = rowsOf(images, places);
  const ball = ballAround(originals, epsilon);
  originals.dispose();
  return {
    ...ball,
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

/** Moves the points up the sign of the gradient by each image's step size, with momentum, within the ball. */
function moved(points: Points, stepSizes: readonly number[], alpha: number): Tensor4D {
  const { previous, current, gradient } = points;
  return tf.tidy(() => {
    const sizes = tf.tensor4d([...stepSizes], [stepSizes.length, 1, 1, 1]);
    const stepped = intoBall(tf.add(current, tf.mul(tf.sign(gradient), sizes)), points);
    if (alpha === 1) return stepped;
    const climb = tf.mul<Tensor4D>(tf.sub(stepped, current), alpha);
    const momentum = tf.mul<Tensor4D>(tf.sub(current, previous), 1 - alpha);
    return intoBall(tf.add(tf.add(current, climb), momentum), points);
  });
}
