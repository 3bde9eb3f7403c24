import { create } from "@bufbuild/protobuf";
import { ModelProtoSchema, type NodeProto, type TensorProto } from "onnx-buf";
import { BATCH_NORM_EPSILON, type Layer, type Network } from "../graph/network.js";
import {
  parameterSpecs,
  storedWeights,
  type StoredTensor,
  type StoredWeights,
  type Weights,
} from "../graph/parameters.js";
import {
  emptyFloatTensor,
  floatAttribute,
  floatTensor,
  floatValue,
  int64Tensor,
  intAttribute,
  intsAttribute,
  node,
} from "./build.js";
import { METADATA_KEY, type ModelMetadata } from "./metadata.js";
import { layOutModel, type StoredBytes, type StoredModel } from "./stored-model.js";

/** Read by every ONNX Runtime since 1.12. Here `Slice` and `Pad` take settings as inputs, and `BatchNormalization` is for inference. */
const OPSET_VERSION = 17n;
const IR_VERSION = 8n;
/** ONNX's way to say "to the end" in `Slice`. */
const END = 2n ** 63n - 1n;

/** The names of a standard classifier's input and output in every ONNX model this program writes or adapts. */
export const IMAGES = "images";
export const LOGITS = "logits";

/** What a network's model says of where it comes from. */
export interface ModelOrigin {
  /** This program's version. */
  readonly version: string;
  /** What the network was trained on. */
  readonly dataset: string;
}

/**
 * A network with its weights as an ONNX model: `images [batch, channels, height, width]` in [0, 1] to `logits [batch, classes]`.
 *
 * Normalisation is part of the graph. Initializers keep PyTorch's names, and batch norm is not folded (ONNX Runtime does it when it
 * loads the model), so that `readNetworkModel` gets the weights back bit for bit.
 *
 * @param weights Every parameter and statistic of `parameterSpecs(network)`, float32, PyTorch's shapes.
 */
export function networkToOnnx(
  network: Network,
  weights: Weights,
  origin: ModelOrigin,
): Uint8Array<ArrayBuffer> {
  const { graph } = layOutModel(networkModel(network, storedWeights(weights), origin), "", Infinity);
  return new Uint8Array(Buffer.concat([...graph]));
}

/** {@link networkToOnnx} of weights that stay stored until the model is written. */
export function networkModel(network: Network, weights: StoredWeights, origin: ModelOrigin): StoredModel {
  const { channels, height, width } = network.input;
  const { version, dataset } = origin;
  const nodes: NodeProto[] = [];
  const constants = new Map<string, TensorProto>();
  const constant = (tensor: TensorProto): string => {
    constants.set(tensor.name, tensor);
    return tensor.name;
  };

  const normalized = normalize(network, nodes, constant);
  const named = (value: string): string =>
    value === IMAGES ? normalized : value === network.output ? LOGITS : value;
  for (const layer of network.layers) nodes.push(...layerNodes(layer, named, constant));

  const parameters = parameterSpecs(network).map(({ name, shape }) => {
    const tensor = weights.get(name);
    if (!tensor) throw new Error(`networkToOnnx was given no weights for ${name}`);
    return [emptyFloatTensor(name, shape), floatBytes(shape, tensor)] as const;
  });
  const metadata: ModelMetadata = {
    version,
    network: network.id,
    image: network.input,
    classes: network.classes,
    normalization: network.normalization ?? null,
    dataset,
  };
  const model = create(ModelProtoSchema, {
    irVersion: IR_VERSION,
    producerName: "mtard",
    producerVersion: version,
    opsetImport: [{ domain: "", version: OPSET_VERSION }],
    metadataProps: [{ key: METADATA_KEY, value: JSON.stringify(metadata) }],
    graph: {
      name: network.id,
      node: nodes,
      initializer: [...parameters.map(([tensor]) => tensor), ...constants.values()],
      input: [floatValue(IMAGES, ["batch", channels, height, width])],
      output: [floatValue(LOGITS, ["batch", network.classes])],
    },
  });
  return { model, stored: new Map(parameters) };
}

