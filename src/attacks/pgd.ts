import { normalNoise, uniformNoise, type NoiseSeed } from "../runtime/noise.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import { ballAround, disposeBall, stepInBall, type Threat, unit } from "./ball.js";
import type { LogitLoss } from "./logit-loss.js";
import type { Ascent, AttackTarget, LossGradient } from "./target.js";

/** The settings of PGD; lengths are in pixel values of images in [0, 1], in its norm. */
export interface PgdSettings extends Threat {
  readonly stepSize: number;
  readonly steps: number;
  /**
   * The starting point: the image itself, or the image plus uniform noise in the epsilon ball or normal noise of this deviation. Noise may
   * lead out of [0, 1]; `uniform-clamped` brings it back before the first gradient.
   */
  readonly start: "image" | "uniform" | "uniform-clamped" | { readonly normal: number };
}

/**
 * Runs projected gradient ascent on a loss in the ball around images `[N, H, W, C]` in [0, 1].
 *
 * @param watch Called with the losses, logits and gradient at each point before the step from it.
 * @see Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks" (2018); B-MTARD, equation 4.
 */
export function pgd(
  target: AttackTarget,
  images: Tensor4D,
  loss: LogitLoss,
  settings: PgdSettings,
  seed: NoiseSeed,
  watch?: (ascent: LossGradient) => void,
): Tensor4D {
  const start = startingPoint(images, settings, seed);
  const adversarial = climb(target, images, start, loss, settings, watch);
  start.dispose();
  return adversarial;
}

/**
 * Makes the steps of `pgd` from a given start `[N, H, W, C]`: up the gradient, then into the epsilon ball and [0, 1], as `stepInBall` does.
 * The target makes them all at once if it can and nobody watches.
 */
export function climb(
  target: AttackTarget,
  images: Tensor4D,
  start: Tensor4D,
  loss: LogitLoss,
  { stepSize, steps, ...threat }: Threat & Pick<PgdSettings, "stepSize" | "steps">,
  watch?: (ascent: LossGradient) => void,
): Tensor4D {
  const ball = ballAround(images, threat);
  const atOnce = watch || steps === 0 ? undefined : target.lossGradient.climb;
  const reached = atOnce
    ? atOnce(start, loss, { ball, stepSize, steps })
    : stepByStep(target, start, loss, { ball, stepSize, steps }, watch);
  disposeBall(ball);
  return reached;
}

function stepByStep(
  target: AttackTarget,
  start: Tensor4D,
  loss: LogitLoss,
  { ball, stepSize, steps }: Ascent,
  watch?: (ascent: LossGradient) => void,
): Tensor4D {
  let current = tf.clone(start);
  for (let step = 0; step < steps; step++) {
    const ascent = target.lossGradient(current, loss);
    watch?.(ascent);
    const next = stepInBall(current, ascent.gradient, stepSize, ball);
    tf.dispose([current, ascent.loss, ascent.logits, ascent.gradient]);
    current = next;
  }
  return current;
}

function startingPoint(images: Tensor4D, { start, norm, epsilon }: PgdSettings, seed: NoiseSeed): Tensor4D {
  if (start === "image") return tf.clone(images);
  return tf.tidy(() => {
    if (typeof start === "object")
      return tf.add(images, tf.mul(normalNoise(images.shape, seed), start.normal));
    const noise = norm === "l2" ? noiseInL2(images.shape, seed) : uniformNoise(images.shape, seed);
    const moved = tf.add<Tensor4D>(images, tf.mul(noise, epsilon));
    return start === "uniform" ? moved : tf.minimum<Tensor4D>(tf.maximum(moved, 0), 1);
  });
}

/** Uniform noise in the unit ball of L2, `[N, H, W, C]`: any direction alike, and a length u^(1/D) for a uniform u and D pixel values. */
function noiseInL2(shape: Tensor4D["shape"], [first, second]: NoiseSeed): Tensor4D {
  return tf.tidy(() => {
    const direction = unit(normalNoise(shape, [first, second]));
    const [count, ...size] = shape;
    // A seed of its own: the same one would take its numbers from the bits of the directions.
    const drawn = uniformNoise([count, 1, 1, 1], [first, second ^ LENGTHS]);
    const dimensions = size.reduce((product, length) => product * length, 1);
    return tf.mul(direction, tf.pow(tf.div(tf.add(drawn, 1), 2), 1 / dimensions));
  });
}

const LENGTHS = 0x2c1b3c6d;
