import type { NodeProto } from "onnx-buf";
import { intAttribute, textAttribute } from "../build.js";
import { intAttributeOf, intsAttributeOf } from "./attributes.js";
import { transposedConvolution } from "./convolution.js";
import type { GradientGraph, OperatorGradient, Step } from "./step.js";
import { noGradient } from "./unsupported.js";
import { at, spatialExtents, type Window, windowOf } from "./window.js";

/* Pooling. Where several values of a window are the largest, the first takes the gradient, as in PyTorch. */

/** Adds each output's gradient to the input it was taken from, which `MaxPool` says by its place in the whole tensor. */
function maxPool({ graph, node, gradient }: Step): string {
  if (intAttributeOf(node, "storage_order", 0) !== 0) throw noGradient(node, "column-major indices");
  const [x = ""] = node.input;
  const all = graph.integers([-1]);
  const zeros = graph.op("ConstantOfShape", [
    graph.op("Reshape", [graph.op("Size", [x]), graph.integers([1])]),
  ]);
  const places = graph.op("Reshape", [graph.optionalOutput(node, 1), all]);
  const summed = graph.op(
    "ScatterElements",
    [zeros, places, graph.op("Reshape", [gradient, all])],
    [intAttribute("axis", 0), textAttribute("reduction", "add")],
  );
  return graph.op("Reshape", [summed, graph.op("Shape", [x])]);
}

/** Spreads each output's gradient over its window. Channels become a batch, so that one filter of ones serves them all. */
function averagePool({ graph, node, gradient }: Step): string {
  const [x = "", y = ""] = [node.input[0], node.output[0]];
  const kernel = intsAttributeOf(node, "kernel_shape") ?? [];
  const wide = spatialExtents(graph, node, x);
  const narrow = spatialExtents(graph, node, y);
  const window = windowOf(node, kernel, wide, narrow);
  const shares = graph.op("Mul", [gradient, windowShares(graph, node, window, wide, narrow)]);
  const planes = graph.op("Reshape", [shares, graph.integers([-1, 1, ...narrow])]);
  const filter = graph.floats(Array<number>(product(kernel)).fill(1), [1, 1, ...kernel]);
  const spread = transposedConvolution(graph, planes, filter, window, 1);
  return graph.op("Reshape", [spread, graph.op("Shape", [x])]);
}

/**
 * The weight of one value in its window's average, `[1, 1, narrow...]`: the average of a zero-padded image of ones, divided by the
 * number of ones in the window. It thus follows whatever ONNX Runtime divides by, at borders too.
 */
function windowShares(
  graph: GradientGraph,
  node: NodeProto,
  window: Window,
  wide: readonly number[],
  narrow: readonly number[],
): string {
  const ones = graph.floats(Array<number>(product(wide)).fill(1), [1, 1, ...wide]);
  const averages = graph.op("AveragePool", [ones], node.attribute);
  const counts = wide.reduce<number[]>(
    (outer, extent, axis) => {
      const along = Array.from({ length: at(narrow, axis) }, (_, place) =>
        inside(window, axis, place, extent),
      );
      return outer.flatMap((count) => along.map((here) => count * here));
    },
    [1],
  );
  return graph.op("Div", [
    averages,
    graph.floats(
      counts.map((count) => Math.max(count, 1)),
      [1, 1, ...narrow],
    ),
  ]);
}

/** How many rows of a window are not padding. */
function inside(window: Window, axis: number, place: number, extent: number): number {
  const first = place * at(window.strides, axis) - at(window.before, axis);
  const rows = Array.from(
    { length: at(window.kernel, axis) },
    (_, row) => first + row * at(window.dilations, axis),
  );
  return rows.filter((row) => row >= 0 && row < extent).length;
}

function globalAveragePool({ graph, node, gradient }: Step): string {
  const extents = spatialExtents(graph, node, node.input[0] ?? "");
  const share = graph.op("Mul", [gradient, graph.floats([1 / product(extents)])]);
  return graph.op("Expand", [share, graph.integers([1, 1, ...extents])]);
}

function globalMaxPool({ graph, node, gradient }: Step): string {
  const [x = ""] = node.input;
  const planes = graph.integers([0, 0, -1]);
  const flat = graph.op("Reshape", [x, planes]);
  const largest = graph.op("ArgMax", [flat], [intAttribute("axis", 2), intAttribute("keepdims", 1)]);
  const zeros = graph.op("ConstantOfShape", [graph.op("Shape", [flat])]);
  const placed = graph.op(
    "ScatterElements",
    [zeros, largest, graph.op("Reshape", [gradient, planes])],
    [intAttribute("axis", 2)],
  );
  return graph.op("Reshape", [placed, graph.op("Shape", [x])]);
}

function product(values: readonly number[]): number {
  return values.reduce((total, value) => total * value, 1);
}

export const poolingGradients = {
  AveragePool: averagePool,
  GlobalAveragePool: globalAveragePool,
  GlobalMaxPool: globalMaxPool,
  MaxPool: maxPool,
} as const satisfies Record<string, OperatorGradient>;
