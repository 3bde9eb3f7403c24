import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { Rank } from "@tensorflow/tfjs-node-gpu";
import { logitLoss } from "#mtard/attacks/logit-loss.js";
import { pgd } from "#mtard/attacks/pgd.js";
import { evaluationBatches } from "#mtard/data/batches.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset, type Split } from "#mtard/data/store.js";
import { evaluate } from "#mtard/evaluation/evaluate.js";
import type { Evaluation } from "#mtard/evaluation/summary.js";
import { floatValue, node } from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { onnxTarget, type OnnxTarget } from "#mtard/subject/onnx-target.js";
import { loadTeacher } from "#mtard/teacher/store.js";
import { goldenJson, relativeNorm } from "../golden.js";
import { model } from "../onnx/models.js";
import { hasShared, shared } from "../shared.js";

const IMAGE = { height: 32, width: 32, channels: 3 };
const EPSILON = 8 / 255;
const MODEL = "cifar10-cnn-robust.onnx";

type Golden = Record<"clean" | "fgsm" | "pgd-sat-no-start" | "pgd-sat" | "pgd-trades", readonly number[]>;

describe.skipIf(!hasShared)(
  "a robust ONNX model on 256 images of CIFAR-10, against golden/attacks.json",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "mtard-onnx-target-"));
    let golden: Golden;
    let split: Split;
    let target: OnnxTarget;
    let evaluation: Evaluation;

    beforeAll(async () => {
      await prepareDataset("cifar10", folder, { from: shared("data/cifar-10-binary-subset.tar.gz") });
      split = openDataset("cifar10", folder, { test: 256 }).test;
      const shape = { name: "cifar10", image: IMAGE, classes: 10 };
      const teacher = loadTeacher(shared(`teachers/${MODEL}`), folder, shape);
      target = onnxTarget(teacher, { name: MODEL, classes: 10, device: "cpu", threads: 2 });
      golden = goldenJson<Record<string, Golden>>("attacks.json")[MODEL] as Golden;
      const attacks = ["fgsm", "pgd-sat", "pgd-trades"] as const;
      evaluation = await evaluate(target, split, IMAGE, {
        attacks,
        epsilon: EPSILON,
        batchSize: 64,
        seed: 0,
      });
    }, 600_000);

    afterAll(() => {
      target.dispose();
      rmSync(folder, { recursive: true });
    });

    function agreement(ours: readonly boolean[], theirs: readonly number[]): number {
      return ours.filter((right, index) => Number(right) === theirs[index]).length / theirs.length;
    }

    it("is right on the same clean images", () => {
      expect(evaluation.perExample.map(({ clean, label }) => Number(clean === label))).toEqual(golden.clean);
    });

    it("withstands FGSM on at least 98% of the same images", () => {
      const ours = evaluation.perExample.map(
        ({ clean, label, attacks }) => clean === label && attacks.fgsm === label,
      );
      expect(agreement(ours, golden.fgsm)).toBeGreaterThanOrEqual(0.98);
    });

    it("withstands PGD without a start on at least 98% of the same images", () => {
      const ours: boolean[] = [];
      for (const { images, labels, count } of evaluationBatches(split, IMAGE, 64)) {
        const clean = tf.tensor4d(images, [count, 32, 32, 3]);
        const classes = tf.tensor1d(labels, "int32");
        const settings = { epsilon: EPSILON, stepSize: 2 / 255, steps: 20, start: "image" } as const;
        const adversarial = pgd(target, clean, { kind: "crossEntropy", labels: classes }, settings, [0, 0]);
        const answers = tf.tidy(() => tf.argMax(target.logits(adversarial), 1)).dataSync();
        for (const [index, label] of labels.entries()) ours.push(answers[index] === label);
        tf.dispose([clean, classes, adversarial]);
      }
      const robust = ours.map((right, index) => right && golden.clean[index] === 1);
      expect(agreement(robust, golden["pgd-sat-no-start"])).toBeGreaterThanOrEqual(0.98);
    });

    it.each(["pgd-sat", "pgd-trades"] as const)("has the robust accuracy of %s within 1 point", (id) => {
      const theirs = golden[id].reduce((sum, right) => sum + right, 0) / 256;
      expect(Math.abs((evaluation.attacks[id]?.accuracy ?? NaN) - theirs)).toBeLessThanOrEqual(0.01);
    });

    it("gives the same gradient for a loss and for its gradient in the logits, and leaves no tensor behind", () => {
      const before = tf.memory().numTensors;
      const difference = tf.tidy(() => {
        const images = tf.randomUniform<Rank.R4>([2, 32, 32, 3], 0, 1, "float32", 1);
        const labels = tf.tensor1d([3, 7], "int32");
        const { logits, gradient } = target.lossGradient(images, { kind: "crossEntropy", labels });
        const cotangent = logitLoss(logits, { kind: "crossEntropy", labels }).gradient;
        const product = target.vectorJacobianProduct(images, cotangent);
        expect(product.logits.dataSync()).toEqual(logits.dataSync());
        return relativeNorm(product.gradient.dataSync<"float32">(), gradient.dataSync<"float32">());
      });
      expect(difference).toBeLessThan(1e-5);
      expect(tf.memory().numTensors).toBe(before);
    });
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
  const images = tf.zeros<Rank.R4>([2, 4, 4, 3]);
  const labels = tf.tensor1d([0, 1], "int32");
  expect([...waves.logits(images).dataSync()]).toEqual([1, 1, 1, 1, 1, 1]);
  expect(() => waves.lossGradient(images, { kind: "crossEntropy", labels })).toThrow(
    'no gradient of Cos, node "waves"',
  );
  waves.dispose();
});
