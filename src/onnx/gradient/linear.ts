import { floatAttribute, intAttribute, intsAttribute } from "../build.js";
import { floatAttributeOf, intAttributeOf } from "./attributes.js";
import { sumToShape } from "./broadcasting.js";
import type { GradientGraph, OperatorGradient, Shape, Step } from "./step.js";

/* Matrix products. */

/** Y = alpha A' B' + beta C, A' and B' being A and B or their transposes. */
function gemm({ graph, node, input, gradient }: Step): string {
  const [a = "", b = "", c = ""] = node.input;
  // ONNX Runtime turns a matrix for every number but 0.
  const turnA = intAttributeOf(node, "transA", 0) === 0 ? 0 : 1;
  const turnB = intAttributeOf(node, "transB", 0) === 0 ? 0 : 1;
  const alpha = floatAttributeOf(node, "alpha", 1);
  const product = (left: string, right: string, transA: number, transB: number): string =>
    graph.op(
      "Gemm",
      [left, right],
      [floatAttribute("alpha", alpha), intAttribute("transA", transA), intAttribute("transB", transB)],
    );
  switch (input) {
    case 0:
      return turnA ? product(b, gradient, turnB, 1) : product(gradient, b, 0, 1 - turnB);
    case 1:
      return turnB ? product(gradient, a, 1, turnA) : product(a, gradient, 1 - turnA, 0);
    default: {
      const beta = floatAttributeOf(node, "beta", 1);
      const scaled = beta === 1 ? gradient : graph.op("Mul", [gradient, graph.floats([beta])]);
      return sumToShape(graph, scaled, graph.shape(node.output[0] ?? ""), graph.shape(c));
    }
  }
}

/** NumPy's matmul: stacks of matrices broadcast, and a vector is a matrix of one row or column. */
function matMul({ graph, node, input, gradient }: Step): string {
  const [a, b] = [matrices(graph, node.input[0] ?? "", 0), matrices(graph, node.input[1] ?? "", 1)];
  const axes = [...(a.wasVector ? [-2] : []), ...(b.wasVector ? [-1] : [])];
  const whole = axes.length === 0 ? gradient : graph.op("Unsqueeze", [gradient, graph.integers(axes)]);
  const own = input === 0 ? a : b;
  const other = turned(graph, input === 0 ? b : a);
  const product = graph.op("MatMul", input === 0 ? [whole, other] : [other, whole]);
  const stack = broadcast(a.shape.slice(0, -2), b.shape.slice(0, -2));
  const summed = sumToShape(graph, product, [...stack, ...own.shape.slice(-2)], own.shape);
  return own.wasVector ? graph.op("Squeeze", [summed, graph.integers([input === 0 ? 0 : 1])]) : summed;
}

interface Matrices {
  readonly value: string;
  readonly shape: Shape;
  readonly wasVector: boolean;
}

function matrices(graph: GradientGraph, value: string, axis: 0 | 1): Matrices {
  const shape = graph.shape(value);
  if (shape.length > 1) return { value, shape, wasVector: false };
  const [length = 1] = shape;
  return {
    value: graph.op("Unsqueeze", [value, graph.integers([axis])]),
    shape: axis === 0 ? [1, length] : [length, 1],
    wasVector: true,
  };
}

function turned(graph: GradientGraph, { value, shape }: Matrices): string {
  const rank = shape.length;
  const order = [...Array(rank - 2).keys(), rank - 1, rank - 2];
  return graph.op("Transpose", [value], [intsAttribute("perm", order)]);
}

function broadcast(one: Shape, other: Shape): Shape {
  const rank = Math.max(one.length, other.length);
  return Array.from({ length: rank }, (_, axis) => {
    const [left = 1, right = 1] = [one.at(axis - rank), other.at(axis - rank)];
    return left === 1 ? right : left;
  });
}

export const linearGradients = { Gemm: gemm, MatMul: matMul } as const satisfies Record<
  string,
  OperatorGradient
>;
