import type { GraphProto, NodeProto } from "onnx-buf";
import { changed } from "../build.js";
import { intAttributeOf } from "./attributes.js";
import { valuesRead } from "./dependence.js";
import { batchNormalizationFactor } from "./normalization.js";
import type { NodeWriter } from "./step.js";
import { nodeWriter } from "./writer.js";

/**
 * Folds batch normalisation into the convolution before it, as ONNX Runtime does when it runs a model forward: this saves a factor per
 * channel on the way back. Nodes compute the new filters from the old; ONNX Runtime folds them into constants when it loads the model.
 */
export function foldBatchNormalization(graph: GraphProto): void {
  const weights = new Map(graph.initializer.map((tensor) => [tensor.name, tensor.dims.length]));
  const convolutions = new Map(
    graph.node.flatMap((node) => (node.opType === "Conv" ? [[node.output[0] ?? "", node] as const] : [])),
  );
  const readers = new Map<string, number>();
  const readings = [...graph.node.flatMap(valuesRead), ...graph.output.map(({ name }) => name)];
  for (const name of readings) readers.set(name, (readers.get(name) ?? 0) + 1);
  const isFoldable = (conv: NodeProto, node: NodeProto): boolean =>
    node.opType === "BatchNormalization" &&
    intAttributeOf(node, "training_mode", 0) === 0 &&
    readers.get(conv.output[0] ?? "") === 1 &&
    [...conv.input.slice(1), ...node.input.slice(1)].every((name) => name === "" || weights.has(name));

  const nodes: NodeProto[] = [];
  const writer = nodeWriter(graph, nodes, "folded");
  const gone = new Set<NodeProto>();
  for (const node of graph.node) {
    const conv = convolutions.get(node.input[0] ?? "");
    if (conv && isFoldable(conv, node)) {
      gone.add(conv);
      nodes.push(folded(writer, weights.get(conv.input[1] ?? "") ?? 0, conv, node));
    } else nodes.push(node);
  }
  graph.node = nodes.filter((node) => !gone.has(node));
}

/** Filters times the factor, and factor * (bias - mean) + offset. */
function folded(writer: NodeWriter, rank: number, conv: NodeProto, node: NodeProto): NodeProto {
  const [x = "", filters = "", bias = ""] = conv.input;
  const [, , offset = "", mean = ""] = node.input;
  const factor = batchNormalizationFactor(writer, node);
  const shape = writer.integers([-1, ...Array<number>(rank - 1).fill(1)]);
  const scaled = writer.op("Mul", [filters, writer.op("Reshape", [factor, shape])]);
  const centred = bias === "" ? writer.op("Neg", [mean]) : writer.op("Sub", [bias, mean]);
  const shifted = writer.op("Add", [writer.op("Mul", [centred, factor]), offset]);
  return changed(conv, { input: [x, scaled, shifted], output: [node.output[0] ?? ""] });
}
