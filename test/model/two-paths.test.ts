import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import { ValueInfoProtoSchema } from "onnx-buf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { LogitLoss } from "#mtard/attacks/logit-loss.js";
import { climb } from "#mtard/attacks/pgd.js";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { matchWeights } from "#mtard/weights/match-weights.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { imagesAt } from "#mtard/data/batches.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset } from "#mtard/data/store.js";
import type { Network } from "#mtard/graph/network.js";
import { storedWeights, type Weights } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { writeModel } from "#mtard/onnx/write-model.js";
import { networkModel, networkToOnnx } from "#mtard/onnx/writer.js";
import { parseModel, serializeModel } from "#mtard/onnx/model.js";
import { onnxRuntime, openSession } from "#mtard/runtime/onnxruntime.js";
import { tf, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent, type InferenceStudent } from "#mtard/student/inference.js";
import { disposeParameters, parametersFromWeights } from "#mtard/student/parameters.js";
import { onnxTarget, type OnnxTarget } from "#mtard/model/onnx-target.js";
import { relativeNorm } from "../golden.js";
import { formulaImages, formulaWeights, goldenNormalization } from "../networks/formula.js";
import { hasShared, shared } from "../shared.js";

/* The same weights by libtensorflow, with the gradient of `student/`, and by ONNX Runtime, with that of `onnx/gradient/`. */

const image = { height: 32, width: 32, channels: 3 };
const origin = { version: "0.0.0-test", dataset: "cifar10" };
const folder = mkdtempSync(join(tmpdir(), "mtard-two-paths-"));
afterAll(() => rmSync(folder, { recursive: true }));

function studentOf(network: Network, weights: Weights): InferenceStudent {
  const parameters = parametersFromWeights(network, weights);
  const student = inferenceStudent(network, parameters);
  disposeParameters(parameters);
  return student;
}

function targetOf(model: Uint8Array, dataFolder: string | null = null): OnnxTarget {
  return onnxTarget({ model, dataFolder }, { name: "it", classes: 10, device: "cpu", threads: 1 });
}

/** The loss, logits and gradient of two images `[2, 3, size, size]`. */
function answerOf(
  target: AttackTarget,
  loss: LogitLoss,
  values: Float32Array,
): Record<"loss" | "logits" | "gradient", Float32Array> {
  const size = Math.sqrt(values.length / 6);
  const nchw = tf.tensor4d(values, [2, 3, size, size]);
  const answer = target.lossGradient(tf.transpose<Tensor4D>(nchw, [0, 2, 3, 1]), loss);
  return {
    loss: answer.loss.dataSync<"float32">(),
    logits: answer.logits.dataSync<"float32">(),
    gradient: answer.gradient.dataSync<"float32">(),
  };
}

/** Images that are tried, of which the two farthest from all corners are taken. */
const TRIED = 20;

/**
 * Two of the formula's images at which no input of ReLU or ReLU6 lies within rounding of a corner, where the gradient jumps: which side an
 * engine takes there differs by processor.
 */
async function smoothImages(model: Uint8Array, size: number): Promise<Float32Array> {
  const watched = parseModel(model, "it");
  const nodes = watched.graph?.node.filter(({ opType }) => opType === "Relu" || opType === "Clip") ?? [];
  for (const { input } of nodes)
    watched.graph?.output.push(create(ValueInfoProtoSchema, { name: input[0] ?? "" }));
  const { session } = await openSession(serializeModel(watched), "cpu", 2, { optimized: false });
  const { Tensor } = onnxRuntime();
  const tried = [];
  for (let index = 0; index < TRIED; index++) {
    const values = formulaImages(size, 1, `images ${index}`);
    const seen = await session.run({ images: new Tensor("float32", values, [1, 3, size, size]) });
    const distances = nodes.map(({ opType, input }) =>
      (seen[input[0] ?? ""]?.data as Float32Array).reduce(
        (least, value) =>
          Math.min(least, Math.abs(value), opType === "Clip" ? Math.abs(value - 6) : Infinity),
        Infinity,
      ),
    );
    tried.push({ values, distance: Math.min(...distances) });
  }
  await session.release();
  const [first, second] = tried.sort((one, other) => other.distance - one.distance);
  expect(second?.distance).toBeGreaterThan(5e-6);
  return Float32Array.from([...(first?.values ?? []), ...(second?.values ?? [])]);
}

