import { expect, it } from "vitest";
import { tf } from "#mtard/runtime/tensorflow.js";
import { sgdStep } from "#mtard/student/sgd.js";

// torch.optim.SGD(lr=0.1, momentum=0.9, weight_decay=2e-4) on w = [1, -2] with gradients [0.5, 0.25] and [-1, 2].
it.each([
  [false, [1.004943, -2.247383501]],
  [true, [1.054411411, -2.447563798]],
])("two steps, Nesterov %s, are PyTorch's", (nesterov, expected) => {
  const parameters = new Map([["w", tf.tensor1d([1, -2])]]);
  const momenta = new Map([["w", tf.tensor1d([0, 0])]]);
  const settings = { learningRate: 0.1, momentum: 0.9, weightDecay: 2e-4, nesterov };
  for (const gradient of [
    [0.5, 0.25],
    [-1, 2],
  ])
    sgdStep(parameters, momenta, new Map([["w", tf.tensor1d(gradient)]]), settings);
  for (const [index, value] of (parameters.get("w")?.dataSync() ?? []).entries())
    expect(value).toBeCloseTo(expected[index] ?? NaN, 6);
});
