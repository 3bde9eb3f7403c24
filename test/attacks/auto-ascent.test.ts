import { describe, expect, it } from "vitest";
import { ascend, randomStart } from "#mtard/attacks/auto-ascent.js";
import { likeliestOthers } from "#mtard/attacks/likeliest-others.js";
import { rowsOf } from "#mtard/attacks/rows.js";
import { beginAscent, checkpoints, observeLoss, reachCheckpoint } from "#mtard/attacks/step-schedule.js";
import { answeredRight } from "#mtard/attacks/survivors.js";
import { tf, type Tensor1D, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { largestDifference } from "../golden.js";
import { EPSILONS, formula, formulaNetwork, reference } from "./formula-network.js";

const EPSILON = EPSILONS.linf;
const STEPS = 40;
const flat = formula(64, 0.173, 0.45, 0.5);
const images = tf.tensor4d(flat, [4, 4, 4, 1]);
const labels = tf.tensor1d([...reference.labels], "int32");
const batch = { images, labels, epsilon: EPSILON, seed: [1, 2] } as const;
/** The images plus noise of a formula, in [0, 1]. */
function startWith(scale: number): Tensor4D {
  const noise = formula(64, 1.31, scale);
  const moved = flat.map((value, index) => Math.min(1, Math.max(0, value + (noise[index] as number))));
  return tf.tensor4d(moved, [4, 4, 4, 1]);
}

const norms = {
  linf: { start: startWith(EPSILON), expected: reference },
  l2: { start: startWith(EPSILONS.l2 / 4), expected: reference.l2 },
} as const;

const cases = (["linf", "l2"] as const).flatMap((norm) =>
  (["crossEntropy", "dlr", "dlrTargeted"] as const).map((kind) => ({ norm, kind })),
);

describe.each(cases)("an ascent on $kind in $norm", ({ kind, norm }) => {
  it("looks at the public implementation's points, and fools the same images", () => {
    const target = formulaNetwork();
    const within = { ...batch, norm, epsilon: EPSILONS[norm] };
    const survivors = answeredRight(target, within);
    const { start, expected: known } = norms[norm];
    const [, aim] = likeliestOthers(target, images, 2) as [Tensor1D, Tensor1D];
    const before = tf.memory().numTensors;
    ascend(target, within, survivors, {
      steps: STEPS,
      start: (places) => rowsOf(start, places),
      loss: (places) =>
        kind === "dlrTargeted"
          ? { kind, labels: rowsOf(labels, places), targets: rowsOf(aim, places) }
          : { kind, labels: rowsOf(labels, places) },
      onStep: () => undefined,
    });
    expect(tf.memory().numTensors).toBe(before);
    const { points, right } = known.ascents[kind];
    expect(target.looks).toHaveLength(STEPS + 1);
    // In L2 the first steps of twice the radius bounce off the ball and enlarge rounding errors, which signs would swallow.
    for (const [index, expected] of points.entries())
      expect(
        largestDifference(target.looks[4 * index] as Float32Array, Float32Array.from(expected.flat())),
      ).toBeLessThan(norm === "l2" && index > 3 ? 5e-5 : 2e-6);
    expect(survivors.places).toEqual([...right.keys()].filter((place) => right[place] === 1));
  });
});

it("starts in the ball, on its wall, and elsewhere for another seed", () => {
  const grey = {
    ...batch,
    images: tf.fill<Tensor4D>([3, 8, 8, 3], 0.5),
    labels: tf.tensor1d([0, 0, 0], "int32"),
  };
  const distances = (seed: [number, number]): Float32Array =>
    tf.tidy(() => tf.sub(randomStart(grey, [0, 2], seed), 0.5).dataSync<"float32">());
  const [one, other] = [distances([1, 2]), distances([1, 3])];
  expect(one).toHaveLength(2 * 192);
  for (const row of [one.subarray(0, 192), one.subarray(192)])
    expect(Math.max(...row.map(Math.abs))).toBeCloseTo(EPSILON, 6);
  expect(Math.abs(one.reduce((sum, value) => sum + value, 0) / one.length)).toBeLessThan(EPSILON / 5);
  expect(largestDifference(one, other)).toBeGreaterThan(EPSILON / 2);
});

it("starts on the wall of the ball in L2, in another direction for another seed", () => {
  const grey = { ...batch, norm: "l2", images: tf.fill<Tensor4D>([2, 8, 8, 3], 0.5) } as const;
  const moves = (seed: [number, number]): Float32Array =>
    tf.tidy(() => tf.sub(randomStart(grey, [0, 1], seed), 0.5).dataSync<"float32">());
  const [one, other] = [moves([1, 2]), moves([1, 3])];
  for (const row of [one.subarray(0, 192), one.subarray(192)])
    expect(Math.hypot(...row)).toBeCloseTo(EPSILON, 5);
  const product = one.reduce((sum, value, at) => sum + value * (other[at] as number), 0);
  expect(Math.abs(product) / EPSILON ** 2).toBeLessThan(0.3);
});

describe("the step sizes", () => {
  it("have the checkpoints of the paper for 100 steps", () => {
    // Croce and Hein (2020), section 3.1: p = 0, 0.22, 0.41, 0.57, 0.70, 0.80, 0.87, 0.93, 0.99.
    const windows = checkpoints(100);
    expect([...windows.keys()]).toEqual([22, 41, 57, 70, 80, 87, 93, 99]);
    expect([...windows.values()]).toEqual([22, 19, 16, 13, 10, 7, 6, 6]);
  });

  it("have a checkpoint after every step when there are few", () => {
    expect([...checkpoints(3).entries()]).toEqual([1, 2, 3].map((step) => [step, 1]));
  });

  it("stay while three quarters and more of the steps raise the loss, and halve otherwise", () => {
    const ascent = beginAscent(0.25, 1);
    for (const loss of [2, 3, 4, 5]) observeLoss(ascent, loss);
    expect(reachCheckpoint(ascent, 4)).toBe(false);
    for (const loss of [6, 7, 8, 7]) observeLoss(ascent, loss);
    expect(reachCheckpoint(ascent, 4)).toBe(true);
    expect(ascent.stepSize).toBe(0.25);
    expect(ascent.best).toBe(8);
  });

  it("halve when neither they nor the best loss changed since the last checkpoint", () => {
    const ascent = beginAscent(0.25, 9);
    const raise = (): void => [1, 2, 3, 4].forEach((loss) => observeLoss(ascent, loss));
    raise();
    expect(reachCheckpoint(ascent, 4)).toBe(false);
    ascent.last = 0;
    raise();
    expect(reachCheckpoint(ascent, 4)).toBe(true);
    ascent.last = 0;
    raise();
    expect(reachCheckpoint(ascent, 4)).toBe(false);
  });
});
