import { intAttribute } from "../build.js";
import { intAttributeOf } from "./attributes.js";
import { oneAtZero, toFloat } from "./conditions.js";
import type { GradientGraph, OperatorGradient, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Reductions over axes, and softmax, whose gradient contains one. */

/** The axes a node reduces, none negative. */
function reducedAxes({ graph, node }: Step): number[] {
  const [value = "", axesName = ""] = node.input;
  const { length: rank } = graph.shape(value);
  const axes = axesName === "" ? [] : graph.constant(axesName);
  if (axes === null) throw noGradient(node, "axes that are not constant");
  if (axes.length > 0) return axes.map((axis) => (axis < 0 ? axis + rank : axis));
  return intAttributeOf(node, "noop_with_empty_axes", 0) ? [] : [...Array(rank).keys()];
}

/** A reduction's output, or its gradient, with the reduced axes as axes of extent 1. */
function kept({ graph, node }: Step, value: string, axes: readonly number[]): string {
  if (axes.length === 0 || intAttributeOf(node, "keepdims", 1) === 1) return value;
  return graph.op("Unsqueeze", [value, graph.integers(axes)]);
}

/** Repeats the gradient of a reduction's output over the reduced axes. */
function repeated(step: Step, axes: readonly number[]): string {
  const { graph, node, gradient } = step;
  const [value = ""] = node.input;
  const shape = graph.shape(value);
  const whole = kept(step, gradient, axes);
  const extents = shape.map((extent, axis) => (axes.includes(axis) ? extent : 1));
  if (extents.includes(null)) return graph.op("Expand", [whole, graph.op("Shape", [value])]);
  return graph.op("Expand", [whole, graph.integers(extents.map((extent) => extent ?? 1))]);
}

/** What the gradient of a reduction that is no plain sum is written from; `y` and `gradient` have the axes that were reduced. */
interface Reduction {
  readonly x: string;
  readonly y: string;
  readonly gradient: string;
  readonly axes: readonly number[];
}

function reduction(write: (graph: GradientGraph, parts: Reduction) => string): OperatorGradient {
  return (step) => {
    const { graph, node, input } = step;
    if (input !== 0) return null;
    const axes = reducedAxes(step);
    if (axes.length === 0) throw noGradient(node, "no axis to reduce");
    const [x = "", y = ""] = [node.input[0], node.output[0]];
    return write(graph, { x, y: kept(step, y, axes), gradient: kept(step, step.gradient, axes), axes });
  };
}

/** The largest or smallest: equal ones share the gradient, as in PyTorch's `amax`. */
const extreme = reduction((graph, { x, y, gradient, axes }) => {
  const taken = toFloat(graph, graph.op("Equal", [x, y]));
  const share = graph.op("Div", [gradient, sumOver(graph, taken, axes)]);
  return graph.op("Mul", [taken, share]);
});

/** The product of the others: y / x, but where one element is 0 only that one has a gradient, and where several are none has. */
const reduceProduct = reduction((graph, { x, gradient, axes }) => {
  const [zero, one] = [graph.floats([0]), graph.floats([1])];
  const isZero = graph.op("Equal", [x, zero]);
  const zeros = sumOver(graph, toFloat(graph, isZero), axes);
  const safe = graph.op("Where", [isZero, one, x]);
  const product = graph.op("ReduceProd", [safe, graph.integers(axes)], [intAttribute("keepdims", 1)]);
  const onlyZero = graph.op("Where", [graph.op("Equal", [zeros, one]), product, zero]);
  const noZero = graph.op("Where", [
    graph.op("Equal", [zeros, zero]),
    graph.op("Div", [product, safe]),
    zero,
  ]);
  return graph.op("Mul", [gradient, graph.op("Where", [isZero, onlyZero, noZero])]);
});

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
  ReduceL1: reduction((graph, { x, gradient }) => graph.op("Mul", [gradient, graph.op("Sign", [x])])),
  /** Nothing at 0, as in PyTorch's norms. */
  ReduceL2: reduction((graph, { x, y, gradient }) =>
    graph.op("Mul", [gradient, graph.op("Div", [x, oneAtZero(graph, y)])]),
  ),
  ReduceLogSum: reduction((graph, { x, y, gradient }) => {
    const share = graph.op("Div", [gradient, graph.op("Exp", [y])]);
    return graph.op("Expand", [share, graph.op("Shape", [x])]);
  }),
  ReduceLogSumExp: reduction((graph, { x, y, gradient }) =>
    graph.op("Mul", [gradient, graph.op("Exp", [graph.op("Sub", [x, y])])]),
  ),
  ReduceMax: extreme,
  ReduceMean: reduceMean,
  ReduceMin: extreme,
  ReduceProd: reduceProduct,
  ReduceSum: (step) => (step.input === 0 ? repeated(step, reducedAxes(step)) : null),
  ReduceSumSquare: reduction((graph, { x, gradient }) =>
    graph.op("Mul", [gradient, graph.op("Mul", [x, graph.floats([2])])]),
  ),
  Softmax: ({ graph, node, gradient }) => {
    const [probabilities = ""] = node.output;
    const mean = sumOver(graph, graph.op("Mul", [gradient, probabilities]), [
      intAttributeOf(node, "axis", -1),
    ]);
    return graph.op("Mul", [probabilities, graph.op("Sub", [gradient, mean])]);
  },
} as const satisfies Record<string, OperatorGradient>;
