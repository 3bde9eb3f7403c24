import { describe, expect, it } from "vitest";
import { attacks } from "#mtard/attacks/attacks.js";
import { rays } from "#mtard/attacks/rays.js";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { tf, type Tensor1D, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { hasShared } from "../shared.js";
import { onlyAnswering } from "./counting.js";
import { answeredRight, openRobustNetwork } from "./robust-network.js";

const formula = (value: (index: number) => number): Tensor4D =>
  tf.tensor4d(
    Float32Array.from({ length: 48 }, (_, index) => value(index)),
    [1, 4, 4, 3],
  );
const image = formula((index) => 0.5 + 0.3 * Math.sin(1.7 * index));
const slope = formula((index) => Math.cos(0.9 * index * index));
const height = (images: Tensor4D): Tensor1D => tf.tidy(() => tf.sum(tf.mul(images, slope), [1, 2, 3]));
const threshold = (height(image).dataSync()[0] ?? NaN) - 2;

/** Answers 1 above a threshold and 0 below it, and keeps the heights of what it was shown. */
function linearTarget(): AttackTarget & { heights: number[] } {
  const heights: number[] = [];
  return {
    heights,
    classes: 2,
    logits: () => expect.fail("RayS sees labels only"),
    lossGradient: () => expect.fail("RayS sees labels only"),
    predict: (images) => {
      const shown = height(images);
      heights.push(...shown.dataSync());
      const answers = tf.tidy(() => tf.cast<Tensor1D>(tf.greater(shown, threshold), "int32"));
      shown.dispose();
      return answers;
    },
  };
}

const labels = tf.tensor1d([1], "int32");
const seed = [0, 0] as const;

it("looks where the public code looks, look by look", () => {
  // uclaml/RayS, RayS.py, on the same linear classifier: slope . image of each image whose label it asked for.
  const expected = [
    0.0, -4.2953, -3.8333, -4.278, -4.1108, -3.9974, -3.9136, -3.8673, -3.8486, -3.8563, -3.8616, -3.8644,
    -3.8659, -3.8652, -3.8655, -0.4144, -4.066, -3.1898, -3.677, -3.8792, -3.7719, -3.8255, -3.8558, -3.8679,
    -3.8622, -3.865, -3.8664, -3.8657, -3.8654, -3.4327, -2.623, -1.9309, -3.9986, -3.0161, -3.5621, -3.7671,
    -3.877, -3.8211, -3.8475, -3.8621, -3.8695, -3.8658, -3.8639, -3.8649, -3.8653, -3.6036, -3.2407, -4.0794,
    -3.0898, -3.6301, -3.854, -3.9643, -3.9091, -3.8816, -3.8678, -3.8609, -3.8643, -3.8661, -3.8652, -3.8648,
    -3.0459, -3.5859, -3.4606, -2.5734, -2.9135, -4.7503, -3.4399, -4.1646, -3.8276, -4.0015,
  ];
  const target = linearTarget();
  rays(target, { images: image, labels, epsilon: 0, seed }, { queries: expected.length });
  expect(target.heights).toHaveLength(expected.length);
  for (const [look, value] of target.heights.entries()) expect(value).toBeCloseTo(expected[look] ?? NaN, 3);
});

it("returns what was answered wrong within epsilon, and the image itself where nothing was", () => {
  const run = (epsilon: number) => {
    const target = linearTarget();
    const { adversarial, queries } = rays(target, { images: image, labels, epsilon, seed }, { queries: 78 });
    const [reached] = height(adversarial).dataSync();
    return { reached: reached ?? NaN, adversarial, looks: queries?.[0], shown: target.heights.length };
  };
  // The public code's distance after its 78 looks is 1.6184 / sqrt(48) = 0.2336.
  const fooled = run(0.2337);
  expect(fooled.reached).toBeLessThan(threshold);
  expect(fooled.looks).toBe(fooled.shown);
  expect(fooled.looks).toBeLessThan(78);
  const distance = tf.max(tf.abs(tf.sub(fooled.adversarial, image))).dataSync()[0] ?? NaN;
  expect(distance).toBeLessThanOrEqual(0.2337);
  const withstood = run(0.2335);
  expect(withstood.adversarial.dataSync()).toEqual(image.dataSync());
  expect(withstood.looks).toBe(78);
});

describe.skipIf(!hasShared)("on the first 16 images that a robust ResNet-20 answers right", () => {
  const PLACES = [0, 1, 2, 3, 4, 5, 7, 8, 9, 10, 11, 12, 13, 14, 18, 20];
  /** By place: the looks after which the public code, with a budget of 100, had a distance of at most 8/255. */
  const FOOLED_AFTER = new Map([
    [0, 33],
    [3, 60],
    [9, 44],
    [12, 48],
    [18, 75],
    [20, 31],
  ]);

  it("fools those that the public code fools, as early, and more with more queries", async () => {
    const network = await openRobustNetwork();
    const { target } = network;
    const { images, labels } = network.choose(PLACES);
    expect(answeredRight(target, images, labels)).toEqual(PLACES.map(() => true));
    const fooledIn = [10, 35, 60, 100].map((budget) => {
      const batch = { images, labels, epsilon: 8 / 255, seed };
      const changes = { queries: budget };
      const { adversarial, queries } = attacks.rays.run(onlyAnswering(target, "predict"), batch, changes);
      const right = answeredRight(target, adversarial, labels);
      return new Map(
        PLACES.flatMap((place, row) => (right[row] ? [] : [[place, queries?.[row] ?? NaN] as const])),
      );
    });
    target.dispose();
    for (const [budget, fooled] of fooledIn.entries())
      for (const [place, looks] of fooled)
        for (const later of fooledIn.slice(budget)) expect(later.get(place)).toBe(looks);
    expect(fooledIn.map((fooled) => fooled.size)).toEqual([0, 2, 5, 6]);
    const last = fooledIn.at(-1) ?? new Map<number, number>();
    expect([...last.keys()]).toEqual([...FOOLED_AFTER.keys()]);
    // The public code notices it at the end of the binary search, of at most 16 steps.
    for (const [place, looks] of last) {
      expect(looks).toBeLessThanOrEqual(FOOLED_AFTER.get(place) ?? NaN);
      expect(looks).toBeGreaterThan((FOOLED_AFTER.get(place) ?? NaN) - 16);
    }
  });
});
