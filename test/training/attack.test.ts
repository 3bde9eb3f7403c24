import { afterAll, describe, expect, it } from "vitest";
import { initialWeights } from "#mtard/graph/initialize.js";
import { type MethodId, methods } from "#mtard/methods/methods.js";
import type { Method, MethodSettings } from "#mtard/methods/method.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import {
  disposeParameters,
  parametersFromWeights,
  weightsFromParameters,
} from "#mtard/student/parameters.js";
import { keptShapes } from "#mtard/student/kernels.js";
import { initialMomenta } from "#mtard/student/sgd.js";
import { trainingForward, trainingInputGradient } from "#mtard/student/training-pass.js";
import { trainingTarget } from "#mtard/student/training-target.js";
import { attackStudent } from "#mtard/training/attack.js";
import { forwardStudent } from "#mtard/training/step.js";
import type { Trainee } from "#mtard/training/trainee.js";

const COUNT = 6;
const SHAPE = { image: { height: 8, width: 8, channels: 3 }, classes: 10 };
const network = {
  ...createNetwork("resnet-8", SHAPE),
  normalization: { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] } as const,
};
const random = Random.fromSeed(31);
const images = tf.tensor4d(
  Float32Array.from({ length: COUNT * 8 * 8 * 3 }, () => random.uniform()),
  [COUNT, 8, 8, 3],
);
const labels = tf.tensor1d([0, 1, 2, 3, 4, 5], "int32");
const trainees: Trainee[] = [];

afterAll(() => {
  for (const { parameters, momenta } of trainees) {
    disposeParameters(parameters);
    disposeParameters(momenta);
  }
});

function traineeOf(id: MethodId): Trainee {
  const parameters = parametersFromWeights(network, initialWeights(network, Random.fromSeed(7)));
  const method: Method = methods[id];
  const state = method.initialState(settingsOf(id), SHAPE.classes);
  const momenta = initialMomenta(network, parameters);
  const trainee = {
    network,
    parameters,
    momenta,
    method,
    state,
    cleanTeacher: null,
    robustTeacher: null,
    precision: "float32" as const,
  };
  trainees.push(trainee);
  return trainee;
}

function settingsOf(id: MethodId, changes: Partial<MethodSettings> = {}): MethodSettings {
  return { ...recipe({ dataset: "cifar10", method: id, student: "resnet-18" }), ...changes };
}

const robustTeacherNat = {
  values: Float32Array.from({ length: COUNT * 10 }, () => 4 * random.uniform()),
  classes: 10,
};

const statistic = (trainee: Trainee, name: string): Float32Array =>
  weightsFromParameters(network, trainee.parameters).get(name)?.data as Float32Array;

describe("a student attacked in training mode", () => {
  it("has the input gradient that central differences of its loss have", () => {
    const { parameters } = traineeOf("ard");
    const target = trainingTarget(network, parameters, "kept");
    const loss = { kind: "crossEntropy", labels } as const;
    const { gradient, logits, loss: each } = target.lossGradient(images, loss);
    // Mostly uphill, so that the slope stands out from the rounding of float32 over a step that crosses few kinks.
    const stretch = tf.tensor4d(
      Float32Array.from({ length: images.size }, () => random.uniform()),
      images.shape,
    );
    const direction = tf.mul<Tensor4D>(tf.sign(gradient), stretch);
    const along = tf.sum(tf.mul(gradient, direction)).dataSync()[0] ?? NaN;
    const value = (by: number): number => {
      const moved = target.lossGradient(tf.add(images, tf.mul(direction, by)), loss);
      return moved.loss.dataSync<"float32">().reduce((sum, entry) => sum + entry, 0);
    };
    const step = 1e-4;
    const difference = (value(step) - value(-step)) / (2 * step);
    expect(Math.abs(along / difference - 1)).toBeLessThan(0.01);
    expect(Math.abs(along)).toBeGreaterThan(10);
    expect(target.logits(images).dataSync()).toEqual(logits.dataSync());
    expect(each.shape).toEqual([COUNT]);
  });

  it("has the gradient of a pass that also gives the parameters theirs", () => {
    const { parameters } = traineeOf("ard");
    const target = trainingTarget(network, parameters, "kept");
    const { gradient, logits } = target.lossGradient(images, { kind: "crossEntropy", labels });
    const pass = trainingForward(network, parameters, images);
    expect(pass.logits.dataSync()).toEqual(logits.dataSync());
    const logitsGradient = tf.sub<typeof logits>(tf.softmax(logits), tf.oneHot(labels, 10));
    const whole = trainingInputGradient(network, parameters, pass, logitsGradient);
    const largest = tf.max(tf.abs(tf.sub(whole, gradient))).dataSync()[0];
    expect(largest).toBeLessThan(1e-6);
  });

  it("takes every look into the running statistics, or none", () => {
    // At epsilon 0 every look sees the images alone, so k looks leave (1 - 0.9^k) of their mean.
    const still = { epsilon: 0, innerSteps: 4, innerStart: 0 } as const;
    const once = traineeOf("ard");
    forwardStudent(once, images, images);
    const moved = traineeOf("ard");
    const attacked = attackStudent(moved, images, labels, settingsOf("ard", still), [1, 2]);
    expect(attacked?.adversarial.dataSync()).toEqual(images.dataSync());
    const twoLooks = statistic(once, "bn1.running_mean");
    const fourLooks = statistic(moved, "bn1.running_mean");
    const ratio = (1 - 0.9 ** 4) / (1 - 0.9 ** 2);
    for (const [index, value] of fourLooks.entries())
      expect(value).toBeCloseTo(ratio * (twoLooks[index] ?? NaN), 5);
    const kept = traineeOf("score");
    const before = statistic(kept, "bn1.running_mean");
    attackStudent(kept, images, labels, settingsOf("score", { innerMode: "untracked" }), [1, 2]);
    expect(statistic(kept, "bn1.running_mean")).toEqual(before);
  });
});

