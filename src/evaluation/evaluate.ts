import { setImmediate as eventsPass } from "node:timers/promises";
import { attacks } from "../attacks/attacks.js";
import type { AttackId } from "../attacks/ids.js";
import type { AttackTarget } from "../attacks/target.js";
import { evaluationBatches } from "../data/batches.js";
import type { Split } from "../data/store.js";
import type { ImageShape } from "../graph/network.js";
import { Random } from "../runtime/random.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";
import { summarize, type Evaluation, type ExampleOutcome } from "./summary.js";

/** What to measure and how. */
export interface EvaluationSettings {
  readonly attacks: readonly AttackId[];
  readonly epsilon: number;
  readonly batchSize: number;
  /** Of the attacks' random starts. */
  readonly seed: number;
}

/** How far an evaluation is, after each batch. */
export interface EvaluationProgress {
  readonly done: number;
  readonly total: number;
}

/**
 * Clean accuracy, and robust accuracy under each attack, of a classifier on a split.
 *
 * An image already wrong when clean is not attacked and counts as not robust, as in AutoAttack's evaluation.
 *
 * Between batches other events have their turn; an error that `onProgress` throws ends the evaluation.
 *
 * @see B-MTARD, equation 22, for W-Robust.
 */
export async function evaluate(
  target: AttackTarget,
  split: Split,
  image: ImageShape,
  settings: EvaluationSettings,
  onProgress: (progress: EvaluationProgress) => void = () => undefined,
): Promise<Evaluation> {
  const perExample: ExampleOutcome[] = [];
  const random = Random.fromSeed(settings.seed, EVALUATION_STREAM);
  for (const batch of evaluationBatches(split, image, settings.batchSize)) {
    const images = tf.tensor4d(batch.images, [batch.count, image.height, image.width, image.channels]);
    const labels = tf.tensor1d(batch.labels, "int32");
    const clean = predictions(target, images);
    const attacked = settings.attacks.map((id) => {
      const seed = [random.uint32(), random.uint32()] as const;
      const { adversarial } = attacks[id].run(target, { images, labels, epsilon: settings.epsilon, seed });
      const answers = predictions(target, adversarial);
      adversarial.dispose();
      return [id, answers] as const;
    });
    for (let index = 0; index < batch.count; index++) {
      perExample.push({
        index: perExample.length,
        label: batch.labels[index] as number,
        clean: clean[index] as number,
        attacks: Object.fromEntries(attacked.map(([id, answers]) => [id, answers[index] as number])),
      });
    }
    tf.dispose([images, labels]);
    onProgress({ done: perExample.length, total: split.count });
    await eventsPass();
  }
  return { ...summarize(perExample, settings.attacks), perExample };
}

/** The generator stream of evaluations, apart from those of training. */
const EVALUATION_STREAM = 1;

function predictions(target: AttackTarget, images: Tensor4D): Int32Array {
  const answers = target.predict(images);
  const classes = answers.dataSync<"int32">();
  answers.dispose();
  return classes;
}
