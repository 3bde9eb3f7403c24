import { describe, expect, it } from "vitest";
import { parameterCount } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { IMAGES, LOGITS, networkToOnnx } from "#mtard/onnx/writer.js";
import { onnxRuntime, openSession } from "#mtard/runtime/onnxruntime.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent } from "#mtard/student/inference.js";
import { disposeParameters, parametersFromWeights } from "#mtard/student/parameters.js";
import {
  formulaImages,
  formulaWeights,
  goldenNetworks,
  goldenNormalization,
  relativeError,
} from "./formula.js";

const TOLERANCE = 1e-4;

describe.each(goldenNetworks)("$id for $size x $size images and $classes classes", (golden) => {
  const { id, size, classes, parameters } = golden;
  const shape = { image: { height: size, width: size, channels: 3 }, classes };
  const bare = createNetwork(id, shape);
  const network = bare.normalization ? bare : createNetwork(id, shape, goldenNormalization);
  const expected = golden.logits.flat();

  it("has PyTorch's number of parameters", () => {
    expect(parameterCount(network)).toBe(parameters);
  });

  it(
    "gives PyTorch's logits in tfjs and in ONNX Runtime, and the same in both",
    { timeout: 600_000 },
    async () => {
      const weights = formulaWeights(network);
      const images = formulaImages(size);
      const ours = studentLogits(weights, images);
      const theirs = await onnxLogits(weights, images);
      expect(relativeError(ours, expected)).toBeLessThan(TOLERANCE);
      expect(relativeError(theirs, expected)).toBeLessThan(TOLERANCE);
      expect(relativeError(ours, [...theirs])).toBeLessThan(TOLERANCE);
    },
  );

  function studentLogits(weights: ReturnType<typeof formulaWeights>, images: Float32Array): Float32Array {
    const before = tf.memory().numTensors;
    const tensors = parametersFromWeights(network, weights);
    const student = inferenceStudent(network, tensors);
    disposeParameters(tensors);
    const logits = tf.tidy(() => {
      const nchw = tf.tensor4d(images, [2, 3, size, size]);
      return student.logits(tf.transpose(nchw, [0, 2, 3, 1])).dataSync<"float32">();
    });
    student.dispose();
    expect(tf.memory().numTensors - before).toBeLessThan(10); // kept transforms and shapes
    return logits;
  }

  async function onnxLogits(
    weights: ReturnType<typeof formulaWeights>,
    images: Float32Array,
  ): Promise<Float32Array> {
    const { session } = await openSession(
      networkToOnnx(network, weights, { version: "0", dataset: "test" }),
      "cpu",
      2,
    );
    const { Tensor } = onnxRuntime();
    const results = await session.run({ [IMAGES]: new Tensor("float32", images, [2, 3, size, size]) });
    await session.release();
    return results[LOGITS]?.data as Float32Array;
  }
});
