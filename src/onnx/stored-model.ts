import { clearField, toBinary } from "@bufbuild/protobuf";
import { BinaryWriter, WireType } from "@bufbuild/protobuf/wire";
import {
  GraphProtoSchema,
  type ModelProto,
  ModelProtoSchema,
  type TensorProto,
  TensorProto_DataLocation,
  TensorProtoSchema,
} from "onnx-buf";
import { graphOf, tensorsOf } from "./model.js";

/** The bytes of a tensor that stay where they are stored until they are read. */
export interface StoredBytes {
  readonly length: number;
  readonly read: () => Uint8Array<ArrayBuffer>;
}

/** A model, and the bytes of the tensors that are stored outside it. */
export interface StoredModel {
  readonly model: ModelProto;
  readonly stored: ReadonlyMap<TensorProto, StoredBytes>;
}

/** A model laid out for writing: `graph` is the .onnx file, in pieces, and `data` the file of large tensors beside it, if any. */
export interface ModelFiles {
  readonly graph: Iterable<Uint8Array>;
  readonly data: Iterable<Uint8Array> | null;
  /** Total bytes of the large tensors, which make up nearly all of the two files. */
  readonly size: number;
}

/** Tensors of fewer bytes stay in the graph, where shapes and constants are looked for; the `onnx` package has the same limit. */
export const SMALL_TENSOR = 1024;
/** Data begin at multiples of a page, as ONNX recommends, so that they can be mapped into memory. */
const PAGE = 4096;
/** Field numbers of ONNX's protocol buffers. */
const FIELDS = { modelGraph: 7, graphInitializer: 5, tensorRawData: 9 } as const;

/**
 * Lays a model out in one file or, if its large tensors take more than `embedLimit` bytes, in two: these tensors then go to `dataFile`.
 * The model is changed to say where they are. Tensors are read one at a time, as the pieces are asked for.
 */
export function layOutModel(
  { model, stored }: StoredModel,
  dataFile: string,
  embedLimit: number,
): ModelFiles {
  const initializers = new Set(graphOf(model).initializer);
  const placed: { tensor: TensorProto; bytes: StoredBytes }[] = [];
  for (const tensor of tensorsOf(graphOf(model))) {
    const bytes = stored.get(tensor) ?? (initializers.has(tensor) ? bytesOf(tensor) : undefined);
    if (bytes !== undefined && bytes.length >= SMALL_TENSOR) placed.push({ tensor, bytes });
    else if (bytes !== undefined && stored.has(tensor)) tensor.rawData = bytes.read();
  }
  const size = placed.reduce((total, { bytes }) => total + bytes.length, 0);
  for (const { tensor } of placed) forgetBytes(tensor);
  if (size <= embedLimit) {
    const bytes = new Map(placed.map((place) => [place.tensor, place.bytes]));
    return { graph: encodeModel(model, bytes), data: null, size };
  }
  let end = 0;
  for (const { tensor, bytes } of placed) {
    const offset = Math.ceil(end / PAGE) * PAGE;
    end = offset + bytes.length;
    tensor.dataLocation = TensorProto_DataLocation.EXTERNAL;
    tensor.externalData = Object.entries({ location: dataFile, offset, length: bytes.length }).map(
      ([key, value]) => ({ $typeName: "onnx.StringStringEntryProto", key, value: String(value) }),
    );
  }
  const data = pages(placed.map(({ bytes }) => bytes));
  return { graph: [toBinary(ModelProtoSchema, model)], data, size };
}

/** The tensors' bytes one after the other, each from the start of a page. */
function* pages(tensors: readonly StoredBytes[]): Generator<Uint8Array> {
  let end = 0;
  for (const { length, read } of tensors) {
    const gap = (PAGE - (end % PAGE)) % PAGE;
    if (gap > 0) yield new Uint8Array(gap);
    yield read();
    end += gap + length;
  }
}

/**
 * Encodes a model in pieces, with `bytes` put into its tensors: the same message that `toBinary` would make, without copying every
 * tensor.
 */
function* encodeModel(
  model: ModelProto,
  bytes: ReadonlyMap<TensorProto, StoredBytes>,
): Generator<Uint8Array> {
  const graph = graphOf(model);
  const initializers = new Set(graph.initializer);
  // Tensors inside nodes are few and small: they are put in whole.
  for (const [tensor, { read }] of bytes) if (!initializers.has(tensor)) tensor.rawData = read();
  const entries = graph.initializer.map((tensor) => {
    const found = bytes.get(tensor);
    const rest = toBinary(TensorProtoSchema, tensor);
    const tail = found ? delimited(FIELDS.tensorRawData, found.length) : new Uint8Array();
    const length = rest.length + tail.length + (found?.length ?? 0);
    const head = Buffer.concat([delimited(FIELDS.graphInitializer, length), rest, tail]);
    return { head, length: head.length + (found?.length ?? 0), read: found?.read };
  });
  const rest = toBinary(GraphProtoSchema, { ...graph, initializer: [] });
  const size = entries.reduce((total, { length }) => total + length, rest.length);
  const shell = { ...model };
  clearField(shell, ModelProtoSchema.field.graph);
  yield Buffer.concat([toBinary(ModelProtoSchema, shell), delimited(FIELDS.modelGraph, size), rest]);
  for (const { head, read } of entries) {
    yield head;
    if (read) yield read();
  }
}

function delimited(field: number, length: number): Uint8Array {
  return new BinaryWriter().tag(field, WireType.LengthDelimited).uint32(length).finish();
}

function bytesOf(tensor: TensorProto): StoredBytes {
  const rawData = tensor.rawData;
  return { length: rawData.length, read: () => rawData };
}

function forgetBytes(tensor: TensorProto): void {
  clearField(tensor, TensorProtoSchema.field.rawData);
  clearField(tensor, TensorProtoSchema.field.dataLocation);
  tensor.externalData = [];
}
