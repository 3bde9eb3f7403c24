import { type GraphProto, type ModelProto, type NodeProto, TensorProto_DataType } from "onnx-buf";
import { changed, intAttribute, node as makeNode } from "../build.js";
import { graphOf, nodesOf } from "../model.js";
import { valueNames } from "../values.js";
import { freshNames, withSubgraphs } from "./inline.js";

const { FLOAT, FLOAT16, BFLOAT16, DOUBLE } = TensorProto_DataType;
const others: ReadonlySet<number> = new Set([FLOAT16, BFLOAT16, DOUBLE]);
/** The attributes that name a type to make or to reckon in. */
const typeAttributes: ReadonlySet<string> = new Set(["to", "dtype", "softmax_precision"]);

/**
 * Lets a model reckon in float32 throughout, in place: its numbers of other floating-point types are cast, and its casts to them become
 * casts to float32. Rounding has no gradient, and ONNX Runtime reckons most of float16 in float32 on a CPU anyway.
 */
export function useSinglePrecision(model: ModelProto): void {
  const graph = graphOf(model);
  if (!usesOthers(graph)) return;
  model.graph = inSinglePrecision(graph, freshNames(valueNames(graph), "stored"));
}

function usesOthers(graph: GraphProto): boolean {
  const inner = [...nodesOf(graph)].flatMap(({ attribute }) =>
    attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs)),
  );
  return (
    [graph, ...inner].some(({ initializer }) => initializer.some(({ dataType }) => others.has(dataType))) ||
    [...nodesOf(graph)].some(({ attribute }) =>
      attribute.some(({ name, i, t }) => (t && others.has(t.dataType)) || namesOther(name, i)),
    )
  );
}

function namesOther(name: string, type: bigint): boolean {
  return typeAttributes.has(name) && others.has(Number(type));
}

function inSinglePrecision(graph: GraphProto, fresh: (name: string) => string): GraphProto {
  const casts: NodeProto[] = [];
  const cast = (from: string, to: string): NodeProto =>
    makeNode("Cast", [from], to, [intAttribute("to", FLOAT)]);
  const initializer = graph.initializer.map((tensor) => {
    if (!others.has(tensor.dataType)) return tensor;
    const name = fresh(tensor.name);
    casts.push(cast(name, tensor.name));
    return changed(tensor, { name });
  });
  const nodes = graph.node.flatMap((node) => {
    const single = withSubgraphs(node, (inner) => inSinglePrecision(inner, fresh));
    const attribute = single.attribute.map((one) =>
      namesOther(one.name, one.i) ? changed(one, { i: BigInt(FLOAT) }) : one,
    );
    const made = attribute.some(({ t }) => t !== undefined && others.has(t.dataType));
    const [output = ""] = node.output;
    if (!made) return [changed(single, { attribute })];
    const name = fresh(output);
    return [changed(single, { attribute, output: [name] }), cast(name, output)];
  });
  for (const value of [...graph.input, ...graph.output]) {
    const type = value.type?.value;
    if (type?.case === "tensorType" && others.has(type.value.elemType)) type.value.elemType = FLOAT;
  }
  return changed(graph, { initializer, node: [...casts, ...nodes], valueInfo: [] });
}
