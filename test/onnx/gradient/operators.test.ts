import type { NodeProto } from "onnx-buf";
import { describe, expect, it } from "vitest";
import {
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
} from "#mtard/onnx/build.js";
import { operatorGradients } from "#mtard/onnx/gradient/operators.js";
import { parseModel } from "#mtard/onnx/model.js";
import { relativeNorm } from "../../golden.js";
import { model, values } from "../models.js";
import { goldenGraphs, rows, runGradient } from "./models.js";

const graphs = await goldenGraphs("operators.safetensors");

/** Graphs in which images change each other's logits. */
const mixesImages = /over the batch|over everything|without the batch|Gemm of two/;

describe.each(graphs)("%s", (name, { model: bytes, images, cotangent, gradient }) => {
  if (!cotangent) throw new Error(`"${name}" has no cotangent`);

  it("has the gradient of central differences in float64", async () => {
    const feeds = { images: rows(images, 2), cotangent: rows(cotangent, 2) };
    const found = await runGradient(parseModel(bytes, name), "cotangent", feeds);
    expect(found.dims).toEqual(gradient.shape);
    expect(relativeNorm(found.gradient, gradient.data as Float32Array)).toBeLessThan(1e-5);
  });
});

describe.each(graphs.filter(([name]) => !mixesImages.test(name)))(
  "%s",
  (name, { model: bytes, images, cotangent, gradient }) => {
    if (!cotangent) throw new Error(`"${name}" has no cotangent`);

    it("has it for one image too", async () => {
      const feeds = { images: rows(images, 1), cotangent: rows(cotangent, 1) };
      const found = await runGradient(parseModel(bytes, name), "cotangent", feeds);
      expect(relativeNorm(found.gradient, rows(gradient, 1).data as Float32Array)).toBeLessThan(1e-5);
    });
  },
);

it("every operator with a gradient has a graph", () => {
  const nodes = graphs.flatMap(([name, { model: bytes }]) => parseModel(bytes, name).graph?.node ?? []);
  const tested = new Set(nodes.map(({ opType }) => opType));
  expect(Object.keys(operatorGradients).filter((operator) => !tested.has(operator))).toEqual([]);
});

/** ONNX Runtime 1.24 counts the padding of `ceil_mode` another way than ONNX; the gradient has to be that of what it computes. */
it("AveragePool with ceil_mode and padding that counts: <gradient, x> is <logits, cotangent>, as for every linear map", async () => {
  const attributes = [
    intsAttribute("kernel_shape", [3, 3]),
    intsAttribute("strides", [2, 2]),
    intsAttribute("pads", [1, 1, 1, 1]),
    intAttribute("ceil_mode", 1),
    intAttribute("count_include_pad", 1),
  ];
  const pooled = model({
    node: [node("AveragePool", ["images"], "y", attributes), node("Flatten", ["y"], "logits")],
    input: [floatValue("images", ["batch", 2, 6, 8])],
    output: [floatValue("logits", ["batch", 40])],
  });
  const [images, cotangent] = [values(96, 1), values(40, 2)];
  const { logits, gradient } = await runGradient(pooled, "cotangent", {
    images: rows({ shape: [1, 2, 6, 8], data: images }, 1),
    cotangent: rows({ shape: [1, 40], data: cotangent }, 1),
  });
  const product = (left: Float32Array, right: Float32Array): number =>
    left.reduce((sum, value, index) => sum + value * (right[index] ?? NaN), 0);
  expect(product(gradient, images)).toBeCloseTo(product(logits, cotangent), 5);
});