function floatBytes(shape: readonly number[], { read }: StoredTensor): StoredBytes {
  return {
    length: 4 * shape.reduce((product, extent) => product * extent, 1),
    read: () => {
      const { buffer, byteOffset, byteLength } = read();
      return new Uint8Array(buffer as ArrayBuffer, byteOffset, byteLength);
    },
  };
}

type Constant = (tensor: TensorProto) => string;

function normalize(network: Network, nodes: NodeProto[], constant: Constant): string {
  if (!network.normalization) return IMAGES;
  const { mean, std } = network.normalization;
  const shape = [1, mean.length, 1, 1];
  nodes.push(
    node(
      "Sub",
      [IMAGES, constant(floatTensor("normalization.mean", shape, Float32Array.from(mean)))],
      "normalization.centred",
    ),
    node(
      "Div",
      ["normalization.centred", constant(floatTensor("normalization.std", shape, Float32Array.from(std)))],
      "normalization.output",
    ),
  );
  return "normalization.output";
}

function layerNodes(layer: Layer, named: (value: string) => string, constant: Constant): NodeProto[] {
  const output = named(layer.output);
  switch (layer.op) {
    case "conv": {
      const { name, kernel, stride, groups } = layer;
      const [before, after] = layer.padding;
      const inputs = [named(layer.input), `${name}.weight`, ...(layer.bias ? [`${name}.bias`] : [])];
      return [
        node("Conv", inputs, output, [
          intsAttribute("kernel_shape", [kernel, kernel]),
          intsAttribute("strides", [stride, stride]),
          intsAttribute("pads", [before, before, after, after]),
          intAttribute("group", groups),
        ]),
      ];
    }
    case "batchNorm": {
      const parameters = ["weight", "bias", "running_mean", "running_var"].map(
        (part) => `${layer.name}.${part}`,
      );
      const epsilon = floatAttribute("epsilon", BATCH_NORM_EPSILON);
      return [node("BatchNormalization", [named(layer.input), ...parameters], output, [epsilon])];
    }
    case "activation": {
      const input = named(layer.input);
      if (layer.function === "relu") return [node("Relu", [input], output)];
      const gate = `${output}.gate`;
      return [node("Sigmoid", [input], gate), node("Mul", [input, gate], output)];
    }
    case "add":
      return [node("Add", layer.inputs.map(named), output)];
    case "subsample":
      return subsampleNodes(layer, named(layer.input), output, constant);
    case "globalAveragePool":
      return [
        node("GlobalAveragePool", [named(layer.input)], `${output}.pooled`),
        node("Flatten", [`${output}.pooled`], output, [intAttribute("axis", 1)]),
      ];
    case "linear":
      return [
        node("Gemm", [named(layer.input), `${layer.name}.weight`, `${layer.name}.bias`], output, [
          intAttribute("transB", 1),
        ]),
      ];
  }
}

function subsampleNodes(
  { stride, channelsBefore, channelsAfter }: Extract<Layer, { op: "subsample" }>,
  input: string,
  output: string,
  constant: Constant,
): NodeProto[] {
  const [before, after] = [BigInt(channelsBefore), BigInt(channelsAfter)];
  const slice = [
    input,
    constant(int64Tensor("subsample.starts", [0n, 0n])),
    constant(int64Tensor("subsample.ends", [END, END])),
    constant(int64Tensor("subsample.axes", [2n, 3n])),
    constant(int64Tensor(`subsample.steps.${stride}`, [BigInt(stride), BigInt(stride)])),
  ];
  const pads = constant(
    int64Tensor(`subsample.pads.${channelsBefore}.${channelsAfter}`, [0n, before, 0n, 0n, 0n, after, 0n, 0n]),
  );
  return [node("Slice", slice, `${output}.sliced`), node("Pad", [`${output}.sliced`, pads], output)];
}
