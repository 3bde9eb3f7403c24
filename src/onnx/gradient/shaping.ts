import type { NodeProto } from "onnx-buf";
import { intsAttribute } from "../build.js";
import { intsAttributeOf } from "./attributes.js";
import { sumToShape } from "./broadcasting.js";
import type { GradientGraph, OperatorGradient, Shape, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Operators that move values around without changing them. */

/** Reshapes a value if at most one extent of `shape` follows the batch; null if several do. */
export function reshape(graph: GradientGraph, value: string, shape: Shape): string | null {
  if (shape.filter((extent) => extent === null).length > 1) return null;
  return graph.op("Reshape", [value, graph.integers(shape.map((extent) => extent ?? -1))]);
}

/**
 * Reshapes a value if at most one extent of `shape` follows the batch.
 *
 * @throws {InputError} if several do.
 */
export function requireReshape(graph: GradientGraph, node: NodeProto, value: string, shape: Shape): string {
  const reshaped = reshape(graph, value, shape);
  if (reshaped === null) throw noGradient(node, "several axes that change with the batch");
  return reshaped;
}

/** Reshapes the gradient to the shape of the node's input. */
function restored({ graph, node, input, gradient }: Step): string | null {
  const [value = ""] = node.input;
  if (input !== 0) return null;
  return (
    reshape(graph, gradient, graph.shape(value)) ??
    graph.op("Reshape", [gradient, graph.op("Shape", [value])])
  );
}

const unchanged: OperatorGradient = ({ input, gradient }) => (input === 0 ? gradient : null);

/** Undoes a permutation of axes. */
function transposed({ graph, node, gradient }: Step): string {
  const { length: rank } = graph.shape(node.input[0] ?? "");
  const order = intsAttributeOf(node, "perm") ?? [...Array(rank).keys()].reverse();
  const back = order.map((_, axis) => order.indexOf(axis));
  return graph.op("Transpose", [gradient], [intsAttribute("perm", back)]);
}

export const shapingGradients = {
  /** Between floating-point types, all of which the gradient's graph has as float32; other casts stop the gradient. */
  Cast: unchanged,
  /** In inference mode. */
  Dropout: (step) => {
    const [, , training = ""] = step.node.input;
    if (training !== "" && step.graph.constant(training)?.[0] !== 0)
      throw noGradient(step.node, "training mode");
    return unchanged(step);
  },
  Expand: ({ graph, node, input, gradient }) => {
    const [from, to] = [graph.shape(node.output[0] ?? ""), graph.shape(node.input[0] ?? "")];
    return input === 0 ? sumToShape(graph, gradient, from, to) : null;
  },
  Flatten: restored,
  Identity: unchanged,
  Reshape: restored,
  Squeeze: restored,
  Transpose: transposed,
  Unsqueeze: restored,
} as const satisfies Record<string, OperatorGradient>;
