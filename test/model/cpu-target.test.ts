import { expect, it } from "vitest";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { tf, type Tensor4D, type Tensor1D } from "#mtard/runtime/tensorflow.js";
import { keptShapes } from "#mtard/student/kernels.js";
import { cpuTarget } from "#mtard/model/cpu-target.js";
import { networkTarget, studentOf } from "#mtard/model/targets.js";
import { relativeNorm } from "../golden.js";
import { formulaWeights, goldenNormalization } from "../networks/formula.js";

const network = createNetwork(
  "resnet-8",
  { image: { height: 32, width: 32, channels: 3 }, classes: 10 },
  goldenNormalization,
);
const known = { network, weights: formulaWeights(network) };

/** Logits and the gradient of cross-entropy. */
function answersOf(target: AttackTarget, images: Tensor4D, labels: number): Float32Array[] {
  return tf.tidy(() => {
    const { gradient } = target.lossGradient(images, {
      kind: "crossEntropy",
      labels: tf.fill<Tensor1D>([images.shape[0]], labels, "int32"),
    });
    return [target.logits(images), gradient].map((tensor) => tensor.dataSync<"float32">());
  });
}

it.each([3, 64])("answers for %i images what the student alone answers, and leaves no tensor", (count) => {
  const tensors = (): number => tf.memory().numTensors - keptShapes();
  const before = tensors();
  const target = networkTarget({ name: "it", dataset: "cifar10" }, known, "cpu");
  const student = studentOf(known);
  expect(target.runsOn).toBe("cpu (libtensorflow and ONNX Runtime)");
  const images = tf.randomUniform<Tensor4D>([count, 32, 32, 3], 0, 1, "float32", 1);
  const [ours, alone] = [answersOf(target, images, 3), answersOf(student, images, 3)];
  for (const [part, values] of ours.entries())
    expect(relativeNorm(values, alone[part] as Float32Array)).toBeLessThan(1e-4);
  expect(tf.tidy(() => target.predict(images).dataSync())).toEqual(
    tf.tidy(() => student.predict(images).dataSync()),
  );
  images.dispose();
  target.dispose();
  student.dispose();
  expect(tensors()).toBe(before);
});

it.each([
  { count: 1, engines: { logits: 2, gradient: 2 } },
  { count: 23, engines: { logits: 2, gradient: 2 } },
  { count: 24, engines: { logits: 2, gradient: 1 } },
])("asks the student, 1, or ONNX Runtime, 2, about $count images", ({ count, engines }) => {
  const [student, exported] = [1, 2].map((engine): AttackTarget => {
    const logits: AttackTarget["logits"] = ({ shape }) => tf.fill([shape[0], 2], engine);
    const each = ({ shape }: Tensor4D) => tf.fill<Tensor1D>([shape[0]], engine);
    return {
      ...{ classes: 2, logits, predict: each },
      lossGradient: (images) => ({
        ...{ loss: each(images), logits: logits(images), gradient: tf.fill(images.shape, engine) },
      }),
    };
  }) as [AttackTarget, AttackTarget];
  const [logits, gradient] = answersOf(cpuTarget(student, exported), tf.zeros([count, 1, 1, 1]), 0);
  expect({ logits: logits?.[0], gradient: gradient?.[0] }).toEqual(engines);
});
