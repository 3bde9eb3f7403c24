import { logitLoss } from "#mtard/attacks/logit-loss.js";
import type { AttackTarget } from "#mtard/attacks/target.js";
import type { ImageSource } from "#mtard/evaluation/images.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor2D, type Tensor4D } from "#mtard/runtime/tensorflow.js";

export const shape = { height: 4, width: 4, channels: 1 };
export const CLASSES = 4;

/** A linear classifier of 4x4 images with random weights, and what it was asked. */
export function linearTarget(seed: number, scale = 1): AttackTarget & { readonly asked: string[] } {
  const random = Random.fromSeed(seed);
  const weights = tf.keep(
    tf.tensor2d(
      Float32Array.from({ length: 16 * CLASSES }, () => scale * random.normal()),
      [16, CLASSES],
    ),
  );
  const asked: string[] = [];
  const logitsOf = (images: Tensor4D): Tensor2D =>
    tf.tidy(() => tf.matMul<Tensor2D>(tf.sub(tf.reshape(images, [-1, 16]), 0.5), weights));
  return {
    asked,
    classes: CLASSES,
    logits(images) {
      asked.push(`logits ${images.shape[0]}`);
      return logitsOf(images);
    },
    predict(images) {
      asked.push(`predict ${images.shape[0]}`);
      return tf.tidy(() => tf.argMax(logitsOf(images), 1));
    },
    lossGradient(images, loss) {
      asked.push(`gradient ${images.shape[0]}`);
      const logits = logitsOf(images);
      const { loss: each, gradient: outer } = logitLoss(logits, loss);
      const gradient = tf.tidy(() =>
        tf.reshape<Tensor4D>(tf.matMul(outer, weights, false, true), images.shape),
      );
      outer.dispose();
      return { loss: each, logits, gradient };
    },
  };
}

/** Random images, each with the label a classifier gives it, but every `wrongEvery`-th another one. */
export function labelledBy(target: AttackTarget, count: number, wrongEvery: number): ImageSource {
  const random = Random.fromSeed(7);
  const values = Float32Array.from({ length: count * 16 }, () => random.uniform());
  const answers = tf.tidy(() => [...target.predict(tf.tensor4d(values, [count, 4, 4, 1])).dataSync()]);
  return {
    shape,
    count,
    labels: answers.map((answer, index) =>
      index % wrongEvery === wrongEvery - 1 ? (answer + 1) % CLASSES : answer,
    ),
    read: (indexes) =>
      Float32Array.from(indexes.flatMap((index) => [...values.subarray(index * 16, (index + 1) * 16)])),
  };
}
