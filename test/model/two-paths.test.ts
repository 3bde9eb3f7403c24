import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import type { LogitLoss } from "#mtard/attacks/logit-loss.js";
import { climb } from "#mtard/attacks/pgd.js";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { matchWeights } from "#mtard/weights/match-weights.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { evaluationBatches } from "#mtard/data/batches.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset } from "#mtard/data/store.js";
import type { Network } from "#mtard/graph/network.js";
import { storedWeights, type Weights } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { writeModel } from "#mtard/onnx/write-model.js";
import { networkModel, networkToOnnx } from "#mtard/onnx/writer.js";
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

/** The loss, logits and gradient of the formula's two images. */
function answerOf(
  target: AttackTarget,
  loss: LogitLoss,
): Record<"loss" | "logits" | "gradient", Float32Array> {
  const nchw = tf.tensor4d(formulaImages(32), [2, 3, 32, 32]);
  const answer = target.lossGradient(tf.transpose<Tensor4D>(nchw, [0, 2, 3, 1]), loss);
  return {
    loss: answer.loss.dataSync<"float32">(),
    logits: answer.logits.dataSync<"float32">(),
    gradient: answer.gradient.dataSync<"float32">(),
  };
}

const labels = tf.tensor1d([3, 8], "int32");
const probabilities = tf.softmax(
  tf.tensor2d(
    Float32Array.from({ length: 20 }, (_, index) => index % 7),
    [2, 10],
  ),
);

describe.each(["resnet-20", "resnet-18", "preact-resnet-18", "wide-resnet-16-2", "mobilenet-v2"])(
  "%s",
  (id) => {
    const network = createNetwork(id, { image, classes: 10 }, goldenNormalization);
    const weights = formulaWeights(network);

    it.each<LogitLoss>([
      { kind: "crossEntropy", labels },
      { kind: "klTo", probabilities },
      { kind: "squaredTo", probabilities },
    ])("has the same $kind and gradient by both", (loss) => {
      const [student, target] = [
        studentOf(network, weights),
        targetOf(networkToOnnx(network, weights, origin)),
      ];
      const [theirs, ours] = [answerOf(student, loss), answerOf(target, loss)];
      for (const part of ["loss", "logits", "gradient"] as const)
        expect(relativeNorm(ours[part], theirs[part]), part).toBeLessThan(1e-4);
      student.dispose();
      target.dispose();
    });
  },
);

it("weights in external data give the same bits as weights in the graph", () => {
  const network = createNetwork("resnet-8", { image, classes: 10 });
  const weights = formulaWeights(network);
  const path = join(folder, "model.onnx");
  const { data } = writeModel(path, networkModel(network, storedWeights(weights), origin), { embedLimit: 0 });
  expect(data).toHaveLength(1);
  const loss = { kind: "crossEntropy", labels } as const;
  const outside = answerOf(targetOf(readFileSync(path), folder), loss);
  expect(outside).toEqual(answerOf(targetOf(networkToOnnx(network, weights, origin)), loss));
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
    for (const { images, labels: classes, count } of evaluationBatches(test, image, 64)) {
      const [one, other] = targets.map((target) =>
        tf.tidy(() => {
          const clean = tf.tensor4d(images, [count, 32, 32, 3]);
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
