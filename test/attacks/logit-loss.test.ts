import { describe, expect, it } from "vitest";
import { disposeLogitLoss, logitLoss, type LogitLoss } from "#mtard/attacks/logit-loss.js";
import { largest, requireDlrClasses } from "#mtard/attacks/margin-losses.js";
import { InputError } from "#mtard/errors.js";
import { type MethodId, methodIds, methodOf, methods } from "#mtard/methods/methods.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor2D } from "#mtard/runtime/tensorflow.js";
import { reference } from "./formula-network.js";
import {
  crossEntropy,
  divergence,
  finiteDifferences,
  softmax,
  squaredDistance,
  type Rows,
} from "../methods/reference.js";

it("cross-entropy and its gradient are PyTorch's", () => {
  // torch.nn.functional.cross_entropy(z, y, reduction="none") and the gradient of its sum, in float64.
  const logits = tf.tensor2d([1.5, -0.5, 0.25, 20, 0, -20], [2, 3]);
  const { loss, gradient } = logitLoss(logits, {
    kind: "crossEntropy",
    labels: tf.tensor1d([2, 1], "int32"),
  });
  const expectedLoss = [1.60195186, 20.0000000021];
  const expectedGradient = [0.70331398, 0.0951832, -0.79849717, 0.9999999979, -0.9999999979, 4.248354e-18];
  for (const [index, value] of loss.dataSync().entries())
    expect(value).toBeCloseTo(expectedLoss[index] ?? NaN, 5);
  for (const [index, value] of gradient.dataSync().entries())
    expect(value).toBeCloseTo(expectedGradient[index] ?? NaN, 6);
});

it("the divergence from a probability of zero is finite", () => {
  const logits = tf.tensor2d([1, 2], [1, 2]);
  const { loss } = logitLoss(logits, { kind: "klTo", probabilities: tf.tensor2d([0, 1], [1, 2]) });
  expect(loss.dataSync()[0]).toBeCloseTo(Math.log(1 + Math.exp(-1)), 6);
});

describe("the losses of single logits", () => {
  const { logits: rows, labels: truth, targets: aims } = reference.losses;
  const logits = tf.tensor2d(rows.flat(), [rows.length, 5]);
  const labels = tf.tensor1d([...truth], "int32");
  const targets = tf.tensor1d([...aims], "int32");

  it.each([{ kind: "dlr", labels } as const, { kind: "dlrTargeted", labels, targets } as const])(
    "$kind is the public implementation's, and its gradient too, where logits are equal as well",
    (loss) => {
      const expected = reference.losses[loss.kind];
      const found = logitLoss(logits, loss);
      for (const [index, value] of found.loss.dataSync().entries())
        expect(value).toBeCloseTo(expected.loss[index] ?? NaN, 6);
      const gradients = expected.gradient.flat();
      for (const [index, value] of found.gradient.dataSync().entries())
        expect(value / (Math.abs(gradients[index] ?? NaN) + 1)).toBeCloseTo(
          (gradients[index] ?? NaN) / (Math.abs(gradients[index] ?? NaN) + 1),
          6,
        );
    },
  );

  it.each([
    {
      kind: "margin",
      loss: { kind: "margin", labels } as const,
      definition: (row: readonly number[], n: number): number =>
        Math.max(...row.filter((_, c) => c !== truth[n])) - (row[truth[n] ?? NaN] ?? NaN),
    },
    {
      kind: "targetedMargin",
      loss: { kind: "targetedMargin", labels, targets } as const,
      definition: (row: readonly number[], n: number): number =>
        (row[aims[n] ?? NaN] ?? NaN) - (row[truth[n] ?? NaN] ?? NaN),
    },
  ])("$kind has the value and gradient of its definition", ({ loss, definition }) => {
    const distinct = [0, 1].map((n) => rows[n] ?? []);
    const found = logitLoss(logits, loss);
    const losses = found.loss.dataSync();
    for (const [n, row] of rows.entries()) expect(losses[n]).toBeCloseTo(definition(row, n), 6);
    const gradient = finiteDifferences(
      (moved) => moved.reduce((sum, row, n) => sum + definition(row, n), 0),
      distinct,
    );
    const values = found.gradient.dataSync();
    for (const [index, value] of gradient.entries()) expect(values[index]).toBeCloseTo(value, 5);
  });

  it("frees all but the loss and the gradient", () => {
    const before = tf.memory().numTensors;
    for (const loss of [
      { kind: "margin", labels },
      { kind: "dlr", labels },
      { kind: "targetedMargin", labels, targets },
      { kind: "dlrTargeted", labels, targets },
    ] as const) {
      tf.dispose({ ...logitLoss(logits, loss) });
      disposeLogitLoss(loss);
    }
    expect(tf.memory().numTensors).toBe(before);
  });

  it("orders equal logits as PyTorch's sort does, the last first", () => {
    // torch.tensor([[1., 1, 0, 0, 1], [2, 3, 3, 1, 1]]).sort(dim=1)[1].flip(1)
    const ranked = largest(tf.tensor2d([1, 1, 0, 0, 1, 2, 3, 3, 1, 1], [2, 5]), 5);
    expect([...ranked.dataSync()]).toEqual([4, 1, 0, 3, 2, 2, 1, 0, 4, 3]);
  });

  it.each([
    ["dlr", 2, 3],
    ["dlrTargeted", 3, 4],
  ] as const)("%s of %i classes is refused", (kind, classes, fewest) => {
    const few = tf.zeros<Tensor2D>([5, classes]);
    expect(() => logitLoss(few, { kind, labels, targets })).toThrow(InputError);
    expect(() => logitLoss(few, { kind, labels, targets })).toThrow("too few classes");
    expect(() => requireDlrClasses(kind, fewest)).not.toThrow();
  });
});

