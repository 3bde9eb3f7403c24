import { intAttribute } from "../build.js";
import { intAttributeOf, intsAttributeOf } from "./attributes.js";
import type { GradientGraph, OperatorGradient, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Sums and means over axes, and softmax, whose gradient contains such a sum. */

/** The axes a node reduces, none negative: an attribute before operator set 18 (`ReduceSum`: 13), an input from then on. */
function reducedAxes({ graph, node }: Step): number[] {
  const [value = "", axesName = ""] = node.input;
  const { length: rank } = graph.shape(value);
  const axes = axesName === "" ? (intsAttributeOf(node, "axes") ?? []) : graph.constant(axesName);
  if (axes === null) throw noGradient(node, "axes that are not constant");
  if (axes.length > 0) return axes.map((axis) => (axis < 0 ? axis + rank : axis));
  return intAttributeOf(node, "noop_with_empty_axes", 0) ? [] : [...Array(rank).keys()];
}

/** Repeats the gradient of a reduction's output over the reduced axes. */
function repeated(step: Step, axes: readonly number[]): string {
  const { graph, node, gradient } = step;
  const [value = ""] = node.input;
  const shape = graph.shape(value);
  const kept = intAttributeOf(node, "keepdims", 1) === 1;
  const whole =
    kept || axes.length === 0 ? gradient : graph.op("Unsqueeze", [gradient, graph.integers(axes)]);
  const extents = shape.map((extent, axis) => (axes.includes(axis) ? extent : 1));
  if (extents.includes(null)) return graph.op("Expand", [whole, graph.op("Shape", [value])]);
  return graph.op("Expand", [whole, graph.integers(extents.map((extent) => extent ?? 1))]);
}

function reduceMean(step: Step): string | null {
  const { graph, node, gradient, input } = step;
  if (input !== 0) return null;
  const axes = reducedAxes(step);
  const shape = graph.shape(node.input[0] ?? "");
  let count = 1;
  for (const axis of axes) {
    const extent = shape[axis];
    if (extent === null || extent === undefined) throw noGradient(node, "a mean over the batch");
    count *= extent;
  }
  const share = graph.op("Mul", [gradient, graph.floats([1 / count])]);
  return repeated({ ...step, gradient: share }, axes);
}

/** Sums over `axes`, which are kept with extent 1. */
export function sumOver(graph: GradientGraph, value: string, axes: readonly number[]): string {
  return graph.op("ReduceSum", [value, graph.integers(axes)], [intAttribute("keepdims", 1)]);
}

export const reductionGradients = {
  LogSoftmax: ({ graph, node, gradient }) => {
    const probabilities = graph.op("Exp", [node.output[0] ?? ""]);
    const sum = sumOver(graph, gradient, [intAttributeOf(node, "axis", -1)]);
    return graph.op("Sub", [gradient, graph.op("Mul", [probabilities, sum])]);
  },
  ReduceMean: reduceMean,
  ReduceSum: (step) => (step.input === 0 ? repeated(step, reducedAxes(step)) : null),
  Softmax: ({ graph, node, gradient }) => {
    const [probabilities = ""] = node.output;
    const mean = sumOver(graph, graph.op("Mul", [gradient, probabilities]), [
      intAttributeOf(node, "axis", -1),
    ]);
    return graph.op("Mul", [probabilities, graph.op("Sub", [gradient, mean])]);
  },
} as const satisfies Record<string, OperatorGradient>;
