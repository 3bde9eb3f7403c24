import { type GraphProto, type NodeProto, type TensorProto, TensorProto_DataType } from "onnx-buf";
import { int64Tensor } from "./build.js";
import { freshNames, initializersOf, makersOf } from "./values.js";

/**
 * Makes a graph take any batch size: shapes written into `Reshape` and `Expand` follow the batch instead of the exported size.
 *
 * Only nodes that depend on the images are changed. A batch size fixed anywhere else shows up when the model is run.
 *
 * @param batch The size the model is fixed at.
 */
export function freeBatch(graph: GraphProto, input: string, batch: number): void {
  const dependent = new Set([input]);
  const fresh = freshNames(graph);
  const constants = { initializers: initializersOf(graph), makers: makersOf(graph) };
  for (const node of graph.node) {
    if (!node.input.some((name) => dependent.has(name))) continue;
    for (const name of node.output) dependent.add(name);
    const [data, shapeName] = node.input;
    if (data === undefined || shapeName === undefined || !dependent.has(data)) continue;
    const shape = constantIntegers(constants, shapeName);
    if (shape?.[0] !== BigInt(batch)) continue;
    const first = freeExtent(node, shape);
    if (first === null) continue;
    const freed = fresh(`${shapeName}.freed`);
    graph.initializer.push(int64Tensor(freed, [first, ...shape.slice(1)]));
    node.input[1] = freed;
  }
}

/** What the first extent of a constant shape becomes: -1 "the rest", 0 "as in the input", 1 "as broadcast"; null to leave it. */
function freeExtent(node: NodeProto, shape: readonly bigint[]): bigint | null {
  if (node.opType === "Expand") return 1n;
  if (node.opType !== "Reshape") return null;
  return shape.includes(-1n) ? 0n : -1n;
}

interface Constants {
  readonly initializers: ReadonlyMap<string, TensorProto>;
  readonly makers: ReadonlyMap<string, NodeProto>;
}

/** The values of a one-dimensional int64 initializer or `Constant` node; null for anything else. */
function constantIntegers({ initializers, makers }: Constants, name: string): bigint[] | null {
  const initializer = initializers.get(name);
  if (initializer) return integers(initializer);
  const maker = makers.get(name);
  if (maker?.opType !== "Constant") return null;
  const [attribute] = maker.attribute;
  if (attribute?.name === "value_ints") return attribute.ints;
  return attribute?.t ? integers(attribute.t) : null;
}

function integers({ dataType, rawData, int64Data, dims }: TensorProto): bigint[] | null {
  if (dataType !== (TensorProto_DataType.INT64 as number) || dims.length !== 1) return null;
  // A copy, because the bytes need not start at a multiple of eight.
  if (rawData.length > 0)
    return rawData.length % 8 === 0 ? [...new BigInt64Array(rawData.slice().buffer)] : null;
  return int64Data;
}
