import { create, type MessageInitShape } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type GraphProto,
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  TensorProto_DataType,
  ValueInfoProtoSchema,
} from "onnx-buf";
import {
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
} from "#mtard/onnx/build.js";
import { serializeModel } from "#mtard/onnx/model.js";

/** Deterministic values of both signs. */
export function values(count: number, shift: number, scale = 1): Float32Array {
  return Float32Array.from({ length: count }, (_, index) => Math.sin(index ** 1.1 + shift) * scale);
}

export type GraphInit = Exclude<MessageInitShape<typeof GraphProtoSchema>, GraphProto>;

export function model(graph: GraphInit, { opset = 17, ir = 8 } = {}): ModelProto {
  return create(ModelProtoSchema, {
    irVersion: BigInt(ir),
    opsetImport: [{ domain: "", version: BigInt(opset) }],
    graph: { name: "test", ...graph },
  });
}

/** Image, batch and class sizes small enough to be quick. */
export const image = { height: 8, width: 8, channels: 3 };

const convolution = [
  intsAttribute("kernel_shape", [3, 3]),
  intsAttribute("strides", [2, 2]),
  intsAttribute("pads", [1, 1, 1, 1]),
];

export const parameters = [
  floatTensor("conv.weight", [4, 3, 3, 3], values(108, 1, 0.3)),
  floatTensor("conv.bias", [4], values(4, 2)),
  floatTensor("fc.weight", [5, 64], values(320, 3, 0.2)),
  floatTensor("fc.bias", [5], values(5, 4)),
];

/** Convolution, ReLU, a flattening of the caller's, and a linear layer to 5 classes, from `input` to `output`. */
export function classifierNodes(input: string, output: string, flatten = [node("Flatten", ["b"], "c")]) {
  return [
    node("Conv", [input, "conv.weight", "conv.bias"], "a", convolution),
    node("Relu", ["a"], "b"),
    ...flatten,
    node("Gemm", ["c", "fc.weight", "fc.bias"], output, [intAttribute("transB", 1)]),
  ];
}

/** The plain classifier: `x [batch, 3, 8, 8]` to `y [batch, 5]`. */
export function plainGraph(batch: number | string = "N"): GraphInit {
  return {
    node: classifierNodes("x", "y"),
    initializer: parameters,
    input: [floatValue("x", [batch, 3, 8, 8])],
    output: [floatValue("y", [batch, 5])],
  };
}

/** The same with its batch of 1 written into a `Reshape` to `shape`. */
export function reshapedGraph(shape: readonly bigint[]): GraphInit {
  return {
    ...plainGraph(1),
    node: classifierNodes("x", "y", [node("Reshape", ["b", "shape"], "c")]),
    initializer: [...parameters, int64Tensor("shape", shape)],
  };
}

/** A classifier of CIFAR's or the demo's images with an operator, `waves`, that has no gradient here. */
export function sineClassifier(): Uint8Array {
  const nodes = [
    { ...node("Sin", ["x"], "s"), name: "waves" },
    node("GlobalAveragePool", ["s"], "p"),
    node("Flatten", ["p"], "f"),
    node("Gemm", ["f", "w"], "y"),
  ];
  const weights = floatTensor("w", [3, 10], new Float32Array(30).fill(0.1));
  const graph = { node: nodes, initializer: [weights], input: [floatValue("x", ["N", 3, 32, 32])] };
  return serializeModel(model({ ...graph, output: [floatValue("y", ["N", 10])] }));
}

/** A model of the same images that answers an image, `[N, 10, 32, 32]`, in place of logits. */
export function imageToImage(): Uint8Array {
  const weights = floatTensor("w", [10, 3, 1, 1], new Float32Array(30).fill(0.1));
  const graph = {
    node: [node("Conv", ["x", "w"], "y")],
    initializer: [weights],
    input: [floatValue("x", ["N", 3, 32, 32])],
    output: [floatValue("y", ["N", 10, 32, 32])],
  };
  return serializeModel(model(graph));
}

/** The tiny classifier in the standard form, with a loop of so many turns behind it. */
export function loopingGraph(turns: bigint): GraphInit {
  const scalar = (name: string, elemType: TensorProto_DataType) =>
    create(ValueInfoProtoSchema, {
      name,
      type: { value: { case: "tensorType", value: { elemType, shape: { dim: [] } } } },
    });
  const body = create(GraphProtoSchema, {
    name: "body",
    node: [node("Identity", ["going"], "still"), node("Relu", ["in"], "out")],
    input: [
      scalar("turn", TensorProto_DataType.INT64),
      scalar("going", TensorProto_DataType.BOOL),
      floatValue("in", ["batch", 5]),
    ],
    output: [scalar("still", TensorProto_DataType.BOOL), floatValue("out", ["batch", 5])],
  });
  const attribute = create(AttributeProtoSchema, {
    name: "body",
    type: AttributeProto_AttributeType.GRAPH,
    g: body,
  });
  return {
    node: [
      ...classifierNodes("images", "before"),
      node("Loop", ["turns", "", "before"], "logits", [attribute]),
    ],
    initializer: [...parameters, int64Tensor("turns", [turns])],
    input: [floatValue("images", ["batch", 3, 8, 8])],
    output: [floatValue("logits", ["batch", 5])],
  };
}

/** The tiny classifier with a stride of 0, at which ONNX Runtime divides by zero. */
export function fatalGraph(): GraphInit {
  const [, ...others] = classifierNodes("images", "logits");
  const strides = [intsAttribute("kernel_shape", [3, 3]), intsAttribute("strides", [0, 0])];
  return {
    node: [node("Conv", ["images", "conv.weight", "conv.bias"], "a", strides), ...others],
    initializer: parameters,
    input: [floatValue("images", ["batch", 3, 8, 8])],
    output: [floatValue("logits", ["batch", 5])],
  };
}
