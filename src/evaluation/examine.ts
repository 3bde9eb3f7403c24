import type { AttackId } from "../attacks/attacks.js";
import type { AttackTarget } from "../attacks/target.js";
import { tf } from "../runtime/tensorflow.js";
import { evaluateImages, type AttackingSettings, type EvaluationEvents } from "./evaluate.js";
import { imageTensor, type ImageSource } from "./images.js";

/** The class answered, and its softmax probability. */
export interface Prediction {
  readonly answer: number;
  readonly confidence: number;
}

/** An image before and after an attack; pixel values `[height, width, channels]` in [0, 1]. */
export interface ExaminedImage {
  /** Its position in the source. */
  readonly index: number;
  readonly label: number;
  readonly clean: Float32Array;
  /** The image that fooled the model, else the last one tried; the clean image if it is wrong already. */
  readonly adversarial: Float32Array;
  readonly before: Prediction;
  readonly after: Prediction;
  /** The largest change of a pixel value. */
  readonly linf: number;
  /** The Euclidean length of the change. */
  readonly l2: number;
}

/**
 * Attacks images and returns each one before and after, with the model's answers.
 *
 * @throws {InputError} and {@link WorkError} as `evaluateImages`.
 */
export async function examine(
  target: AttackTarget,
  source: ImageSource,
  attack: AttackId,
  settings: Omit<AttackingSettings, "attacks">,
  events: Partial<Pick<EvaluationEvents, "onProgress">> = {},
): Promise<ExaminedImage[]> {
  const indexes = Array.from({ length: source.count }, (_, index) => index);
  const clean = source.read(indexes);
  const adversarial = clean.slice();
  const size = clean.length / source.count;
  await evaluateImages(
    target,
    source,
    { ...settings, attacks: [attack] },
    {
      ...events,
      onAdversarial(_, found, images) {
        for (const [row, index] of found.entries())
          adversarial.set(images.subarray(row * size, (row + 1) * size), index * size);
      },
    },
  );
  const [before, after] = [clean, adversarial].map((images) => predictionsOf(target, source, images));
  return indexes.map((index) => {
    const from = clean.subarray(index * size, (index + 1) * size);
    const to = adversarial.subarray(index * size, (index + 1) * size);
    return {
      index,
      label: source.labels[index] as number,
      clean: from,
      adversarial: to,
      before: before?.[index] as Prediction,
      after: after?.[index] as Prediction,
      l2: Math.sqrt(to.reduce((sum, value, at) => sum + (value - (from[at] as number)) ** 2, 0)),
      linf: to.reduce((most, value, at) => Math.max(most, Math.abs(value - (from[at] as number))), 0),
    };
  });
}

function predictionsOf(target: AttackTarget, { shape }: ImageSource, values: Float32Array): Prediction[] {
  const probabilities = tf.tidy(() => {
    const images = imageTensor(shape, values);
    return tf.softmax(target.logits(images)).arraySync();
  });
  return probabilities.map((row) => {
    const confidence = Math.max(...row);
    return { answer: row.indexOf(confidence), confidence };
  });
}
