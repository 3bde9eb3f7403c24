import { expect, it } from "vitest";
import { logitLoss } from "#mtard/attacks/logit-loss.js";
import { floatValue, node } from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { tf, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { onnxTarget } from "#mtard/model/onnx-target.js";
import { loadTeacher } from "#mtard/teacher/load.js";
import { relativeNorm } from "../golden.js";
import { model } from "../onnx/models.js";
import { hasShared, shared } from "../shared.js";

it.skipIf(!hasShared)(
  "gives the same gradient for a loss and for its gradient in the logits, and leaves no tensor behind",
  () => {
    const shape = { name: "cifar10", image: { height: 32, width: 32, channels: 3 }, classes: 10 };
    const teacher = loadTeacher({ kind: "file", path: shared("teachers/cifar10-cnn-robust.onnx") }, shape);
    const target = onnxTarget(teacher, { name: "robust", classes: 10, device: "cpu", threads: 2 });
    const before = tf.memory().numTensors;
    const difference = tf.tidy(() => {
      const images = tf.randomUniform<Tensor4D>([2, 32, 32, 3], 0, 1, "float32", 1);
      const labels = tf.tensor1d([3, 7], "int32");
      const { logits, gradient } = target.lossGradient(images, { kind: "crossEntropy", labels });
      const cotangent = logitLoss(logits, { kind: "crossEntropy", labels }).gradient;
      const product = target.vectorJacobianProduct(images, cotangent);
      expect(product.logits.dataSync()).toEqual(logits.dataSync());
      return relativeNorm(product.gradient.dataSync<"float32">(), gradient.dataSync<"float32">());
    });
    expect(difference).toBeLessThan(1e-5);
    expect(tf.memory().numTensors).toBe(before);
    target.dispose();
  },
);

it("answers logits of a graph without a gradient, and names the operator when asked for one", () => {
  const graph = {
    node: [
      node("GlobalAveragePool", ["images"], "pooled"),
      node("Flatten", ["pooled"], "features"),
      { ...node("Cos", ["features"], "logits"), name: "waves" },
    ],
    input: [floatValue("images", ["batch", 3, 4, 4])],
    output: [floatValue("logits", ["batch", 3])],
  };
  const bytes = serializeModel(model(graph));
  const waves = onnxTarget(
    { model: bytes, dataFolder: null },
    { name: "waves.onnx", classes: 3, device: "cpu", threads: 1 },
  );
  const images = tf.zeros<Tensor4D>([2, 4, 4, 3]);
  const labels = tf.tensor1d([0, 1], "int32");
  expect([...waves.logits(images).dataSync()]).toEqual([1, 1, 1, 1, 1, 1]);
  expect(() => waves.lossGradient(images, { kind: "crossEntropy", labels })).toThrow(
    expect.objectContaining({
      message: 'no gradient of Cos, node "waves"',
      detail: expect.objectContaining({
        fix:
          "attacks that need no gradient: square, rays, gradient-estimation, or with --surrogate " +
          "transfer-pgd-trades, transfer-cw; or export the model without this operator",
      }) as object,
    }) as Error,
  );
  waves.dispose();
});
