import { type GraphProto, type NodeProto, TensorProto_DataType } from "onnx-buf";
import { subgraphsOf } from "../model.js";
import { valueNames } from "../values.js";
import { intAttributeOf } from "./attributes.js";

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
  "Hardmax",
  "IsInf",
  "IsNaN",
  "Less",
  "LessOrEqual",
  "NonZero",
  "Not",
  "Or",
  "Round",
  "Sign",
  "Xor",
]);

/** Operators whose first output alone is smooth; the others are places. */
const PLACES_BESIDE: ReadonlySet<string> = new Set(["TopK"]);

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
    if (stopsGradient(node)) continue;
    const leading = PLACES_BESIDE.has(node.opType) ? outputs.slice(0, 1) : outputs;
    if (inputs.some((name) => smooth.has(name))) for (const name of leading) smooth.add(name);
  }
  return { onContent, smooth };
}

/** Whether a node only jumps, as a cast to whole numbers does. */
function stopsGradient(node: NodeProto): boolean {
  if (node.opType !== "Cast") return GRADIENT_STOPS.has(node.opType);
  return intAttributeOf(node, "to", 0) !== (TensorProto_DataType.FLOAT as number);
}

/** A node's inputs, and what the graphs inside it read. */
export function valuesRead(node: NodeProto): string[] {
  return [...node.input, ...subgraphsOf(node).flatMap((inner) => [...valueNames(inner)])];
}
