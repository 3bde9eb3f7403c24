/*
 * The PGD of `attacks/pgd.ts` for one image in a browser, where there is no libtensorflow: the same arithmetic in the same order, in float32.
 */

/** What a model says of one image: the logits of all classes, and the gradient of the loss in the pixels. */
export interface LossGradient {
  readonly logits: Float32Array;
  readonly gradient: Float32Array;
}

export interface AscentSettings {
  /** The largest change of a pixel value, of images in [0, 1]. */
  readonly epsilon: number;
  readonly stepSize: number;
  readonly steps: number;
  /** From the image itself, or from uniform noise in the ball, clamped to [0, 1]. */
  readonly start: "image" | "uniform-clamped";
}

/** A point of the ascent: the start is step 0. */
export interface AscentPoint {
  readonly step: number;
  readonly image: Float32Array;
  readonly logits: Float32Array;
}

/**
 * Raises the loss of an image in the L-infinity ball around it by projected gradient ascent, and gives every point on the way with the
 * model's answer there.
 *
 * @param image Pixels in [0, 1], in any order, which stay as they are.
 * @param random Numbers in [0, 1) for the start.
 */
export async function* ascend(
  image: Float32Array,
  { epsilon, stepSize, steps, start }: AscentSettings,
  lossGradient: (image: Float32Array) => Promise<LossGradient>,
  random: () => number = Math.random,
): AsyncGenerator<AscentPoint> {
  const [reach, stride] = [Math.fround(epsilon), Math.fround(stepSize)];
  let current =
    start === "image"
      ? image.slice()
      : image.map((value) =>
          Math.min(1, Math.max(0, Math.fround(value + Math.fround((2 * random() - 1) * reach)))),
        );
  for (let step = 0; ; step++) {
    const { logits, gradient } = await lossGradient(current);
    yield { step, image: current, logits };
    if (step === steps) return;
    current = current.map((value, at) => {
      const pixel = image[at] as number;
      const lower = Math.max(0, Math.fround(pixel - reach));
      const upper = Math.min(1, Math.fround(pixel + reach));
      const moved = Math.fround(value + Math.sign(gradient[at] as number) * stride);
      return Math.min(upper, Math.max(lower, moved));
    });
  }
}

/** The softmax of logits. */
export function probabilitiesOf(logits: Float32Array): number[] {
  const largest = logits.reduce((most, logit) => Math.max(most, logit), -Infinity);
  const powers = Array.from(logits, (logit) => Math.exp(logit - largest));
  const sum = powers.reduce((total, power) => total + power, 0);
  return powers.map((power) => power / sum);
}

/** The class with the largest logit, the first of equal ones. */
export function answerOf(logits: Float32Array): number {
  return logits.reduce((best, logit, at) => (logit > (logits[best] as number) ? at : best), 0);
}
