import {
  type GraphProto,
  type ModelProto,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType,
  type ValueInfoProto,
} from "onnx-buf";
import { intAttribute, node } from "./build.js";
import { graphOf, nodesOf, subgraphsOf, tensorsOf } from "./model.js";
import type { StoredModel } from "./stored-model.js";
import { freshName } from "./values.js";
import { floatsOf, isOtherFloat, type OtherFloat } from "./widen.js";

/** What is said of a model that had such numbers. */
const BECAME: Readonly<Record<OtherFloat, string>> = {
  [TensorProto_DataType.FLOAT16]:
    "its float16 numbers became float32, which has all of them: only the rounding between its layers is gone",
  [TensorProto_DataType.BFLOAT16]:
    "its bfloat16 numbers became float32, which has all of them: only the rounding between its layers is gone",
  [TensorProto_DataType.DOUBLE]:
    "its float64 numbers were rounded to float32, in which images and attacks are computed",
};

/** Attributes that name a type of numbers. */
const TYPE_ATTRIBUTES: ReadonlySet<string> = new Set([
  ...["to", "dtype", "stash_type", "output_dtype", "output_datatype", "softmax_precision"],
]);

/** Operators whose first output is not of the type of their first input, or is no number with a fraction. */
const OTHER_OUTPUTS: ReadonlySet<string> = new Set([
  ...[
    "And",
    "ArgMax",
    "ArgMin",
    "CastLike",
    "Equal",
    "Greater",
    "GreaterOrEqual",
    "If",
    "IsInf",
    "IsNaN",
    "Less",
  ],
  ...[
    "LessOrEqual",
    "Loop",
    "NonZero",
    "Not",
    "Or",
    "QuantizeLinear",
    "Scan",
    "Shape",
    "Size",
    "Where",
    "Xor",
  ],
]);

/**
 * Rewrites a model of float16, bfloat16 or float64 numbers, or of a mixture, to float32, in place. Float32 has every number of the two
 * shorter types, so only roundings between layers are lost: constants that the model itself rounds stay rounded.
 *
 * @returns The model with the tensors outside it, which are widened when they are read, and a note on each type that was there.
 */
export function inFloat32({ model, stored }: StoredModel): { opened: StoredModel; notes: string[] } {
  const graph = graphOf(model);
  const found = new Set<OtherFloat>();
  const widened = new Map(stored);
  for (const tensor of allTensors(model)) {
    const type = tensor.dataType;
    if (!isOtherFloat(type)) continue;
    found.add(type);
    const bytes = stored.get(tensor);
    if (bytes === undefined)
      Object.assign(tensor, { rawData: floatsOf(tensor), int32Data: [], doubleData: [] });
    else {
      const length = (bytes.length / WIDTH[type]) * 4;
      widened.set(tensor, { length, read: () => floatsOf({ dataType: type, rawData: bytes.read() }) });
    }
    tensor.dataType = TensorProto_DataType.FLOAT;
  }
  const kept = keepRoundings(graph);
  for (const { attribute } of allNodes(model)) {
    for (const one of attribute) {
      const type = Number(one.i);
      if (!TYPE_ATTRIBUTES.has(one.name) || !isOtherFloat(type)) continue;
      found.add(type);
      if (!kept.has(one)) one.i = BigInt(TensorProto_DataType.FLOAT);
    }
  }
  for (const value of allValues(model)) {
    const kind = value.type?.value;
    if (kind?.case !== "tensorType" || !isOtherFloat(kind.value.elemType)) continue;
    found.add(kind.value.elemType);
    kind.value.elemType = TensorProto_DataType.FLOAT;
  }
  if (found.size > 0) dropEmptyCasts(graph);
  return { opened: { model, stored: widened }, notes: [...found].map((type) => BECAME[type]) };
}

/** Bytes of one number. */
const WIDTH: Readonly<Record<OtherFloat, number>> = {
  [TensorProto_DataType.FLOAT16]: 2,
  [TensorProto_DataType.BFLOAT16]: 2,
  [TensorProto_DataType.DOUBLE]: 8,
};

/**
 * Adds, behind each cast of numbers that are the same for all images to a shorter type, a cast back: such are the weights of a model
 * that stores them in float32.
 *
 * @returns The attributes of the casts that stay.
 */
function keepRoundings(graph: GraphProto): Set<unknown> {
  const kept = new Set<unknown>();
  const initializers = new Set(graph.initializer.map(({ name }) => name));
  const following = new Set(graph.input.map(({ name }) => name).filter((name) => !initializers.has(name)));
  const prefix = freshName(graph, "rounded");
  const nodes: NodeProto[] = [];
  for (const each of graph.node) {
    nodes.push(each);
    const follows = each.input.some((name) => following.has(name));
    if (follows) for (const name of each.output) following.add(name);
    const to = each.attribute.find(({ name }) => name === "to");
    const type = Number(to?.i);
    if (each.opType !== "Cast" || follows || !isOtherFloat(type) || type === TensorProto_DataType.DOUBLE)
      continue;
    const [output = ""] = each.output;
    const rounded = `${prefix}.${kept.size}`;
    kept.add(to);
    each.output = [rounded];
    const back = node("Cast", [rounded], output, [intAttribute("to", TensorProto_DataType.FLOAT)]);
    back.name = "";
    nodes.push(back);
  }
  graph.node = nodes;
  return kept;
}

/** Turns casts from float32 to float32 into `Identity`. */
function dropEmptyCasts(graph: GraphProto): void {
  const float = TensorProto_DataType.FLOAT as number;
  const floats = new Set(
    graph.input.flatMap(({ name, type }) =>
      type?.value.case === "tensorType" && type.value.value.elemType === float ? [name] : [],
    ),
  );
  for (const { name, dataType } of graph.initializer) if (dataType === float) floats.add(name);
  for (const each of graph.node) {
    const [input = ""] = each.input;
    const [output = ""] = each.output;
    const to = each.attribute.find(({ name }) => name === "to");
    const isFloat = floats.has(input);
    if (each.opType === "Cast" && Number(to?.i) === float) {
      if (isFloat) Object.assign(each, { opType: "Identity", attribute: [] });
      floats.add(output);
    } else if (each.opType !== "Cast" && isFloat && !OTHER_OUTPUTS.has(each.opType)) floats.add(output);
  }
}

function allNodes(model: ModelProto): NodeProto[] {
  const bodies = model.functions.flatMap(({ node: nodes }) => nodes);
  return [
    ...nodesOf(graphOf(model)),
    ...bodies,
    ...bodies.flatMap(subgraphsOf).flatMap((inner) => [...nodesOf(inner)]),
  ];
}

function allTensors(model: ModelProto): TensorProto[] {
  const bodies = model.functions.flatMap(({ node: nodes }) => nodes);
  return [
    ...tensorsOf(graphOf(model)),
    ...bodies.flatMap(({ attribute }) =>
      attribute.flatMap(({ t, tensors }) => (t ? [t, ...tensors] : tensors)),
    ),
    ...bodies.flatMap(subgraphsOf).flatMap((inner) => [...tensorsOf(inner)]),
  ];
}

function allValues(model: ModelProto): ValueInfoProto[] {
  const graphs = [graphOf(model), ...allNodes(model).flatMap(subgraphsOf)];
  return graphs.flatMap(({ input, output, valueInfo }) => [...input, ...output, ...valueInfo]);
}