it.each([
  ["MaxPool", [intsAttribute("kernel_shape", [2, 2]), intsAttribute("strides", [2, 2])]],
  ["GlobalMaxPool", []],
] as const)(
  "%s gives the gradient to the first of equal values, as PyTorch does",
  async (operator, attributes) => {
    const pooled = model({
      node: [node(operator, ["images"], "y", [...attributes]), node("Flatten", ["y"], "logits")],
      input: [floatValue("images", ["batch", 1, 2, 2])],
      output: [floatValue("logits", ["batch", 1])],
    });
    const { gradient } = await runGradient(pooled, "cotangent", {
      images: rows({ shape: [3, 1, 2, 2], data: Float32Array.of(1, 1, 1, 1, 0, 2, 2, 2, 0, 0, 3, 3) }, 3),
      cotangent: rows({ shape: [3, 1], data: Float32Array.of(1, 2, 3) }, 3),
    });
    expect([...gradient]).toEqual([1, 0, 0, 0, 0, 2, 0, 0, 0, 0, 3, 0]);
  },
);

/** The gradient of the sum of `y`, which nodes make of `images [1, 1, 1, count]`. */
async function slopes(images: readonly number[], nodes: NodeProto[]): Promise<number[]> {
  const chain = model({
    node: [...nodes, node("Flatten", ["y"], "flat"), node("ReduceSum", ["flat", "one"], "logits")],
    initializer: [int64Tensor("one", [1n]), floatTensor("zero", [1], Float32Array.of(0))],
    input: [floatValue("images", ["batch", 1, 1, images.length])],
    output: [floatValue("logits", ["batch", 1])],
  });
  const { gradient } = await runGradient(chain, "cotangent", {
    images: rows({ shape: [1, 1, 1, images.length], data: Float32Array.from(images) }, 1),
    cotangent: rows({ shape: [1, 1], data: Float32Array.of(1) }, 1),
  });
  return [...gradient].map((slope) => slope + 0);
}

const last = [intsAttribute("axes", [3])];

/** What PyTorch 2.15's autograd answers for `amax`, `amin`, `norm`, `prod`, `maximum`, `abs` and the activations. */
it.each<[string, number[], NodeProto[], number[]]>([
  ["ReduceMax of equal values", [1, 3, 3, 2], [node("ReduceMax", ["images"], "y", last)], [0, 0.5, 0.5, 0]],
  [
    "ReduceMin of equal values",
    [1, 3, 1, 1],
    [node("ReduceMin", ["images"], "y", last)],
    [1, 0, 1, 1].map((n) => n / 3),
  ],
  ["ReduceL2 at 0", [0, 0, 0], [node("ReduceL2", ["images"], "y", last)], [0, 0, 0]],
  ["ReduceL1 at 0", [0, -2, 1], [node("ReduceL1", ["images"], "y", last)], [0, -1, 1]],
  ["ReduceProd with a 0", [0, 3, 2], [node("ReduceProd", ["images"], "y", last)], [6, 0, 0]],
  ["ReduceProd with two 0", [0, 0, 2], [node("ReduceProd", ["images"], "y", last)], [0, 0, 0]],
  ["Max of equal values", [0, 1, -1], [node("Max", ["images", "zero"], "y")], [0.5, 1, 0]],
  ["Min of equal values", [0, 1, -1], [node("Min", ["images", "zero"], "y")], [0.5, 0, 1]],
  ["Max of one", [2, 0, -1], [node("Max", ["images"], "y")], [1, 1, 1]],
  ["Abs at 0", [0, 2, -1], [node("Abs", ["images"], "y")], [0, 1, -1]],
  ["Celu at 0", [0, 1], [node("Celu", ["images"], "y")], [1, 1]],
  ["ThresholdedRelu at its threshold", [1, 2], [node("ThresholdedRelu", ["images"], "y")], [0, 1]],
  ["Shrink at its ends", [0.5, -0.5, 1], [node("Shrink", ["images"], "y")], [0, 0, 1]],
])("%s has PyTorch's gradient", async (_, images, nodes, expected) => {
  const found = await slopes(images, nodes);
  expect(found.map((slope) => Math.round(slope * 1e6) / 1e6)).toEqual(
    expected.map((slope) => Math.round(slope * 1e6) / 1e6),
  );
});
