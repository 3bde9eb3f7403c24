import { create } from "@bufbuild/protobuf";
import {
  type GraphProto,
  type NodeProto,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
} from "onnx-buf";
import { intAttribute, node } from "./build.js";
import { roundToFloat16 } from "./float16.js";
import { graphOf, subgraphsOf } from "./model.js";
import type { StoredModel } from "./stored-model.js";
import { freshNames, valueNames } from "./values.js";
import { floatTensor } from "./weights.js";

const FIRST = [0] as const;

/**
 * The operators that may run in float16, all of which ONNX Runtime has for CUDA, and which of their inputs have the type of their output.
 * Sums of many numbers, exponentials and what is made of them stay in float32.
 */
const OPERATORS: Readonly<Record<string, readonly number[] | "all">> = {
  Conv: "all",
  ConvTranspose: "all",
  Gemm: "all",
  MatMul: "all",
  BatchNormalization: "all",
  ...{ Add: "all", Sub: "all", Mul: "all", Div: "all", Concat: "all", Clip: "all", PRelu: "all" },
  ...{ Relu: FIRST, LeakyRelu: FIRST, Elu: FIRST, Sigmoid: FIRST, Tanh: FIRST },
  ...{ AveragePool: FIRST, MaxPool: FIRST, GlobalAveragePool: FIRST, GlobalMaxPool: FIRST },
  ...{ Identity: FIRST, Flatten: FIRST, Reshape: FIRST, Transpose: FIRST, Slice: FIRST, Split: FIRST },
  ...{ Squeeze: FIRST, Unsqueeze: FIRST },
  Pad: [0, 2],
};

/** Those that compute with numbers of a fraction only: with them float16 begins. */
const FLOATS_ONLY: ReadonlySet<string> = new Set(["Conv", "ConvTranspose"]);
/** Those that begin it where one of their inputs is known to be float32. */
const PRODUCTS: ReadonlySet<string> = new Set(["Gemm", "MatMul"]);

/**
 * Rewrites a model of float32 so that convolutions, matrix products and what follows them run in float16, in place; images, logits and
 * every other operator stay in float32, with casts between. An operator with a weight that float16 has not stays in float32 too.
 *
 * A value's own name always means it in float32, which is made only where something reads it.
 */
export function inHalfPrecision({ model, stored }: StoredModel): StoredModel {
  const graph = graphOf(model);
  const weights = halfWeights(graph, stored);
  const fresh = freshNames(graph);
  /** The names in float16 of values that are there in float16. */
  const halves = new Map<string, string>();
  /** The values that are there in float16 only. */
  const halfOnly = new Set<string>();
  const nodes: NodeProto[] = [];

  const halfOf = (name: string): string => {
    const known = halves.get(name);
    if (known !== undefined) return known;
    const half = fresh(`${name}.half`);
    halves.set(name, half);
    if (weights.has(name)) weights.keep(name, half);
    else nodes.push(cast(name, half, TensorProto_DataType.FLOAT16));
    return half;
  };
  const needFloat = (name: string): void => {
    const half = halves.get(name);
    if (half !== undefined && halfOnly.delete(name)) nodes.push(cast(half, name, TensorProto_DataType.FLOAT));
  };

  for (const each of graph.node) {
    const typed = typedInputs(each);
    const begins =
      FLOATS_ONLY.has(each.opType) ||
      (PRODUCTS.has(each.opType) && typed.some((index) => weights.has(each.input[index] ?? "")));
    const goesOn = typed.some((index) => halves.has(each.input[index] ?? ""));
    const fits = (): boolean => !typed.some((index) => weights.isTooLarge(each.input[index] ?? ""));
    if (typed.length > 0 && (begins || goesOn) && fits()) {
      for (const index of typed) each.input[index] = halfOf(each.input[index] ?? "");
      each.output = each.output.map((name) => {
        if (name === "") return name;
        const half = fresh(`${name}.half`);
        halves.set(name, half);
        halfOnly.add(name);
        return half;
      });
    } else {
      const inner = subgraphsOf(each).flatMap((subgraph) => [...valueNames(subgraph)]);
      for (const name of [...each.input, ...inner]) needFloat(name);
    }
    nodes.push(each);
  }
  for (const { name } of graph.output) needFloat(name);
  graph.node = nodes;
  graph.valueInfo = []; // of values that may not be there any more
  replaceWeights(graph, weights.kept());
  return { model, stored };
}

function cast(from: string, to: string, type: TensorProto_DataType): NodeProto {
  const made = node("Cast", [from], to, [intAttribute("to", type)]);
  made.name = ""; // the node that makes the value has it already
  return made;
}

/** The inputs of a node that have its output's type, none if it must stay as it is. */
function typedInputs({ opType, domain, input, output }: NodeProto): number[] {
  const typed = Object.hasOwn(OPERATORS, opType) ? OPERATORS[opType] : undefined;
  const standard = domain === "" || domain === "ai.onnx";
  const others = output.slice(1).some((name) => name !== "");
  if (typed === undefined || !standard || (others && opType !== "Split")) return [];
  const indices = typed === "all" ? input.map((_, index) => index) : typed;
  return indices.filter((index) => (input[index] ?? "") !== "");
}

/** The float32 initializers of a graph, rounded when they are asked for. */
function halfWeights(graph: GraphProto, stored: StoredModel["stored"]) {
  const replaceable = new Set(graph.input.map(({ name }) => name));
  const tensors = new Map<string, TensorProto>();
  for (const tensor of graph.initializer) {
    const { name, dataType } = tensor;
    if (dataType === (TensorProto_DataType.FLOAT as number) && !replaceable.has(name))
      tensors.set(name, tensor);
  }
  const rounded = new Map<string, Uint16Array<ArrayBuffer> | null>();
  const kept: TensorProto[] = [];
  const bitsOf = (name: string, tensor: TensorProto): Uint16Array<ArrayBuffer> | null => {
    let bits = rounded.get(name);
    if (bits === undefined) {
      const floats = floatTensor(tensor, stored)?.read() ?? Float32Array.from(tensor.floatData);
      bits = roundToFloat16(floats);
      rounded.set(name, bits);
    }
    return bits;
  };
  return {
    has: (name: string) => tensors.has(name),
    /** Whether the weight, if it is one, has a number that float16 has not. */
    isTooLarge(name: string): boolean {
      const tensor = tensors.get(name);
      return tensor !== undefined && bitsOf(name, tensor) === null;
    },
    /** Keeps the rounded weight under another name. */
    keep(name: string, half: string): void {
      const tensor = tensors.get(name);
      const bits = tensor && bitsOf(name, tensor);
      if (!bits) throw new Error(`${name} is no weight of float16`);
      const dims = [...tensor.dims];
      const rawData = new Uint8Array(bits.buffer);
      kept.push(
        create(TensorProtoSchema, { name: half, dims, dataType: TensorProto_DataType.FLOAT16, rawData }),
      );
    },
    kept: () => kept,
  };
}

/** Adds weights, and takes away those that nothing reads any more. */
function replaceWeights(graph: GraphProto, added: readonly TensorProto[]): void {
  const read = new Set(graph.output.map(({ name }) => name));
  for (const each of graph.node) {
    for (const name of each.input) read.add(name);
    for (const subgraph of subgraphsOf(each)) for (const name of valueNames(subgraph)) read.add(name);
  }
  graph.initializer = [...graph.initializer.filter(({ name }) => read.has(name)), ...added];
}
