import type * as Ort from "onnxruntime-common";
import { describe, expect, it } from "vitest";
import { floatValue, node } from "#mtard/onnx/build.js";
import { differentiate } from "#mtard/onnx/gradient/differentiate.js";
import { lossGradientModel } from "#mtard/onnx/gradient/loss-gradient.js";
import { type LossHeadKind } from "#mtard/onnx/gradient/losses.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { reference } from "../../attacks/formula-network.js";
import { relativeNorm } from "../../golden.js";
import { model } from "../models.js";
import { onnxRuntime } from "../../../src/runtime/onnxruntime.js";

const ort = onnxRuntime();

/** Rows of logits: the truth largest, in the middle, last, and with a target among the largest. */
const LOGITS = [
  [3.1, -0.4, 1.2, 0.9, -2.2],
  [0.3, 1.4, -0.7, 2.6, 0.1],
  [-1.5, 0.8, 0.2, 2.4, 1.7],
  [12, 3, -9, 1, 4],
];
const labels = [0, 1, 0, 4];
const targets = [2, 3, 4, 0];
const probabilities = [
  [0.5, 0.1, 0.2, 0.05, 0.15],
  [0.2, 0.2, 0.2, 0.2, 0.2],
  [0, 0, 1, 0, 0],
  [0.9, 0.025, 0.025, 0.025, 0.025],
];

function softmax(z: readonly number[]): number[] {
  const exponentials = z.map((logit) => Math.exp(logit - Math.max(...z)));
  const sum = exponentials.reduce((total, value) => total + value, 0);
  return exponentials.map((value) => value / sum);
}

const sum = (values: readonly number[]): number => values.reduce((total, value) => total + value, 0);
const entry = (values: readonly number[], index: number): number => values[index] ?? NaN;
const sorted = (z: readonly number[]): number[] => z.toSorted((one, other) => other - one);
const largestOther = (z: readonly number[], y: number): number => Math.max(...z.filter((_, c) => c !== y));

/** The losses by their definitions, in float64; `row` is which image. */
const definitions: Record<
  Exclude<LossHeadKind, "cotangent">,
  (z: readonly number[], row: number) => number
> = {
  crossEntropy: (z, row) => -Math.log(entry(softmax(z), entry(labels, row))),
  klTo: (z, row) => {
    const q = softmax(z);
    const p = probabilities[row] ?? [];
    return sum(p.map((value, c) => (value === 0 ? 0 : value * Math.log(value / entry(q, c)))));
  },
  squaredTo: (z, row) => {
    const p = probabilities[row] ?? [];
    return sum(softmax(z).map((value, c) => (value - entry(p, c)) ** 2));
  },
  margin: (z, row) => largestOther(z, entry(labels, row)) - entry(z, entry(labels, row)),
  targetedMargin: (z, row) => entry(z, entry(targets, row)) - entry(z, entry(labels, row)),
  dlr: (z, row) => {
    const [first = NaN, , third = NaN] = sorted(z);
    const y = entry(labels, row);
    return -(entry(z, y) - largestOther(z, y)) / (first - third + 1e-12);
  },
  dlrTargeted: (z, row) => {
    const [first = NaN, , third = NaN, fourth = NaN] = sorted(z);
    const difference = entry(z, entry(labels, row)) - entry(z, entry(targets, row));
    return -difference / (first - (third + fourth) / 2 + 1e-12);
  },
};

/** Central differences in the logits. */
function gradientOf(definition: (z: readonly number[]) => number, z: readonly number[]): number[] {
  const step = 1e-6;
  return z.map((logit, c) => {
    const side = (value: number): number => definition(z.with(c, value));
    return (side(logit + step) - side(logit - step)) / (2 * step);
  });
}

/** A classifier that answers its images. */
const identity = differentiate(
  model({
    node: [node("Flatten", ["images"], "logits")],
    input: [floatValue("images", ["batch", 1, 1, 5])],
    output: [floatValue("logits", ["batch", 5])],
  }),
);

const feeds: Record<string, Ort.Tensor> = {
  images: new ort.Tensor("float32", Float32Array.from(LOGITS.flat()), [4, 1, 1, 5]),
  labels: new ort.Tensor("int32", Int32Array.from(labels), [4]),
  targets: new ort.Tensor("int32", Int32Array.from(targets), [4]),
  probabilities: new ort.Tensor("float32", Float32Array.from(probabilities.flat()), [4, 5]),
};

describe.each(Object.entries(definitions))("%s", (kind, definition) => {
  it("has the value and the gradient of its definition", async () => {
    const bytes = serializeModel(lossGradientModel(identity, kind as LossHeadKind));
    const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
    const taken = session.inputNames.map((name) => [name, feeds[name]] as const);
    const answer = await session.run(Object.fromEntries(taken) as Record<string, Ort.Tensor>);
    await session.release();
    const losses = Float32Array.from(LOGITS.map(definition));
    const gradients = LOGITS.flatMap((z, row) => gradientOf((moved) => definition(moved, row), z));
    expect(relativeNorm(answer["loss"]?.data as Float32Array, losses)).toBeLessThan(1e-6);
    expect(answer["loss"]?.dims).toEqual([4]);
    expect(relativeNorm(answer["gradient"]?.data as Float32Array, Float32Array.from(gradients))).toBeLessThan(
      1e-5,
    );
  });
});

it.each(["dlr", "dlrTargeted"] as const)("%s of equal logits has PyTorch's gradient", async (kind) => {
  const { logits, loss, gradient } = { ...reference.losses, ...reference.losses[kind] };
  const bytes = serializeModel(lossGradientModel(identity, kind));
  const session = await ort.InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const inputs: Record<string, Ort.Tensor> = {
    images: new ort.Tensor("float32", Float32Array.from(logits.flat()), [5, 1, 1, 5]),
    labels: new ort.Tensor("int32", Int32Array.from(reference.losses.labels), [5]),
    targets: new ort.Tensor("int32", Int32Array.from(reference.losses.targets), [5]),
  };
  const taken = session.inputNames.map((name) => [name, inputs[name]] as const);
  const answer = await session.run(Object.fromEntries(taken) as Record<string, Ort.Tensor>);
  await session.release();
  expect(relativeNorm(answer["loss"]?.data as Float32Array, Float32Array.from(loss))).toBeLessThan(1e-6);
  // Row by row: where the three largest are equal the gradient is of the order of 1e12.
  for (const [row, expected] of gradient.entries()) {
    const ours = (answer["gradient"]?.data as Float32Array).subarray(5 * row, 5 * row + 5);
    expect(relativeNorm(ours, Float32Array.from(expected))).toBeLessThan(1e-5);
  }
});

it("the loss heads leave the differentiated model as it was", () => {
  expect(identity.model.graph?.node.length).toBe(identity.forwardNodes + 1);
});

it("DLR wants enough classes", () => {
  const two = differentiate(
    model({
      node: [node("Flatten", ["images"], "logits")],
      input: [floatValue("images", ["batch", 1, 1, 2])],
      output: [floatValue("logits", ["batch", 2])],
    }),
  );
  expect(() => lossGradientModel(two, "dlr")).toThrow("too few classes");
});
