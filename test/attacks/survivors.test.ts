import { describe, expect, it } from "vitest";
import type { AttackBatch } from "#mtard/attacks/attack.js";
import { logitLoss } from "#mtard/attacks/logit-loss.js";
import { adversarialImages, answeredRight, releaseFooled, wholeBatch } from "#mtard/attacks/survivors.js";
import { margins, predictBy, withstands, type AttackTarget } from "#mtard/attacks/target.js";
import { tf, type Tensor2D, type Tensor4D } from "#mtard/runtime/tensorflow.js";

const asImages = (values: readonly number[]): Tensor4D =>
  tf.tensor4d([...values], [values.length / 3, 1, 1, 3]);
/** A target whose logits are the three channels of images of one pixel. */
const logits = (images: Tensor4D): Tensor2D => tf.reshape(images, [-1, 3]);
const target: AttackTarget = {
  classes: 3,
  logits,
  predict: predictBy(logits),
  lossGradient: () => expect.fail("survivors have no gradients"),
};

const images = asImages([0.5, 0.25, 0, 0.25, 0.5, 0, 0, 0.25, 0.5, 0.75, 0.5, 0]);
/** The second image is answered wrong. */
const labels = tf.tensor1d([0, 0, 2, 0], "int32");
const batch: AttackBatch = { images, labels, epsilon: 0.125, seed: [1, 2] };

describe("the survivors of a batch", () => {
  it("are all images, or those that the target answers right", () => {
    const before = tf.memory().numTensors;
    expect(wholeBatch(batch).places).toEqual([0, 1, 2, 3]);
    expect(answeredRight(target, batch).places).toEqual([0, 2, 3]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("leave as they fool, by their places in the batch", () => {
    const survivors = answeredRight(target, batch);
    const first = asImages([0.5, 0.25, 0.0625, 0.0625, 0.25, 0.5, 0.75, 0.5, 0.0625]);
    expect(releaseFooled(survivors, [true, false, true], first)).toEqual([0, 2]);
    expect(survivors.places).toEqual([0, 3]);
    const second = asImages([0.5, 0.25, 0.125, 0.75, 0.5, 0.125]);
    expect(releaseFooled(survivors, [true, true], second)).toEqual([0, 1]);
    expect(releaseFooled(survivors, [true, false], second)).toEqual([0]);
    expect(survivors.places).toEqual([0]);
    const clean = [0.5, 0.25, 0, 0.25, 0.5, 0];
    const fooling = [0.0625, 0.25, 0.5, 0.75, 0.5, 0.125];
    expect([...adversarialImages(survivors, batch).dataSync()]).toEqual([...clean, ...fooling]);
    const current = asImages([0.5, 0.375, 0]);
    expect([...adversarialImages(survivors, batch, current).dataSync()]).toEqual(
      [0.5, 0.375, 0, 0.25, 0.5, 0].concat(fooling),
    );
  });

  it("are returned in the ball, whatever fooled", () => {
    const survivors = wholeBatch(batch);
    releaseFooled(survivors, [false, false, false, false], tf.add(images, 0.5));
    expect(survivors.places).toEqual([]);
    expect(adversarialImages(survivors, batch).dataSync()).toEqual(tf.add(images, 0.125).dataSync());
  });
});

it("margins are those of the margin loss", () => {
  const { loss } = logitLoss(logits(images), { kind: "margin", labels });
  expect(margins(target, images, labels.dataSync())).toEqual(loss.dataSync());
  expect([...loss.dataSync()]).toEqual([-0.25, 0.25, -0.25, -0.25]);
});

it("an image withstands where its margin is negative or no number", () => {
  expect([-1, 0, 1, -Infinity, Infinity, NaN].map(withstands)).toEqual([
    true,
    false,
    false,
    true,
    false,
    true,
  ]);
});
