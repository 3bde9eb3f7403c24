import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { pgd } from "#mtard/attacks/pgd.js";
import { matchWeights } from "#mtard/checkpoint/match-weights.js";
import { readWeightsFile } from "#mtard/checkpoint/weights-file.js";
import { evaluationBatches } from "#mtard/data/batches.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset, type Split } from "#mtard/data/store.js";
import { evaluate } from "#mtard/evaluation/evaluate.js";
import { summarize, type Evaluation } from "#mtard/evaluation/summary.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent, type InferenceStudent } from "#mtard/student/inference.js";
import { disposeParameters, parametersFromWeights } from "#mtard/student/parameters.js";
import { goldenJson } from "../golden.js";
import { hasShared, shared } from "../shared.js";

const IMAGE = { height: 32, width: 32, channels: 3 };
const EPSILON = 8 / 255;
const MODEL = "cifar10-resnet20-robust.pth";

describe.skipIf(!hasShared)(
  "a robust ResNet-20 on 256 images of CIFAR-10, against golden/attacks.json",
  () => {
    const folder = mkdtempSync(join(tmpdir(), "mtard-evaluate-"));
    let golden: Record<"clean" | "fgsm" | "pgd-sat-no-start" | "pgd-sat" | "pgd-trades", number[]>;
    let split: Split;
    let target: InferenceStudent;
    let evaluation: Evaluation;

    beforeAll(async () => {
      await prepareDataset("cifar10", folder, { from: shared("data/cifar-10-binary-subset.tar.gz") });
      split = openDataset("cifar10", folder, { test: 256 }).test;
      const path = shared(`teachers/${MODEL}`);
      const normalization = { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] };
      const network = createNetwork("resnet-20", { image: IMAGE, classes: 10 }, normalization);
      const parameters = parametersFromWeights(
        network,
        matchWeights(network, (await readWeightsFile(path)).weights, path),
      );
      target = inferenceStudent(network, parameters);
      disposeParameters(parameters);
      golden = goldenJson<Record<string, typeof golden>>("attacks.json")[MODEL] as typeof golden;
      const settings = {
        attacks: ["fgsm", "pgd-sat", "pgd-trades"],
        epsilon: EPSILON,
        batchSize: 64,
        seed: 0,
      } as const;
      evaluation = await evaluate(target, split, IMAGE, settings);
    });

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
        const answers = tf.argMax(target.logits(adversarial), 1).dataSync();
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
  },
);

it("W-Robust is the mean of clean and robust accuracy, and what is wrong when clean is not robust", () => {
  const outcome = (label: number, clean: number, attacked: number) => ({
    index: 0,
    label,
    clean,
    attacks: { fgsm: attacked },
  });
  const { clean, attacks } = summarize(
    [outcome(1, 1, 1), outcome(1, 1, 2), outcome(1, 2, 1), outcome(3, 3, 3)],
    ["fgsm"],
  );
  expect(clean).toEqual({ correct: 3, accuracy: 0.75 });
  expect(attacks.fgsm).toEqual({ robust: 2, accuracy: 0.5, wRobust: 0.625 });
});
