import { type ModelProto, type TensorProto, TensorProto_DataType } from "onnx-buf";
import type { Normalization } from "../graph/network.js";
import type { HostTensor, Weights } from "../graph/parameters.js";
import { type ModelMetadata, readMetadata } from "./metadata.js";
import { graphOf } from "./model.js";

/** A network read back from an ONNX model: enough for `createNetwork` and `matchWeights`. */
export interface NetworkModel {
  readonly networkId: string;
  readonly image: ModelMetadata["image"];
  readonly classes: number;
  readonly normalization: Normalization | null;
  readonly dataset: string;
  /** The model's float32 initializers by name; those of the network's parameters have PyTorch's names. */
  readonly weights: Weights;
}

/** The network and weights of a model that `networkToOnnx` wrote, or null for any other model. */
export function readNetworkModel(model: ModelProto): NetworkModel | null {
  const metadata = readMetadata(model);
  if (!metadata) return null;
  const { network: networkId, image, classes, normalization, dataset } = metadata;
  const tensors = graphOf(model)
    .initializer.filter(({ name }) => /\.(weight|bias|running_mean|running_var)$/.test(name))
    .map((tensor) => [tensor.name, readFloats(tensor)] as const);
  const weights = new Map<string, HostTensor>();
  for (const [name, tensor] of tensors) {
    if (!tensor) return null;
    weights.set(name, tensor);
  }
  return { networkId, image, classes, normalization, dataset, weights };
}

/** A float32 tensor on the host; null if it has another type or not as many values as its shape says. */
function readFloats({ dims, dataType, rawData }: TensorProto): HostTensor | null {
  const shape = dims.map(Number);
  const size = shape.reduce((total, extent) => total * extent, 1);
  if (dataType !== (TensorProto_DataType.FLOAT as number) || rawData.length !== size * 4) return null;
  // A copy, because the bytes need not start at a multiple of four.
  return { shape, data: new Float32Array(rawData.slice().buffer) };
}
