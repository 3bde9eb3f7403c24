import {
  type GraphProto,
  type ModelProto,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProto_DataType,
  type ValueInfoProto,
} from "onnx-buf";
import type { Network, Normalization } from "../graph/network.js";
import { parameterSpecs, type StoredTensor, type StoredWeights } from "../graph/parameters.js";
import { changed } from "./build.js";
import { type ModelMetadata, readMetadata } from "./metadata.js";
import { graphOf, serializeModel } from "./model.js";
import type { StoredModel } from "./stored-model.js";
import { networkModel } from "./writer.js";

/** A network read back from an ONNX model: enough for `createNetwork` and `matchWeights`. */
export interface NetworkModel {
  readonly networkId: string;
  readonly image: ModelMetadata["image"];
  readonly classes: number;
  readonly normalization: Normalization | null;
  readonly dataset: string;
  /** The initializers that hold the network's parameters, by PyTorch name. */
  readonly weights: StoredWeights;
}

/**
 * The network and weights that a model says it is made of, or null if it does not say so. The file may have been edited since mtard
 * wrote it: {@link hasGraphOf} tells.
 */
export function readNetworkModel({ model, stored }: StoredModel): NetworkModel | null {
  const metadata = readMetadata(model);
  if (!metadata) return null;
  const { network: networkId, image, classes, normalization, dataset } = metadata;
  const weights = new Map<string, StoredTensor>();
  for (const tensor of graphOf(model).initializer) {
    if (!/\.(weight|bias|running_mean|running_var)$/.test(tensor.name)) continue;
    const floats = floatTensor(tensor, stored);
    if (!floats) return null;
    weights.set(tensor.name, floats);
  }
  return { networkId, image, classes, normalization, dataset, weights };
}

/**
 * Whether a model computes what `networkToOnnx` writes for a network: the same nodes and constants, between the same input and output,
 * with parameters of the same names and shapes. The values of its parameters are not read; texts that change no answer may differ.
 */
export function hasGraphOf(network: Network, model: ModelProto): boolean {
  const weights = new Map(
    parameterSpecs(network).map(({ name, shape }) => [name, { shape, read: () => new Float32Array() }]),
  );
  const own = networkModel(network, weights, { version: "", dataset: "" }).model;
  return Buffer.from(structureOf(model, weights)).equals(structureOf(own, weights));
}

/** The bytes of a model without its parameters' values and without what changes no answer. */
function structureOf(model: ModelProto, parameters: ReadonlyMap<string, unknown>): Uint8Array {
  const bare = {
    irVersion: 0n,
    producerName: "",
    producerVersion: "",
    domain: "",
    modelVersion: 0n,
    docString: "",
    metadataProps: [],
    trainingInfo: [],
  };
  return serializeModel(changed(model, { ...bare, graph: structureOfGraph(graphOf(model), parameters) }));
}

function structureOfGraph(graph: GraphProto, parameters: ReadonlyMap<string, unknown>): GraphProto {
  const untold = { docString: "", metadataProps: [] };
  const tensors = graph.initializer.map((tensor) =>
    changed(tensor, { ...untold, ...(parameters.has(tensor.name) ? withoutValues : {}) }),
  );
  const bareValue = (value: ValueInfoProto): ValueInfoProto => changed(value, untold);
  return changed(graph, {
    ...untold,
    name: "",
    valueInfo: [],
    node: graph.node.map((node) => changed(node, { ...untold, name: "" })),
    // Initializers are found by name: their order says nothing.
    initializer: tensors.sort((one, other) => (one.name < other.name ? -1 : 1)),
    input: graph.input.map(bareValue),
    output: graph.output.map(bareValue),
  });
}

/** Changes a tensor to one that holds nothing, inside the model or beside it. */
const withoutValues = {
  rawData: new Uint8Array(),
  externalData: [],
  dataLocation: TensorProto_DataLocation.DEFAULT,
};

/** A float32 tensor; null if it has another type or not as many values as its shape says. */
export function floatTensor(tensor: TensorProto, stored: StoredModel["stored"]): StoredTensor | null {
  const { dims, dataType, rawData } = tensor;
  const { length, read }: { length: number; read: () => Uint8Array } = stored.get(tensor) ?? {
    length: rawData.length,
    read: () => rawData,
  };
  const shape = dims.map(Number);
  const size = shape.reduce((total, extent) => total * extent, 1);
  if (dataType !== (TensorProto_DataType.FLOAT as number) || length !== size * 4) return null;
  return { shape, read: () => floatsOf(read()) };
}

function floatsOf(bytes: Uint8Array): Float32Array {
  // A copy where the bytes do not start at a multiple of four; a Buffer's `slice` would be none.
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : Uint8Array.from(bytes);
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}
