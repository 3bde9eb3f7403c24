import { uniformNoise, type NoiseSeed } from "../runtime/noise.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch } from "./attack.js";
import { ballAround, intoBall, type Ball } from "./ball.js";
import type { LogitLoss } from "./logit-loss.js";
import { noteFooled, readBooleans, type Remaining } from "./remaining.js";
import { rowsOf, selectRows } from "./rows.js";
import { beginAscent, checkpoints, observeLoss, reachCheckpoint, type Ascent } from "./step-schedule.js";
import type { AttackTarget } from "./target.js";

/** The share of the gradient's step in a step; the other part is the step before. */
const ALPHA = 0.75;

/** A loss that knows the right classes. */
type LossOfLabels = Extract<LogitLoss, { labels: unknown }>;

export interface AscentSettings {
  readonly steps: number;
  /** Where the images at these places of the batch start, in [0, 1]. */
  readonly start: (places: readonly number[]) => Tensor4D;
  /** What the images at these places of the batch climb; its labels and targets are the ascent's to free. */
  readonly loss: (places: readonly number[]) => LossOfLabels;
  readonly onStep: (step: number, robust: number) => void;
}

/** Where the images of an ascent are, `[M, H, W, C]` each. */
interface Points extends Ball {
  readonly previous: Tensor4D;
  readonly current: Tensor4D;
  readonly gradient: Tensor4D;
  readonly best: Tensor4D;
  readonly bestGradient: Tensor4D;
}

/**
 * One run of Auto-PGD with the remaining images; those that fool are noted there.
 *
 * An image is left alone once it fools, where the public implementation goes on with it: that changes no verdict.
 *
 * @see Croce and Hein (2020), algorithm 1.
 */
export function ascend(
  target: AttackTarget,
  batch: AttackBatch,
  remaining: Remaining,
  { steps, start: startAt, loss: lossAt, onStep }: AscentSettings,
): void {
  let places = remaining.places();
  if (places.length === 0) return;
  let loss = lossAt(places);
  const start = startAt(places);
  let look = lookAt(target, start, loss);
  let points = beginAt(start, look.gradient, batch, places);
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
      const kept = noteFooled(remaining, places, look.right, points.current);
      places = kept.map((row) => places[row] as number);
      ascents = kept.map((row) => ascents[row] as Ascent);
      points = replaced(points, keptRows(points, kept));
      tf.dispose({ ...loss });
      loss = lossAt(places);
    }
    onStep(step, places.length);
    if (step === steps || places.length === 0) break;
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

/** Uniform noise, made as large as the ball. */
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

/** The next points: up the sign of the gradient by each image's step size, and some of the step before, in the ball and in [0, 1]. */
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

function keptRows(points: Points, rows: readonly number[]): Points {
  const entries = Object.entries(points) as [keyof Points, Tensor4D][];
  return Object.fromEntries(
    entries.map(([name, tensor]) => [name, rowsOf(tensor, rows)]),
  ) as unknown as Points;
}

/** Points of which some are others; those replaced are freed. */
function replaced(points: Points, changes: Partial<Points>): Points {
  for (const name of Object.keys(changes) as (keyof Points)[]) points[name].dispose();
  return { ...points, ...changes };
}
