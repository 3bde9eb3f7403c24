import { InputError } from "../errors.js";
import { normalNoise, type NoiseSeed } from "../runtime/noise.js";
import { Random } from "../runtime/random.js";
import { tf, type Tensor4D, type Tensor2D } from "../runtime/tensorflow.js";
import type { AttackBatch, AttackResult, AttackSettings } from "./attack.js";
import { linfBall, stepInBall } from "./ball.js";
import { keepRows, replaced } from "./rows.js";
import { adversarialImages, releaseFooled, wholeBatch } from "./survivors.js";
import { margins, withstands, type AttackTarget } from "./target.js";

/**
 * Runs projected ascent on the margin along the sign of a gradient estimated from logits alone.
 *
 * An image is done once it is answered wrong after a step. All images of a batch share the same noise. The `queries` are divided equally
 * among the steps: each step spends an even number of them around the image and one where it arrives.
 *
 * @throws {InputError} if there are fewer than three queries a step.
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
  const { images, epsilon, onStep } = batch;
  const [count] = images.shape;
  const labels = batch.labels.dataSync<"int32">();
  const random = Random.fromSeed(...batch.seed);
  const together = Math.max(count, LEAST_TOGETHER);
  const counts = new Int32Array(count);
  const survivors = wholeBatch(batch);
  const { norm, lower, upper } = linfBall(images, epsilon);
  let points = { current: tf.clone(images), lower, upper };
  try {
    for (let step = 0; step < steps && survivors.places.length > 0; step++) {
      const { places } = survivors;
      const rowLabels = places.map((place) => labels[place] as number);
      const seed = [random.uint32(), random.uint32()] as const;
      const gradient = estimateMarginGradient(target, points.current, rowLabels, { pairs, seed, together });
      const current = tf.tidy(() => stepInBall(points.current, gradient, stepSize, { norm, ...points }));
      gradient.dispose();
      points = replaced(points, { current });
      const withstand = Array.from(margins(target, current, rowLabels), withstands);
      for (const place of places) counts[place] = (step + 1) * (2 * pairs + 1);
      points = keepRows(points, releaseFooled(survivors, withstand, current));
      onStep?.({ step: step + 1, steps, robust: survivors.places.length });
    }
    return { adversarial: adversarialImages(survivors, batch, points.current), queries: counts };
  } finally {
    tf.dispose({ ...points });
  }
}

/** The fewest points shown to the target at a time: a few images alone would leave it idle. */
const LEAST_TOGETHER = 64;

/** The standard deviation of the noise around an image, in pixel values. */
const DEVIATION = 8 / 255;

/** The settings of a gradient's estimation. */
export interface Estimation {
  /** How many pairs of opposite points around each image are shown to the target. */
  readonly pairs: number;
  readonly seed: NoiseSeed;
  /** About how many points the target is shown at a time. */
  readonly together: number;
}

/**
 * Estimates the gradient of each image's margin m, `[N, H, W, C]`: the mean of u (m(x + d u) - m(x - d u)) / 2d over normal noise u, with
 * d = 8/255.
 *
 * It is an unbiased estimate of the gradient of m smoothed with that noise. The points are not clamped to [0, 1].
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
        return tf.reshape<Tensor4D>(around, [count * length, height, width, channels]);
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
    const directions = tf.reshape<Tensor2D>(noise, [pairs, height * width * channels]);
    const summed = tf.matMul(tf.tensor2d(slopes, [count, pairs]), directions);
    return tf.reshape<Tensor4D>(summed, images.shape);
  });
  noise.dispose();
  return gradient;
}
