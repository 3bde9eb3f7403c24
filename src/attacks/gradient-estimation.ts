import type { Rank } from "@tensorflow/tfjs-node-gpu";
import { InputError } from "../errors.js";
import { normalNoise, type NoiseSeed } from "../runtime/noise.js";
import { Random } from "../runtime/random.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import type { AttackBatch, AttackResult, AttackSettings } from "./attack.js";
import { intoBall } from "./ball.js";
import { margins } from "./margin.js";
import { attackSurvivors, releaseFooled } from "./survivors.js";
import type { AttackTarget } from "./target.js";

/**
 * Projected descent on the margin along the sign of a gradient estimated from logits alone. An image that is answered wrong after a step
 * is done. All images of a batch are looked at with the same noise.
 *
 * A step costs each image an even number of looks around it and one look where it arrives: `queries` are shared equally among the steps.
 *
 * @throws {InputError} if that is fewer than three looks a step.
 * @see Tramer et al., "On Adaptive Attacks to Adversarial Example Defenses" (2020), section 5; wielandbrendel/adaptive_attacks_paper, `01_kwta`.
 */
export function gradientEstimation(
  target: AttackTarget,
  batch: AttackBatch,
  { steps, stepSize, queries }: Pick<AttackSettings, "steps" | "stepSize" | "queries">,
): AttackResult {
  const pairs = Math.floor((Math.floor(queries / steps) - 1) / 2);
  if (pairs < 1) {
    throw new InputError("too few queries to estimate a gradient at every step", {
      expected: `at least ${3 * steps} queries for ${steps} steps`,
      found: `${queries}`,
    });
  }
  const random = Random.fromSeed(...batch.seed);
  const [count] = batch.images.shape;
  const together = Math.max(count, LEAST_TOGETHER);
  const counts = new Int32Array(count);
  const adversarial = attackSurvivors(batch, (survivors) => {
    for (let step = 0; step < steps && survivors.places.length > 0; step++) {
      const { current, labels, ball, places } = survivors;
      const seed = [random.uint32(), random.uint32()] as const;
      const gradient = estimateMarginGradient(target, current, labels, { pairs, seed, together });
      survivors.current = tf.tidy(() => intoBall(tf.sub(current, tf.mul(tf.sign(gradient), stepSize)), ball));
      tf.dispose([current, gradient]);
      survivors.margins = [...margins(target, survivors.current, labels)];
      for (const place of places) counts[place] = (step + 1) * (2 * pairs + 1);
      releaseFooled(survivors);
      batch.onStep?.({ step: step + 1, steps, robust: survivors.places.length });
    }
  });
  return { adversarial, queries: counts };
}

/** So many points around a few images keep the target as busy as a batch does. */
const LEAST_TOGETHER = 64;

/** The deviation of the noise around an image, in pixel values. */
const DEVIATION = 8 / 255;

/** How a gradient is estimated. */
export interface Estimation {
  /** How many pairs of opposite points each image is looked at. */
  readonly pairs: number;
  readonly seed: NoiseSeed;
  /** About how many points the target is shown at a time. */
  readonly together: number;
}

/**
 * The mean over normal noise u of (m(x + d u) - m(x - d u)) / 2d times u, `[N, H, W, C]`, for the margin m of each image and
 * d = 8/255: without bias the gradient of m smoothed with that noise. The points are not clamped to [0, 1].
 */
export function estimateMarginGradient(
  target: AttackTarget,
  images: Tensor4D,
  labels: readonly number[],
  { pairs, seed, together }: Estimation,
): Tensor4D {
  const [count, height, width, channels] = images.shape;
  const noise = normalNoise([pairs, height, width, channels], seed);
  const slopes = new Float32Array(count * pairs);
  const chunk = Math.max(1, Math.floor(together / count));
  for (let first = 0; first < pairs; first += chunk) {
    const length = Math.min(chunk, pairs - first);
    const repeated = labels.flatMap((label) => Array<number>(length).fill(label));
    const marginsAt = (distance: number): Float32Array => {
      const points = tf.tidy(() => {
        const offsets = tf.mul(tf.slice(noise, first, length), distance);
        const around = tf.add(tf.expandDims(images, 1), offsets);
        return tf.reshape<Rank.R4>(around, [count * length, height, width, channels]);
      });
      const found = margins(target, points, repeated);
      points.dispose();
      return found;
    };
    const [ahead, behind] = [marginsAt(DEVIATION), marginsAt(-DEVIATION)];
    for (const [look, margin] of ahead.entries()) {
      const place = Math.floor(look / length) * pairs + first + (look % length);
      slopes[place] = (margin - (behind[look] as number)) / (2 * DEVIATION * pairs);
    }
  }
  const gradient = tf.tidy(() => {
    const directions = tf.reshape<Rank.R2>(noise, [pairs, height * width * channels]);
    const summed = tf.matMul(tf.tensor2d(slopes, [count, pairs]), directions);
    return tf.reshape<Rank.R4>(summed, images.shape);
  });
  noise.dispose();
  return gradient;
}
