import { type AttributeProto, type GraphProto, type TensorProto, TensorProto_DataType } from "onnx-buf";
import { isExternal } from "./model.js";

/** Numbers that a graph holds: an initializer or a `Constant` node, row-major. */
export interface GraphConstant {
  readonly shape: readonly number[];
  readonly values: readonly number[];
  readonly integers: boolean;
}

/** More numbers than shapes, scales and a channel's statistics have; larger tensors are weights. */
const MAXIMUM_COUNT = 4096;

/** The graph's small constants of float32, int32, int64 and bool, by name. */
export function constantsOf(graph: Pick<GraphProto, "initializer" | "node">): Map<string, GraphConstant> {
  const constants = new Map<string, GraphConstant>();
  for (const tensor of graph.initializer) {
    const constant = constantOf(tensor);
    if (constant) constants.set(tensor.name, constant);
  }
  for (const { opType, attribute, output } of graph.node) {
    const [made] = attribute;
    const constant = opType === "Constant" && made ? constantOfAttribute(made) : null;
    if (constant) constants.set(output[0] ?? "", constant);
  }
  return constants;
}

/** A small tensor's numbers; null if it is large, elsewhere, of another type, or holds another number than its shape says. */
export function constantOf(tensor: TensorProto): GraphConstant | null {
  const shape = tensor.dims.map(Number);
  const count = shape.reduce((product, extent) => product * extent, 1);
  if (isExternal(tensor) || !(count <= MAXIMUM_COUNT)) return null;
  // A copy, because the bytes need not start at a multiple of a number's size.
  const raw = tensor.rawData.length > 0 ? Uint8Array.from(tensor.rawData).buffer : null;
  const values = valuesOf(tensor, raw);
  if (values?.length !== count) return null;
  return { shape, values, integers: tensor.dataType !== (TensorProto_DataType.FLOAT as number) };
}

function valuesOf(tensor: TensorProto, raw: ArrayBuffer | null): number[] | null {
  const reader = readers[tensor.dataType];
  if (reader === undefined || (raw !== null && raw.byteLength % reader.width !== 0)) return null;
  return reader.read(tensor, raw);
}

interface Reader {
  /** Bytes of one number. */
  readonly width: number;
  readonly read: (tensor: TensorProto, raw: ArrayBuffer | null) => number[];
}

const readers: Readonly<Partial<Record<number, Reader>>> = {
  [TensorProto_DataType.FLOAT]: {
    width: 4,
    read: ({ floatData }, raw) => (raw ? [...new Float32Array(raw)] : floatData),
  },
  [TensorProto_DataType.INT32]: {
    width: 4,
    read: ({ int32Data }, raw) => (raw ? [...new Int32Array(raw)] : int32Data),
  },
  [TensorProto_DataType.INT64]: {
    width: 8,
    read: ({ int64Data }, raw) => Array.from(raw ? new BigInt64Array(raw) : int64Data, Number),
  },
  [TensorProto_DataType.BOOL]: {
    width: 1,
    read: ({ int32Data }, raw) => (raw ? [...new Uint8Array(raw)] : int32Data),
  },
};

function constantOfAttribute({ name, t, f, i, floats, ints }: AttributeProto): GraphConstant | null {
  if (name === "value") return t ? constantOf(t) : null;
  if (name === "value_float") return { shape: [], values: [f], integers: false };
  if (name === "value_int") return { shape: [], values: [Number(i)], integers: true };
  if (name === "value_floats") return { shape: [floats.length], values: floats, integers: false };
  if (name === "value_ints") return { shape: [ints.length], values: ints.map(Number), integers: true };
  return null;
}