const labels = tf.tensor1d([3, 8], "int32");
const probabilities = tf.softmax(
  tf.tensor2d(
    Float32Array.from({ length: 20 }, (_, index) => index % 7),
    [2, 10],
  ),
);

// On images of 32x32 MobileNet-v2 has 1.5 million activations, and some of them always lie at a corner.
describe.each([
  ["resnet-20", 32],
  ["resnet-18", 32],
  ["preact-resnet-18", 32],
  ["wide-resnet-16-2", 32],
  ["mobilenet-v2", 8],
])("%s", (id, size) => {
  const shape = { height: size, width: size, channels: 3 };
  const network = createNetwork(id, { image: shape, classes: 10 }, goldenNormalization);
  const weights = formulaWeights(network);
  const model = networkToOnnx(network, weights, origin);
  let images: Float32Array;
  beforeAll(async () => {
    images = await smoothImages(model, size);
  });

  it.each<LogitLoss>([
    { kind: "crossEntropy", labels },
    { kind: "klTo", probabilities },
    { kind: "squaredTo", probabilities },
  ])("has the same $kind and gradient by both", (loss) => {
    const [student, target] = [studentOf(network, weights), targetOf(model)];
    const [theirs, ours] = [answerOf(student, loss, images), answerOf(target, loss, images)];
    for (const part of ["loss", "logits", "gradient"] as const)
      expect(relativeNorm(ours[part], theirs[part]), part).toBeLessThan(1e-4);
    student.dispose();
    target.dispose();
  });
});

it("MobileNet-v2 has the same logits by both on images of 32x32 too", () => {
  const network = createNetwork("mobilenet-v2", { image, classes: 10 }, goldenNormalization);
  const weights = formulaWeights(network);
  const [student, target] = [studentOf(network, weights), targetOf(networkToOnnx(network, weights, origin))];
  const loss = { kind: "crossEntropy", labels } as const;
  const [theirs, ours] = [
    answerOf(student, loss, formulaImages(32)),
    answerOf(target, loss, formulaImages(32)),
  ];
  expect(relativeNorm(ours.logits, theirs.logits)).toBeLessThan(1e-4);
  student.dispose();
  target.dispose();
});

it("weights in external data give the same bits as weights in the graph", () => {
  const network = createNetwork("resnet-8", { image, classes: 10 });
  const weights = formulaWeights(network);
  const path = join(folder, "model.onnx");
  const { data } = writeModel(path, networkModel(network, storedWeights(weights), origin), { embedLimit: 0 });
  expect(data).toHaveLength(1);
  const loss = { kind: "crossEntropy", labels } as const;
  const outside = answerOf(targetOf(readFileSync(path), folder), loss, formulaImages(32));
  expect(outside).toEqual(
    answerOf(targetOf(networkToOnnx(network, weights, origin)), loss, formulaImages(32)),
  );
});

describe.skipIf(!hasShared)("cifar10-resnet20-robust.pth, both ways", () => {
  it.each([
    ["FGSM", 8 / 255, 1],
    ["PGD without a start", 2 / 255, 10],
  ])("%s turns at least 99% of 128 images into the same class", async (_, stepSize, steps) => {
    await prepareDataset("cifar10", folder, { from: shared("data/cifar-10-binary-subset.tar.gz") });
    const { test } = openDataset("cifar10", folder, { test: 128 });
    const path = shared("teachers/cifar10-resnet20-robust.pth");
    const normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
    const network = createNetwork("resnet-20", { image, classes: 10 }, normalization);
    const weights = matchWeights(network, (await readWeightsFile(path)).weights, path);
    const targets = [studentOf(network, weights), targetOf(networkToOnnx(network, weights, origin))];
    let same = 0;
    for (const first of [0, 64]) {
      const places = Array.from({ length: 64 }, (_, index) => first + index);
      const images = imagesAt(test, image, places);
      const classes = test.labels.slice(first, first + 64);
      const [one, other] = targets.map((target) =>
        tf.tidy(() => {
          const clean = tf.tensor4d(images, [64, 32, 32, 3]);
          const loss = { kind: "crossEntropy", labels: tf.tensor1d(classes, "int32") } as const;
          const attacked = climb(target, clean, clean, loss, { epsilon: 8 / 255, stepSize, steps });
          return tf.argMax(target.logits(attacked), 1).arraySync() as number[];
        }),
      );
      same += (one ?? []).filter((answer, index) => answer === other?.[index]).length;
    }
    expect(same / 128).toBeGreaterThanOrEqual(0.99);
  });
});
