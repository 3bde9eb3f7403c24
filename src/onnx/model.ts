import { closeSync, constants, fstatSync, openSync, readSync } from "node:fs";
import { fromBinary, toBinary } from "@bufbuild/protobuf";
import {
  type GraphProto,
  type ModelProto,
  ModelProtoSchema,
  type NodeProto,
  type TensorProto,
  TensorProto_DataLocation,
} from "onnx-buf";
import { InputError } from "../errors.js";
import { FORMAT_HEAD, otherFormat } from "../files/file-format.js";
import { gunzip, isGzip } from "../files/gzip.js";
import { requireRegularFile } from "../files/kind.js";
import { meaningOf } from "../files/system-error.js";
import { checkGraphs, GraphProblem } from "./check-graphs.js";

/** A protocol buffer is smaller than 2 GiB, and so is an ONNX file without external data. */
const MAXIMUM_BYTES = 2 ** 31 - 1;
/** The first operator set in which `Sub`, `Div` and `Add` broadcast the way every later one does. */
const OLDEST_OPSET = 7;

/**
 * Reads a whole file, or the one inside a gzip file; one whose size no ONNX model has is refused before any memory is taken.
 *
 * @throws {InputError} if it cannot be read, is empty, is not a file, or is 2 GiB or more.
 */
export function readModelFile(path: string): Uint8Array<ArrayBuffer> {
  requireRegularFile(path, "an ONNX file");
  let file: number;
  try {
    // Without O_NONBLOCK, opening a FIFO waits for someone to write into it.
    file = openSync(path, constants.O_RDONLY | constants.O_NONBLOCK);
  } catch (cause) {
    throw new InputError(`cannot read ${path}`, {
      expected: "an ONNX file",
      found: cause instanceof Error ? cause.message : String(cause),
      fix: meaningOf(cause).fix,
      cause,
    });
  }
  try {
    const status = fstatSync(file);
    if (!status.isFile() || status.size === 0 || status.size > MAXIMUM_BYTES)
      throw new InputError(`${path} is not an ONNX file`, {
        expected: "a file of 1 byte to 2 GiB",
        found: status.isFile() ? `${status.size} bytes` : "something that is not a file",
        fix: "name the .onnx file itself",
      });
    const bytes = new Uint8Array(status.size);
    let length = 0;
    for (let read = -1; read !== 0 && length < bytes.length; length += read)
      read = readSync(file, bytes, length, bytes.length - length, null);
    const content = bytes.subarray(0, length);
    return isGzip(content) ? gunzip(content, path) : content;
  } finally {
    closeSync(file);
  }
}

/**
 * Parses an ONNX model and checks that it is whole, and can be walked: a graph with nodes, in order and without cycles, see
 * {@link checkGraphs}, and operator sets. Weights in other files are left there: see `openStoredModel`.
 *
 * @param source What the bytes are called in errors, such as the file's path.
 * @throws {InputError} if the bytes are something else, are cut short, or hold no valid graph.
 */
export function parseModel(bytes: Uint8Array, source: string): ModelProto {
  refuseOtherFormats(bytes, source);
  let model: ModelProto;
  try {
    model = fromBinary(ModelProtoSchema, bytes);
  } catch (cause) {
    throw damaged(source, cause instanceof Error ? cause.message : String(cause), cause);
  }
  if (!model.graph || model.graph.node.length === 0)
    throw damaged(source, "no graph with nodes in it; perhaps a protocol buffer of another kind");
  const opset = model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx");
  if (!opset) throw damaged(source, "no ONNX operator set named");
  if (opset.version < OLDEST_OPSET)
    throw new InputError(`${source} uses ONNX operator set ${String(opset.version)}`, {
      expected: `operator set ${OLDEST_OPSET} or newer`,
      found: String(opset.version),
      fix: "export the model again with a newer opset_version",
    });
  try {
    checkGraphs(model);
  } catch (cause) {
    if (!(cause instanceof GraphProblem)) throw cause;
    throw new InputError(`${source} is not a valid ONNX model`, {
      expected: "values that are made once, before they are read; at most 20,000 nodes",
      found: cause.message,
      fix: "check the file with onnx.checker, or export it again",
      cause,
    });
  }
  return model;
}

/** The bytes of a model, the way an .onnx file holds them. */
export function serializeModel(model: ModelProto): Uint8Array<ArrayBuffer> {
  return toBinary(ModelProtoSchema, model);
}

/** The graph of a model that {@link parseModel} or the writer made. */
export function graphOf(model: ModelProto): GraphProto {
  if (!model.graph) throw new Error("the model has no graph");
  return model.graph;
}

/** Yields every node of a graph and of the graphs inside its nodes. */
export function* nodesOf(graph: GraphProto): Generator<NodeProto> {
  for (const node of graph.node) {
    yield node;
    for (const inner of subgraphsOf(node)) yield* nodesOf(inner);
  }
}

/** The graphs that a control-flow node carries in its attributes. */
export function subgraphsOf(node: NodeProto): GraphProto[] {
  return node.attribute.flatMap(({ g, graphs }) => (g ? [g, ...graphs] : graphs));
}

/** Yields every tensor of a graph: its initializers, and those in its nodes and the graphs inside them. */
export function* tensorsOf(graph: GraphProto): Generator<TensorProto> {
  yield* graph.initializer;
  for (const { values, indices } of graph.sparseInitializer) {
    if (values) yield values;
    if (indices) yield indices;
  }
  for (const node of graph.node) {
    for (const { t, tensors } of node.attribute) {
      if (t) yield t;
      yield* tensors;
    }
    for (const inner of subgraphsOf(node)) yield* tensorsOf(inner);
  }
}

/** Whether a tensor's bytes are in another file. */
export function isExternal({ dataLocation, externalData }: TensorProto): boolean {
  return dataLocation === TensorProto_DataLocation.EXTERNAL || externalData.length > 0;
}

function damaged(source: string, found: string, cause?: unknown): InputError {
  return new InputError(`${source} is not a whole ONNX model`, {
    expected: "an ONNX file, complete",
    found,
    fix: "download or export it again, and compare its size with the original's",
    cause,
  });
}

function refuseOtherFormats(bytes: Uint8Array, source: string): void {
  const other = otherFormat(bytes.subarray(0, FORMAT_HEAD), "onnx");
  if (other) throw new InputError(`${source} is not an ONNX model`, { expected: "an ONNX file", ...other });
}
