import { setImmediate as eventsPass } from "node:timers/promises";
import { attacks } from "../attacks/attacks.js";
import type { AttackId } from "../attacks/ids.js";
import type { AttackTarget } from "../attacks/target.js";
import { evaluationBatches } from "../data/batches.js";
import type { Split } from "../data/store.js";
import type { ImageShape } from "../graph/network.js";
import { Random } from "../runtime/random.js";
import { tf, type Tensor1D, type Tensor4D } from "../runtime/tensorflow.js";

/** What to measure and how. */
export interface EvaluationSettings {
  readonly attacks: readonly AttackId[];
  readonly epsilon: number;
  readonly batchSize: number;
  /** Of the attacks' random starts. */
  readonly seed: number;
}

/** A count of images out of `total`. */
export interface Accuracy {
  readonly correct: number;
  readonly accuracy: number;
}

/** Robust accuracy under one attack; `wRobust` is its mean with the clean accuracy. */
export interface RobustAccuracy {
  readonly robust: number;
  readonly accuracy: number;
  readonly wRobust: number;
}

/** One image's outcome: its label, the class answered when clean, and under each attack. */
export interface ExampleOutcome {
  readonly index: number;
  readonly label: number;
  readonly clean: number;
  readonly attacks: Readonly<Partial<Record<AttackId, number>>>;
}

export interface Evaluation {
  readonly total: number;
  readonly clean: Accuracy;
  readonly attacks: Readonly<Partial<Record<AttackId, RobustAccuracy>>>;
  readonly perExample: readonly ExampleOutcome[];
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
      const adversarial = attacks[id].run(target, images, labels, settings.epsilon, [
        random.uint32(),
        random.uint32(),
      ]);
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

/** Accuracies from the outcomes of every image. */
export function summarize(
  perExample: readonly ExampleOutcome[],
  attackIds: readonly AttackId[],
): Omit<Evaluation, "perExample"> {
  const total = perExample.length;
  const correct = perExample.filter((example) => example.clean === example.label);
  const clean = { correct: correct.length, accuracy: correct.length / total };
  const robust = attackIds.map((id): [AttackId, RobustAccuracy] => {
    const count = correct.filter((example) => example.attacks[id] === example.label).length;
    return [id, { robust: count, accuracy: count / total, wRobust: (clean.accuracy + count / total) / 2 }];
  });
  return { total, clean, attacks: Object.fromEntries(robust) };
}

function predictions(target: AttackTarget, images: Tensor4D): Int32Array {
  const answers = tf.tidy(() => {
    const logits = target.logits(images);
    return tf.argMax<Tensor1D>(logits, 1);
  });
  const classes = answers.dataSync<"int32">();
  answers.dispose();
  return classes;
}
