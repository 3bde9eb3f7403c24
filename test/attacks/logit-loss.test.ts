import { expect, it } from "vitest";
import { logitLoss } from "#mtard/attacks/logit-loss.js";
import { tf } from "#mtard/runtime/tensorflow.js";

it("cross-entropy and its gradient are PyTorch's", () => {
  // torch.nn.functional.cross_entropy(z, y, reduction="none") and the gradient of its sum, in float64.
  const logits = tf.tensor2d([1.5, -0.5, 0.25, 20, 0, -20], [2, 3]);
  const { loss, gradient } = logitLoss(logits, {
    kind: "crossEntropy",
    labels: tf.tensor1d([2, 1], "int32"),
  });
  const expectedLoss = [1.60195186, 20.0000000021];
  const expectedGradient = [0.70331398, 0.0951832, -0.79849717, 0.9999999979, -0.9999999979, 4.248354e-18];
  for (const [index, value] of loss.dataSync().entries())
    expect(value).toBeCloseTo(expectedLoss[index] ?? NaN, 5);
  for (const [index, value] of gradient.dataSync().entries())
    expect(value).toBeCloseTo(expectedGradient[index] ?? NaN, 6);
});