it("TRADES' running statistics take in x, x' and x again", () => {
  const twice = traineeOf("trades");
  const passes = forwardStudent(twice, images, tf.zerosLike(images));
  const alone = (input: Tensor4D): Float32Array => {
    const trainee = traineeOf("natural");
    forwardStudent(trainee, input, null);
    return statistic(trainee, "bn1.running_mean").map((value) => value / 0.1);
  };
  const [clean, adversarial] = [alone(images), alone(tf.zerosLike(images))];
  for (const [index, value] of statistic(twice, "bn1.running_mean").entries()) {
    const expected = (0.1 + 0.081) * (clean[index] ?? NaN) + 0.09 * (adversarial[index] ?? NaN);
    expect(value).toBeCloseTo(expected, 5);
  }
  expect(passes.nat?.logits.shape).toEqual([COUNT, 10]);
});

describe.each(["sat", "trades", "score", "ard", "rslad", "fair-ard", "absld", "lmtn", "b-mtard"] as const)(
  "the inner attack of %s",
  (id) => {
    it.each(["inference", "training", "untracked"] as const)(
      "in %s mode stays in the ball and leaves no tensor",
      (innerMode) => {
        const trainee = traineeOf(id);
        const settings = settingsOf(id, { innerMode, innerSteps: 3 });
        const tensors = (): number => tf.memory().numTensors - keptShapes();
        const before = tensors();
        const attacked = attackStudent(trainee, images, labels, settings, [3, 4], robustTeacherNat);
        if (!attacked) throw new Error(`${id} attacks nothing`);
        const clean = images.dataSync();
        const distances = attacked.adversarial
          .dataSync<"float32">()
          .map((value, index) => Math.abs(value - (clean[index] ?? NaN)));
        expect(Math.max(...distances)).toBeLessThanOrEqual(settings.epsilon + 1e-6);
        expect(Math.max(...distances)).toBeGreaterThan(settings.innerStepSize * 0.9);
        attacked.adversarial.dispose();
        expect(tensors()).toBe(before);
      },
    );
  },
);

it("Fair-ARD counts for each image at how many looks it was right", () => {
  const trainee = traineeOf("fair-ard");
  const settings = settingsOf("fair-ard", {
    epsilon: 0,
    innerStart: 0,
    innerSteps: 4,
    innerMode: "untracked",
  });
  const target = trainingTarget(network, trainee.parameters, "kept");
  const predicted = tf.argMax(target.logits(images), 1).dataSync<"int32">();
  // Two labels as predicted, the others one beside: at epsilon 0 right at all four looks, or at none.
  const chosen = Int32Array.from(predicted, (label, index) => (index < 2 ? label : (label + 1) % 10));
  const found = attackStudent(trainee, images, tf.tensor1d(chosen, "int32"), settings, [1, 2]);
  expect([...(found?.rightIterates ?? [])]).toEqual([4, 4, 0, 0, 0, 0]);
  // Free to move, the first look is at the start and the last before the final step.
  const free = settingsOf("fair-ard", {
    innerStart: 0,
    innerSteps: 5,
    innerStepSize: 8 / 255,
    innerMode: "untracked",
  });
  const right = tf.tensor1d(predicted, "int32");
  const counts = attackStudent(trainee, images, right, free, [1, 2])?.rightIterates ?? [];
  for (const count of counts) {
    expect(count).toBeGreaterThanOrEqual(1);
    expect(count).toBeLessThanOrEqual(5);
  }
  expect(Math.min(...counts)).toBeLessThan(5);
});
