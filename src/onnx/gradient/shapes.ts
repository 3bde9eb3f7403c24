import { create } from "@bufbuild/protobuf";
import { type ModelProto, type TensorProto, TensorProto_DataType, ValueInfoProtoSchema } from "onnx-buf";
import { onnxRuntime, type Tensor } from "../../runtime/onnxruntime.js";
import { openSynchronousModel } from "../../runtime/synchronous-session.js";
import { changed } from "../build.js";
import { graphOf, isExternal, serializeModel } from "../model.js";
import type { Shape } from "./step.js";
import { nodeWriter } from "./writer.js";

/** What is known of a value before any image is seen. */
export interface KnownValue {
  readonly shape: Shape;
  /** Its numbers, row-major, if they are the same for all images and batches. */
  readonly constant: readonly number[] | null;
}

/** Two batch sizes, which tell extents that follow the batch from fixed ones. A size of 1 would not do, as it broadcasts. */
const BATCHES = [2, 3] as const;

/** What to look at in a model. */
export interface Inspection {
  /** The name of the images' value, and their extents `[channels, height, width]`. */
  readonly images: string;
  readonly extents: readonly number[];
  /** The names of the values to look at. */
  readonly values: ReadonlySet<string>;
  /** Those that change with the images: only their shape is looked at. */
  readonly onContent: ReadonlySet<string>;
  readonly dataFolder: string | null;
}

/** More numbers than any operator takes as settings; larger values, such as weights that nodes compute, are not read. */
const MAXIMUM_CONSTANT = 65_536;

/**
 * Finds shapes and constants by running a model on two batches of grey images; this also evaluates the nodes that compute shapes.
 *
 * @throws {InputError} if ONNX Runtime cannot load the model.
 */
export function inspectValues(
  model: ModelProto,
  { images, extents, values, onContent, dataFolder }: Inspection,
): ReadonlyMap<string, KnownValue> {
  const graph = graphOf(model);
  const known = new Map<string, KnownValue>();
  for (const tensor of graph.initializer) if (values.has(tensor.name)) known.set(tensor.name, stored(tensor));
  const computed = [...values].filter((name) => !known.has(name));
  const nodes = [...graph.node];
  const writer = nodeWriter(graph, nodes, "inspected");
  const shapeNames = new Map(computed.map((value) => [value, writer.op("Shape", [value])]));
  const fixed = computed.filter((value) => !onContent.has(value));
  const probe = changed(model, {
    graph: changed(graph, {
      node: nodes,
      output: [...shapeNames.values(), ...fixed].map((name) => create(ValueInfoProtoSchema, { name })),
    }),
  });
  const session = openSynchronousModel(serializeModel(probe), {
    device: "cpu",
    threads: 1,
    dataFolder,
    optimized: false,
  });
  const run = (outputs: readonly string[]) =>
    BATCHES.map((batch) => {
      const size = extents.reduce((total, extent) => total * extent, batch);
      const grey = new (onnxRuntime().Tensor)("float32", new Float32Array(size).fill(0.5), [
        batch,
        ...extents,
      ]);
      return session.run({ [images]: grey }, outputs);
    });
  try {
    const shapes = run([...shapeNames.values()]);
    for (const [value, name] of shapeNames) {
      const [one = [], other = []] = shapes.map((answers) => numbersOf(answers[name]));
      known.set(value, {
        shape: one.map((extent, axis) => (extent === other[axis] ? extent : null)),
        constant: null,
      });
    }
    const readable = fixed.filter((value) => countOf(known.get(value)) <= MAXIMUM_CONSTANT);
    const constants = readable.length === 0 ? [] : run(readable);
    for (const value of readable) {
      const [one = [], other = []] = constants.map((answers) => numbersOf(answers[value]));
      const same =
        one.length === other.length && one.every((number, index) => Object.is(number, other[index]));
      if (same) known.set(value, { shape: known.get(value)?.shape ?? [], constant: one });
    }
  } finally {
    session.release();
  }
  return known;
}

function numbersOf(answer: Tensor | undefined): number[] {
  if (!answer) throw new Error("ONNX Runtime left an output out");
  return Array.from(answer.data as ArrayLike<number | bigint>, Number);
}

/** How many numbers a value has; a lower bound if an extent follows the batch. */
function countOf(value: KnownValue | undefined): number {
  return (value?.shape ?? []).reduce<number>((total, extent) => total * (extent ?? 1), 1);
}

function stored(tensor: TensorProto): KnownValue {
  const shape = tensor.dims.map(Number);
  return {
    shape,
    get constant() {
      return storedNumbers(tensor);
    },
  };
}

type Raw = Uint8Array<ArrayBuffer>["buffer"];

/** Reads an initializer's numbers, by its type; only types that operators take as settings are here. */
const readers: Readonly<Partial<Record<number, (tensor: TensorProto, raw: Raw | null) => number[]>>> = {
  [TensorProto_DataType.FLOAT]: ({ floatData }, raw) => (raw ? [...new Float32Array(raw)] : floatData),
  [TensorProto_DataType.INT32]: ({ int32Data }, raw) => (raw ? [...new Int32Array(raw)] : int32Data),
  [TensorProto_DataType.INT64]: ({ int64Data }, raw) =>
    (raw ? [...new BigInt64Array(raw)] : int64Data).map(Number),
  [TensorProto_DataType.BOOL]: ({ int32Data }, raw) => (raw ? [...new Uint8Array(raw)] : int32Data),
};

function storedNumbers(tensor: TensorProto): number[] | null {
  if (isExternal(tensor)) return null;
  // A copy, because the bytes need not start at a multiple of the type's size.
  const raw = tensor.rawData.length > 0 ? Uint8Array.from(tensor.rawData).buffer : null;
  return readers[tensor.dataType]?.(tensor, raw) ?? null;
}
