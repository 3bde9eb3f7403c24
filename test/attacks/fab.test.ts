import { expect, it, vi } from "vitest";
import { targetedFab } from "#mtard/attacks/fab.js";
import { hyperplaneProjection } from "#mtard/attacks/hyperplane-projection.js";
import { tf, type Tensor } from "#mtard/runtime/tensorflow.js";
import { largestDifference } from "../golden.js";
import { EPSILONS, formula, formulaNetwork, reference } from "./formula-network.js";

const norms = [
  { norm: "linf", expected: reference },
  { norm: "l2", expected: reference.l2 },
] as const;

it.each(norms)("projects in $norm as the public implementation does, as far as the walls allow", (each) => {
  const points = formula(84, 0.29, 0.5, 0.5).map((value, index) =>
    index >= 48 && index < 54 ? 0 : index >= 60 && index < 66 ? 1 : value,
  );
  const normals = formula(84, 0.53, 2).map((value, index) => (index >= 27 && index < 48 ? 0 : value));
  const { gaps, moves } = each.expected.projection;
  const before = tf.memory().numTensors;
  const ours = tf.tidy(() =>
    hyperplaneProjection(
      each.norm,
      tf.tensor2d(points, [7, 12]),
      tf.tensor2d(normals, [7, 12]),
      tf.tensor2d([...gaps], [7, 1]),
    ).dataSync<"float32">(),
  );
  expect(tf.memory().numTensors).toBe(before);
  expect(largestDifference(ours, Float32Array.from(moves.flat()))).toBeLessThan(1e-6);
});

it.each(["linf", "l2"] as const)(
  "goes in %s to the walls at once where a hyperplane is out of reach by a rounding error",
  (norm) => {
    const points = Float32Array.from(formula(84, 0.29, 0.5, 0.5), (value) => Math.min(1, Math.max(0, value)));
    const normals = Float32Array.from(formula(84, 0.53, 2));
    const furthest = points.map((point, at) => ((normals[at] as number) > 0 ? 1 - point : -point));
    const most = (row: number): number =>
      furthest.reduce(
        (sum, move, at) => sum + (Math.floor(at / 12) === row ? move * (normals[at] as number) : 0),
        0,
      );
    const gaps = Array.from({ length: 7 }, (_, row) => most(row) * (1 + (row + 1) * 4e-8));
    let looks = 0;
    const tensors = Object.getPrototypeOf(tf.tensor1d([])) as Tensor;
    // Each look of the iteration reads one value.
    // eslint-disable-next-line @typescript-eslint/unbound-method -- it is called on its tensor below
    const read = tensors.dataSync;
    const reads = vi.spyOn(tensors, "dataSync").mockImplementation(function (this: Tensor) {
      if (++looks > 100) throw new Error("it does not settle");
      return read.call(this);
    });
    const moves = tf.tidy(() =>
      hyperplaneProjection(
        norm,
        tf.tensor2d(points, [7, 12]),
        tf.tensor2d(normals, [7, 12]),
        tf.tensor2d(gaps, [7, 1]),
      ).dataSync<"float32">(),
    );
    reads.mockRestore();
    expect(largestDifference(moves, furthest)).toBeLessThan(1e-6);
  },
);

it.each(norms)("searches in $norm along the public implementation's points", ({ norm, expected: known }) => {
  const target = formulaNetwork();
  const images = tf.tensor4d(formula(64, 0.173, 0.45, 0.5), [4, 4, 4, 1]);
  const labels = tf.tensor1d([...reference.labels], "int32");
  const before = tf.memory().numTensors;
  const batch = { images, labels, norm, epsilon: EPSILONS[norm], seed: [0, 0] } as const;
  targetedFab(target, batch, { steps: 40, targetClasses: 1 }).adversarial.dispose();
  expect(tf.memory().numTensors).toBe(before);
  expect(target.looks).toHaveLength(40);
  for (const [index, expected] of known.search.points.entries())
    expect(
      largestDifference(target.looks[4 * index] as Float32Array, Float32Array.from(expected.flat())),
    ).toBeLessThan(2e-6);
});