interface AttackBatch {
  readonly student: Rows;
  readonly ownClean: Rows;
  readonly robustTeacher: Rows;
  readonly labels: readonly number[];
  readonly temperatureAdv: readonly number[];
}

/** What a method's attack climbs, of one image. */
const byTeacher =
  (temperature: (label: number, batch: AttackBatch) => number) =>
  (row: readonly number[], n: number, batch: AttackBatch): number => {
    const t = temperature(batch.labels[n] ?? NaN, batch);
    return divergence(softmax((batch.robustTeacher[n] ?? []).map((value) => value / t)), row);
  };
const byLabel = (row: readonly number[], n: number, { labels }: AttackBatch): number =>
  crossEntropy(row, labels[n] ?? NaN);
const OBJECTIVES: Partial<
  Record<MethodId, (row: readonly number[], n: number, batch: AttackBatch) => number>
> = {
  sat: byLabel,
  trades: (row, n, { ownClean }) => divergence(softmax(ownClean[n] ?? []), row),
  score: (row, n, { ownClean }) => squaredDistance(softmax(row), softmax(ownClean[n] ?? [])),
  ard: byLabel,
  rslad: byTeacher(() => 1),
  "fair-ard": byLabel,
  absld: byTeacher((label, { temperatureAdv }) => temperatureAdv[label] ?? NaN),
  lmtn: byLabel,
  baseline: byLabel,
  "baseline-ebb": byLabel,
  mtard: byLabel,
  "b-mtard": byLabel,
};

it("all methods attack but Natural", () => {
  expect(methodIds.filter((id) => !OBJECTIVES[id])).toEqual(["natural"]);
  expect(methods.natural.attack).toBeNull();
});

describe.each(Object.entries(OBJECTIVES))("the inner attack of %s", (id, objective) => {
  it.each([
    [3, 6, 5, 4],
    [4, 3, 11, 12],
  ])(
    "climbs its formula in float64, with its gradient, on random batch %i",
    (seed, count, classes, spread) => {
      const random = Random.fromSeed(seed);
      const rows = (): Rows =>
        Array.from({ length: count }, () =>
          Array.from({ length: classes }, () => Math.fround(spread * (random.uniform() - 0.5))),
        );
      const batch: AttackBatch = {
        student: rows(),
        ownClean: rows(),
        robustTeacher: rows(),
        labels: Array.from({ length: count }, () => Math.floor(classes * random.uniform())),
        temperatureAdv: Array.from({ length: classes }, () => Math.fround(0.5 + 4 * random.uniform())),
      };
      const expected = batch.student.map((row, n) => objective(row, n, batch));
      const summed = (student: Rows): number =>
        student.reduce((sum, row, n) => sum + objective(row, n, batch), 0);
      const expectedGradient = finiteDifferences(summed, batch.student);

      const { method, settings } = {
        method: methodOf(id),
        settings: recipe({ dataset: "cifar10", method: id, student: "resnet-18" }),
      };
      const nat = Array<number>(classes).fill(1);
      const zeros = nat.map(() => 0);
      const state = {
        temperatures: { nat, adv: batch.temperatureAdv },
        losses: { nat: zeros, adv: zeros },
      };
      const tensor = (values: Rows) => tf.tensor2d(values.flat(), [count, classes]);
      const student = tensor(batch.student);
      const labels = tf.tensor1d([...batch.labels], "int32");
      const before = tf.memory().numTensors;
      const loss = tf.tidy((): LogitLoss => {
        const robustTeacherNat = { values: Float32Array.from(batch.robustTeacher.flat()), classes };
        const logits = { labels, studentNat: tensor(batch.ownClean), robustTeacherNat };
        if (!method.attack) throw new Error(`${id} attacks nothing`);
        return method.attack.loss(logits, id === "absld" ? state : null, settings);
      });
      const found = logitLoss(student, loss);
      for (const [index, value] of found.loss.dataSync().entries())
        expect(Math.abs(value - (expected[index] ?? NaN))).toBeLessThan(1e-5 * Math.max(1, value));
      for (const [index, value] of found.gradient.dataSync().entries())
        expect(Math.abs(value - (expectedGradient[index] ?? NaN))).toBeLessThan(1e-5);
      expect(Math.max(...expectedGradient.map(Math.abs))).toBeGreaterThan(1e-2);
      tf.dispose([found.loss, found.gradient]);
      disposeLogitLoss(loss);
      expect(tf.memory().numTensors).toBe(before);
    },
  );
});
