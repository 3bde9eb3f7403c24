import type { GraphProto, NodeProto, TensorProto } from "onnx-buf";
import { changed } from "../build.js";
import { initializersOf, makersOf, readersOf } from "../values.js";
import { intAttributeOf } from "./attributes.js";
import { batchNormalizationFactor } from "./normalization.js";
import type { NodeWriter } from "./step.js";
import { nodeWriter } from "./writer.js";

/**
 * Folds batch normalisation into the convolution before it, as ONNX Runtime does when it runs a model forward: this saves a factor per
 * channel on the way back. Nodes compute the new filters from the old; ONNX Runtime folds them into constants when it loads the model.
 */
export function foldBatchNormalization(graph: GraphProto): void {
  const weights = initializersOf(graph);
  const [makers, readers] = [makersOf(graph), readersOf(graph)];
  const nodes: NodeProto[] = [];
  const folds = new Set<NodeProto>();
  const writer = nodeWriter(graph, nodes, "folded");
  for (const node of graph.node) {
    const conv = makers.get(node.input[0] ?? "");
    if (conv && conv.output[0] === node.input[0] && foldable(graph, conv, node, weights, readers)) {
      folds.add(conv);
      nodes.push(folded(writer, weights, conv, node));
    } else nodes.push(node);
  }
  graph.node = nodes.filter((node) => !folds.has(node));
}

function foldable(
  graph: GraphProto,
  conv: NodeProto,
  node: NodeProto,
  weights: ReadonlyMap<string, TensorProto>,
  readers: ReadonlyMap<string, number>,
): boolean {
  return (
    conv.opType === "Conv" &&
    node.opType === "BatchNormalization" &&
    intAttributeOf(node, "training_mode", 0) === 0 &&
    conv.output.every((name) => readers.get(name) === 1) &&
    !graph.output.some(({ name }) => conv.output.includes(name)) &&
    [...conv.input.slice(1), ...node.input.slice(1)].every((name) => name === "" || weights.has(name))
  );
}

/** Filters times the factor, and factor * (bias - mean) + offset. */
function folded(
  writer: NodeWriter,
  weights: ReadonlyMap<string, TensorProto>,
  conv: NodeProto,
  node: NodeProto,
): NodeProto {
  const [x = "", filters = "", bias = ""] = conv.input;
  const [, , offset = "", mean = ""] = node.input;
  const rank = weights.get(filters)?.dims.length ?? 0;
  const factor = batchNormalizationFactor(writer, node);
  const shape = writer.integers([-1, ...Array<number>(rank - 1).fill(1)]);
  const scaled = writer.op("Mul", [filters, writer.op("Reshape", [factor, shape])]);
  const centred = bias === "" ? writer.op("Neg", [mean]) : writer.op("Sub", [bias, mean]);
  const shifted = writer.op("Add", [writer.op("Mul", [centred, factor]), offset]);
  return changed(conv, { input: [x, scaled, shifted], output: [node.output[0] ?? ""] });
}
