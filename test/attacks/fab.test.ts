import { expect, it } from "vitest";
import { targetedFab } from "#mtard/attacks/fab.js";
import { linfProjection } from "#mtard/attacks/linf-projection.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { largestDifference } from "../golden.js";
import { formula, formulaNetwork, reference } from "./formula-network.js";

it("projects as the public implementation does, as far as the walls allow", () => {
  const points = formula(84, 0.29, 0.5, 0.5).map((value, index) =>
    index >= 48 && index < 54 ? 0 : index >= 60 && index < 66 ? 1 : value,
  );
  const normals = formula(84, 0.53, 2).map((value, index) => (index >= 27 && index < 48 ? 0 : value));
  const { gaps, moves } = reference.projection;
  const before = tf.memory().numTensors;
  const ours = tf.tidy(() =>
    linfProjection(
      tf.tensor2d(points, [7, 12]),
      tf.tensor2d(normals, [7, 12]),
      tf.tensor2d([...gaps], [7, 1]),
    ).dataSync<"float32">(),
  );
  expect(tf.memory().numTensors).toBe(before);
  expect(largestDifference(ours, Float32Array.from(moves.flat()))).toBeLessThan(1e-6);
});

it("searches along the public implementation's points", () => {
  const target = formulaNetwork();
  const images = tf.tensor4d(formula(64, 0.173, 0.45, 0.5), [4, 4, 4, 1]);
  const labels = tf.tensor1d([...reference.labels], "int32");
  const before = tf.memory().numTensors;
  const batch = { images, labels, epsilon: 0.02, seed: [0, 0] } as const;
  targetedFab(target, batch, { steps: 40, targetClasses: 1 }).adversarial.dispose();
  expect(tf.memory().numTensors).toBe(before);
  expect(target.looks).toHaveLength(40);
  for (const [index, expected] of reference.search.points.entries())
    expect(
      largestDifference(target.looks[4 * index] as Float32Array, Float32Array.from(expected.flat())),
    ).toBeLessThan(2e-6);
});
