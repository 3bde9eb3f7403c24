import type { GraphProto, NodeProto } from "onnx-buf";
import { subgraphsOf } from "../model.js";
import { valueNames } from "../values.js";

/** Operators that read only the shape of a value. */
const SHAPE_READERS: ReadonlySet<string> = new Set(["Shape", "Size"]);

/** Operators that are constant except for jumps: no gradient passes through them. */
const GRADIENT_STOPS: ReadonlySet<string> = new Set([
  "And",
  "ArgMax",
  "ArgMin",
  "Ceil",
  "Equal",
  "Floor",
  "Greater",
  "GreaterOrEqual",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "Not",
  "Or",
  "Round",
  "Sign",
  "Xor",
]);

/** How the values of a graph depend on the images. */
export interface Dependence {
  /** The values that change with the content of the images, not only with their number. */
  readonly onContent: ReadonlySet<string>;
  /** Those of them from which a gradient leads back to the images. */
  readonly smooth: ReadonlySet<string>;
}

/** Follows the images through a graph in topological order. */
export function dependenceOn(images: string, graph: GraphProto): Dependence {
  const onContent = new Set([images]);
  const smooth = new Set([images]);
  for (const node of graph.node) {
    if (SHAPE_READERS.has(node.opType)) continue;
    const inputs = valuesRead(node);
    const outputs = node.output.filter((name) => name !== "");
    if (inputs.some((name) => onContent.has(name))) for (const name of outputs) onContent.add(name);
    if (GRADIENT_STOPS.has(node.opType)) continue;
    if (inputs.some((name) => smooth.has(name))) for (const name of outputs) smooth.add(name);
  }
  return { onContent, smooth };
}

/** A node's inputs, and what the graphs inside it read. */
function valuesRead(node: NodeProto): string[] {
  return [...node.input, ...subgraphsOf(node).flatMap((inner) => [...valueNames(inner)])];
}
