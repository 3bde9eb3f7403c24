import { expect, it } from "vitest";
import { estimateMarginGradient, gradientEstimation } from "#mtard/attacks/gradient-estimation.js";
import { margins, type AttackTarget } from "#mtard/attacks/target.js";
import { InputError } from "#mtard/errors.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor2D, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent } from "#mtard/student/inference.js";
import { disposeParameters, parametersFromWeights } from "#mtard/student/parameters.js";
import { relativeNorm } from "../golden.js";
import { onlyAnswering } from "./counting.js";

const COUNT = 4;
const SIZE = 8 * 8 * 3;
const network = createNetwork("resnet-8", { image: { height: 8, width: 8, channels: 3 }, classes: 10 });
const random = Random.fromSeed(5);
const parameters = parametersFromWeights(network, initialWeights(network, random));
const target = inferenceStudent(network, parameters);
disposeParameters(parameters);
const images = tf.tensor4d(
  Float32Array.from({ length: COUNT * SIZE }, () => random.uniform()),
  [COUNT, 8, 8, 3],
);
const labels = [...target.predict(images).dataSync()];

/** A classifier whose margin of class 0 is the sum of the slope times the image. */
const slope = tf.tensor2d(
  Float32Array.from({ length: SIZE }, (_, index) => Math.cos(index * index)),
  [SIZE, 1],
);
const linear: AttackTarget = {
  classes: 2,
  logits: (points) =>
    tf.tidy(() => {
      const height = tf.matMul<Tensor2D>(tf.reshape<Tensor2D>(points, [-1, SIZE]), slope);
      return tf.concat<Tensor2D>([tf.zerosLike(height), height], 1);
    }),
  predict: () => expect.fail("gradient estimation reads logits"),
  lossGradient: () => expect.fail("gradient estimation has no gradients"),
};

function cosine(left: Float32Array, right: Float32Array): number {
  const dot = (one: Float32Array, other: Float32Array) =>
    one.reduce((sum, value, index) => sum + value * (other[index] ?? NaN), 0);
  return dot(left, right) / Math.sqrt(dot(left, left) * dot(right, right));
}

it("estimates a linear classifier's gradient to what its noise allows, in size too", () => {
  const pairs = 40_000;
  const estimate = estimateMarginGradient(linear, images.slice(0, 1), [0], {
    pairs,
    seed: [1, 2],
    together: 10_000,
  });
  // The relative error's expectation is sqrt((SIZE + 1) / pairs), and its spread is small: it is a sum of SIZE parts.
  const error = relativeNorm(estimate.dataSync<"float32">(), slope.dataSync<"float32">());
  expect(error).toBeLessThan(1.3 * Math.sqrt((SIZE + 1) / pairs));
  expect(error).toBeGreaterThan(0.7 * Math.sqrt((SIZE + 1) / pairs));
});

it("points along a network's margin gradient by central differences, the more so the more it looks", () => {
  const step = 1e-3;
  const differences = tf.tidy(() => tf.mul(tf.eye(SIZE).reshape<Tensor4D>([SIZE, 8, 8, 3]), step));
  for (let index = 0; index < COUNT; index++) {
    const image = images.slice(index, 1);
    const label = labels[index] ?? NaN;
    const repeated = Array<number>(SIZE).fill(label);
    const ahead = margins(target, tf.add(image, differences), repeated);
    const behind = margins(target, tf.sub(image, differences), repeated);
    const gradient = ahead.map((value, pixel) => (value - (behind[pixel] ?? NaN)) / (2 * step));
    const agreement = [50, 5000].map((pairs) => {
      const estimate = estimateMarginGradient(target, image, [label], {
        pairs,
        seed: [3, 4],
        together: 1000,
      });
      return cosine(estimate.dataSync<"float32">(), gradient);
    }) as [number, number];
    expect(agreement[0]).toBeGreaterThan(0.3);
    expect(agreement[1]).toBeGreaterThan(0.9);
  }
});

it("fools where there is room, with logits alone, and counts what it looks at", () => {
  const batch = { images, labels: tf.tensor1d(labels, "int32"), epsilon: 0.5, seed: [1, 2] as const };
  const settings = { steps: 20, stepSize: 0.1, queries: 20 * 41 };
  const { adversarial, queries } = gradientEstimation(onlyAnswering(target, "logits"), batch, settings);
  const answers = target.predict(adversarial).dataSync();
  for (const [index, answer] of answers.entries()) {
    expect(answer).not.toBe(labels[index]);
    expect((queries?.[index] ?? NaN) % 41).toBe(0);
    expect(queries?.[index]).toBeLessThan(settings.queries);
  }
});

it("ascends to the corner of the ball where the margin is largest", () => {
  const image = tf.fill<Tensor4D>([1, 8, 8, 3], 0.5);
  const batch = { images: image, labels: tf.tensor1d([0], "int32"), epsilon: 0.03, seed: [1, 2] as const };
  const robust: AttackTarget = { ...linear, logits: (points) => tf.add(linear.logits(points), [1000, 0]) };
  const { adversarial, queries } = gradientEstimation(robust, batch, {
    steps: 10,
    stepSize: 0.01,
    queries: 10 * 8001,
  });
  const corner = slope.dataSync().map((value) => Math.fround(0.5) + Math.sign(value) * Math.fround(0.03));
  const found = adversarial.dataSync();
  const steep = [...found.keys()].filter((index) => Math.abs(slope.dataSync()[index] ?? NaN) > 0.6);
  for (const index of steep) expect(found[index]).toBeCloseTo(corner[index] ?? NaN, 6);
  expect(queries?.[0]).toBe(10 * 8001);
});

it("says that its queries are too few for its steps", () => {
  const batch = { images, labels: tf.tensor1d(labels, "int32"), epsilon: 0.1, seed: [1, 2] as const };
  const settings = { steps: 20, stepSize: 0.01, queries: 59 };
  expect(() => gradientEstimation(linear, batch, settings)).toThrow(InputError);
  expect(() => gradientEstimation(linear, batch, settings)).toThrow("too few queries");
});
