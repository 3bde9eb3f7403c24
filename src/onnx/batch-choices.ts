import type { GraphProto, ModelProto } from "onnx-buf";
import { subgraphsOf } from "./model.js";

/** Operators that read a shape, or numbers that someone wrote for one. */
const READ_SHAPES: ReadonlySet<string> = new Set(["Shape", "Size"]);

/** What exporters do with extents on their way into a shape: no choice. */
const PLAIN: ReadonlySet<string> = new Set([
  ...["Add", "Cast", "Concat", "Constant", "ConstantOfShape", "Gather", "Identity", "Mul", "Slice"],
  ...["ReduceProd", "Reshape", "Split", "Squeeze", "Transpose", "Unsqueeze"],
]);

/** The input of an operator that is a shape: what is made has it, but is not made of it. */
const SHAPE_INPUT: Readonly<Record<string, number>> = { Expand: 1, Reshape: 1 };

/**
 * Whether a graph computes with its batch size in a way that may choose: beyond what exporters write, where a model can do anything at
 * one size that it does not at another.
 */
export function choosesBySize({ graph, functions }: ModelProto): boolean {
  return graph !== undefined && (functions.length > 0 || chooses(graph, new Set()));
}

function chooses(graph: GraphProto, extents: Set<string>): boolean {
  for (const node of graph.node) {
    const shapeInput = SHAPE_INPUT[node.opType];
    const read = node.input.filter((name, index) => index !== shapeInput && extents.has(name));
    if (read.length > 0 && !PLAIN.has(node.opType) && !READ_SHAPES.has(node.opType)) return true;
    if (read.length > 0 || READ_SHAPES.has(node.opType)) for (const name of node.output) extents.add(name);
    for (const inner of subgraphsOf(node)) if (chooses(inner, extents)) return true;
  }
  return false;
}
