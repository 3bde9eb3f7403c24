import { type TensorProto, TensorProto_DataType } from "onnx-buf";
import type { Normalization } from "../graph/network.js";
import type { StoredTensor, StoredWeights } from "../graph/parameters.js";
import { type ModelMetadata, readMetadata } from "./metadata.js";
import { graphOf } from "./model.js";
import type { StoredModel } from "./stored-model.js";

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

/** The network and weights of a model that `networkToOnnx` wrote, or null for any other model. */
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

/** A float32 tensor; null if it has another type or not as many values as its shape says. */
function floatTensor(tensor: TensorProto, stored: StoredModel["stored"]): StoredTensor | null {
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
  // A copy where the bytes do not start at a multiple of four.
  const { buffer, byteOffset, byteLength } = bytes.byteOffset % 4 === 0 ? bytes : bytes.slice();
  return new Float32Array(buffer, byteOffset, byteLength / 4);
}
