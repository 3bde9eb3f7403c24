import { create, type Message } from "@bufbuild/protobuf";
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type NodeProto,
  NodeProtoSchema,
  type TensorProto,
  TensorProto_DataType,
  TensorProtoSchema,
  type TensorShapeProto_Dimension,
  TensorShapeProto_DimensionSchema,
  type ValueInfoProto,
  ValueInfoProtoSchema,
} from "onnx-buf";

/** A node of the standard operator set, named after its first output. */
export function node(
  opType: string,
  input: readonly string[],
  output: string,
  attribute: AttributeProto[] = [],
): NodeProto {
  return create(NodeProtoSchema, { opType, input: [...input], output: [output], name: output, attribute });
}

/** A copy of a message with other values in some fields. A spread would lose the defaults, which messages inherit. */
export function changed<Kind extends Message>(message: Kind, changes: Partial<Kind>): Kind {
  const copy = Object.create(Object.getPrototypeOf(message) as object) as Kind;
  return Object.assign(copy, message, changes);
}

/** Makes an integer attribute. */
export function intAttribute(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i: BigInt(value) });
}

/** Makes an attribute that is a list of integers. */
export function intsAttribute(name: string, values: readonly number[]): AttributeProto {
  const ints = values.map((value) => BigInt(value));
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints });
}

/** Makes a float attribute. */
export function floatAttribute(name: string, value: number): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.FLOAT, f: value });
}

/** Makes a text attribute. */
export function textAttribute(name: string, value: string): AttributeProto {
  const s = new TextEncoder().encode(value);
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.STRING, s });
}

/** A float32 initializer of row-major `data`. The machine's byte order is kept: on every supported machine it is ONNX's. */
export function floatTensor(name: string, shape: readonly number[], data: Float32Array): TensorProto {
  const tensor = emptyFloatTensor(name, shape);
  tensor.rawData = new Uint8Array(Float32Array.from(data).buffer);
  return tensor;
}

/** A float32 initializer whose bytes are elsewhere. */
export function emptyFloatTensor(name: string, shape: readonly number[]): TensorProto {
  const dims = shape.map((extent) => BigInt(extent));
  return create(TensorProtoSchema, { name, dims, dataType: TensorProto_DataType.FLOAT });
}

/** A one-dimensional int64 initializer. */
export function int64Tensor(name: string, values: readonly bigint[]): TensorProto {
  const rawData = new Uint8Array(BigInt64Array.from(values).buffer);
  const dims = [BigInt(values.length)];
  return create(TensorProtoSchema, { name, dims, dataType: TensorProto_DataType.INT64, rawData });
}

/** A float32 value of the graph; a dimension given as text is free and has that name. */
export function floatValue(name: string, shape: readonly (number | string)[]): ValueInfoProto {
  return tensorValue(name, TensorProto_DataType.FLOAT, shape);
}

/** An int32 value of the graph. */
export function int32Value(name: string, shape: readonly (number | string)[]): ValueInfoProto {
  return tensorValue(name, TensorProto_DataType.INT32, shape);
}

function tensorValue(
  name: string,
  elemType: TensorProto_DataType,
  shape: readonly (number | string)[],
): ValueInfoProto {
  const tensorType = { elemType, shape: { dim: shape.map(dimension) } };
  return create(ValueInfoProtoSchema, { name, type: { value: { case: "tensorType", value: tensorType } } });
}

function dimension(extent: number | string): TensorShapeProto_Dimension {
  const value =
    typeof extent === "string"
      ? { case: "dimParam" as const, value: extent }
      : { case: "dimValue" as const, value: BigInt(extent) };
  return create(TensorShapeProto_DimensionSchema, { value });
}
