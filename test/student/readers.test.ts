import { describe, expect, it } from "vitest";
import { initialWeights } from "#mtard/graph/initialize.js";
import type { Network } from "#mtard/graph/network.js";
import { parameterSpecs, type Weights } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { IMAGES, LOGITS, networkToOnnx } from "#mtard/onnx/writer.js";
import { onnxRuntime, openSession } from "#mtard/runtime/onnxruntime.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor, type Tensor1D, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { logitLoss } from "#mtard/attacks/logit-loss.js";
import { inferenceStudent } from "#mtard/student/inference.js";
import {
  disposeParameters,
  parametersFromWeights,
  weightsFromParameters,
} from "#mtard/student/parameters.js";
import { trainingBackward, trainingForward } from "#mtard/student/training-pass.js";

const SHAPE = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
const NORMALIZATION = { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] };
const COUNT = 4;
const NETWORKS = [
  "resnet-8",
  "resnet-14-a-end",
  "resnet-14-b",
  "resnet-18",
  "mobilenet-v2",
  "preact-resnet-18",
  "wide-resnet-10-2",
  "wide-resnet-10-2-deepmind",
];

/** Fresh weights with statistics and affine parameters that are not the trivial ones. */
function randomWeights(network: Network, random: Random): Weights {
  const weights = initialWeights(network, random);
  const variance = network.initialization === "kaiming-normal" ? 1 : 0.25;
  for (const { name, shape } of parameterSpecs(network)) {
    if (shape.length !== 1) continue;
    const data = weights.get(name)?.data as Float32Array;
    // About what the layers before really give, so that the signal does not die on its way.
    const [center, spread] = name.endsWith("running_var")
      ? [variance, variance / 5]
      : [name.endsWith(".weight") ? 1 : 0, 0.2];
    for (let index = 0; index < data.length; index++)
      data[index] = center + spread * (2 * random.uniform() - 1);
  }
  return weights;
}

function randomTensor(shape: number[], random: Random, draw: () => number): Tensor {
  return tf.tensor(Float32Array.from({ length: shape.reduce((a, b) => a * b, 1) }, draw), shape);
}

describe.each(NETWORKS)("%s", (id) => {
  const network = createNetwork(id, SHAPE, NORMALIZATION);
  const random = Random.fromSeed(3);
  const weights = randomWeights(network, random);
  const images = randomTensor([COUNT, 32, 32, 3], random, () => random.uniform()) as Tensor4D;
  const labels = tf.tensor1d([3, 1, 4, 1], "int32");

  it("answers in tfjs what ONNX Runtime answers", async () => {
    const parameters = parametersFromWeights(network, weights);
    const target = inferenceStudent(network, parameters);
    const ours = target.logits(images).dataSync<"float32">();
    const { session } = await openSession(
      networkToOnnx(network, weights, { version: "0", dataset: "test" }),
      "cpu",
      2,
    );
    const nchw = tf.transpose<Tensor4D>(images, [0, 3, 1, 2]).dataSync<"float32">();
    const { Tensor: OnnxTensor } = onnxRuntime();
    const answer = await session.run({ [IMAGES]: new OnnxTensor("float32", nchw, [COUNT, 3, 32, 32]) });
    const theirs = answer[LOGITS]?.data as Float32Array;
    const scale = Math.max(...theirs.map(Math.abs), 1);
    for (const [index, logit] of ours.entries()) {
      expect(Math.abs(logit - (theirs[index] ?? NaN)) / scale).toBeLessThan(1e-4);
    }
    target.dispose();
    disposeParameters(parameters);
    await session.release();
  });

  it("has the input gradient of central differences", () => {
    const parameters = parametersFromWeights(network, weights);
    const target = inferenceStudent(network, parameters);
    const loss = { kind: "crossEntropy", labels } as const;
    const { gradient } = target.lossGradient(images, loss);
    const norm = tf.norm(gradient).dataSync()[0] as number;
    const direction = tf.div<Tensor4D>(gradient, norm);
    const step = 2e-2 / Math.max(1, norm);
    const at = (distance: number): number => {
      const logits = target.logits(tf.add(images, tf.mul(direction, distance)));
      return tf.sum(logitLoss(logits, loss).loss).dataSync()[0] as number;
    };
    expect(norm).toBeGreaterThan(1e-3);
    expect(Math.abs((at(step) - at(-step)) / (2 * step) / norm - 1)).toBeLessThan(0.02);
    target.dispose();
    disposeParameters(parameters);
  });

  it("has the parameter gradients of central differences, in training mode", () => {
    const gradients = new Map<string, Tensor>();
    const parameters = parametersFromWeights(network, weights);
    const pass = trainingForward(network, parameters, images);
    const logitsGradient = logitLoss(pass.logits, { kind: "crossEntropy", labels }).gradient;
    trainingBackward(network, parameters, pass, logitsGradient, gradients);
    disposeParameters(parameters);
    const host = weightsFromParameters(network, gradients);

    // Along the gradient of one layer at a time, so that a wrong layer cannot hide behind the others.
    const trained = parameterSpecs(network).filter(({ kind, name }) => kind === "trained" && host.has(name));
    expect(trained.length).toBe(gradients.size);
    const checked = [trained[0], trained[Math.floor(trained.length / 2)], ...trained.slice(-5)];
    for (const spec of checked) {
      if (!spec) continue;
      const slope = host.get(spec.name)?.data as Float32Array;
      const norm = Math.sqrt(slope.reduce((sum, value) => sum + value * value, 0));
      const step = 1e-2 / Math.max(1, norm);
      const at = (distance: number): number => {
        const moved = new Map(weights);
        const original = weights.get(spec.name)?.data as Float32Array;
        const data = original.map((value, index) => value + (distance * (slope[index] ?? 0)) / norm);
        moved.set(spec.name, { shape: spec.shape, data });
        return summedLoss(network, moved, images, labels);
      };
      if (norm < 1e-2) continue;
      expect(Math.abs((at(step) - at(-step)) / (2 * step) / norm - 1), spec.name).toBeLessThan(0.05);
    }
  });
});

function summedLoss(network: Network, weights: Weights, images: Tensor4D, labels: Tensor1D): number {
  const parameters = parametersFromWeights(network, weights);
  const pass = trainingForward(network, parameters, images);
  const loss = tf.sum(logitLoss(pass.logits, { kind: "crossEntropy", labels }).loss).dataSync()[0] as number;
  const unused = new Map<string, Tensor>();
  trainingBackward(network, parameters, pass, tf.zerosLike(pass.logits), unused);
  tf.dispose([...unused.values()]);
  disposeParameters(parameters);
  return loss;
}
