import { expect, it } from "vitest";
import { floatTensor, floatValue, intAttribute, node } from "#mtard/onnx/build.js";
import { differentiate } from "#mtard/onnx/gradient/differentiate.js";
import { lossGradientModel } from "#mtard/onnx/gradient/loss-gradient.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { onnxRuntime } from "#mtard/runtime/onnxruntime.js";
import { openSynchronousModel } from "#mtard/runtime/synchronous-session.js";
import { model, values } from "../models.js";

/* ONNX Runtime takes any transB but 0 for true; the gradient is compared with its own central differences. */

it("goes through a Gemm whose transB is 2", () => {
  const graph = model({
    node: [
      node("Flatten", ["images"], "flat"),
      node("Gemm", ["flat", "weight", "bias"], "hidden", [intAttribute("transB", 2)]),
      node("Tanh", ["hidden"], "bent"),
      node("Gemm", ["bent", "head"], "logits", [intAttribute("transB", 2)]),
    ],
    initializer: [
      floatTensor("weight", [6, 12], values(72, 1, 0.5)),
      floatTensor("bias", [6], values(6, 2)),
      floatTensor("head", [5, 6], values(30, 3, 0.5)),
    ],
    input: [floatValue("images", ["batch", 3, 2, 2])],
    output: [floatValue("logits", ["batch", 5])],
  });
  const options = { device: "cpu", threads: 1, dataFolder: null } as const;
  const { Tensor } = onnxRuntime();
  const dims = [2, 3, 2, 2];
  const cotangent = values(10, 5);
  const images = values(24, 4).map((value) => value / 2 + 0.5);

  const plain = openSynchronousModel(serializeModel(graph), options);
  const lossOf = (at: Float32Array): number => {
    const { logits } = plain.run({ images: new Tensor("float32", at, dims) });
    const answered = logits?.data as Float32Array;
    return answered.reduce((sum, logit, index) => sum + logit * (cotangent[index] as number), 0);
  };
  const STEP = 1e-2;
  const differences = images.map((_, index) => {
    const moved = (by: number): Float32Array =>
      images.map((pixel, at) => (at === index ? pixel + by : pixel));
    return (lossOf(moved(STEP)) - lossOf(moved(-STEP))) / (2 * STEP);
  });

  const written = lossGradientModel(differentiate(graph, null), "cotangent");
  const session = openSynchronousModel(serializeModel(written), options);
  const answer = session.run({
    images: new Tensor("float32", images, dims),
    cotangent: new Tensor("float32", cotangent, [2, 5]),
  });
  plain.release();
  session.release();
  const gradient = Object.values(answer).find((value) => value?.dims.length === 4)?.data as Float32Array;
  expect(gradient).toHaveLength(24);
  const largest = Math.max(...differences.map(Math.abs));
  expect(largest).toBeGreaterThan(0.1);
  for (const [index, difference] of differences.entries())
    expect(Math.abs((gradient[index] as number) - difference)).toBeLessThan(1e-3 * largest);
});
