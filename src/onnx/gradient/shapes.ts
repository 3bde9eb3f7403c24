import { create } from "@bufbuild/protobuf";
import { type ModelProto, type TensorProto, TensorProto_DataType, ValueInfoProtoSchema } from "onnx-buf";
import { onnxRuntime } from "../../runtime/onnxruntime.js";
import { openSynchronousModel } from "../../runtime/synchronous-session.js";
import { changed, node } from "../build.js";
import { graphOf, isExternal, serializeModel } from "../model.js";
import { valueNames } from "../values.js";
import type { Shape } from "./step.js";

/** What is known of a value before any image is seen. */
export interface KnownValue {
  readonly shape: Shape;
  /** Its numbers, row-major, if they are the same for all images and batches. */
  readonly constant: readonly number[] | null;
}

/** Two batches that tell an extent that follows the batch from one that does not; 1 would not, as it broadcasts. */
const BATCHES = [2, 3] as const;

/** What is looked at. */
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

/**
 * Finds shapes and constants by running a model on two batches of grey images; whatever computes shapes is folded this way.
 *
 * @throws {InputError} if ONNX Runtime cannot run the model.
 */
export function inspectValues(
  model: ModelProto,
  { images, extents, values, onContent, dataFolder }: Inspection,
): ReadonlyMap<string, KnownValue> {
  const graph = graphOf(model);
  const known = new Map<string, KnownValue>();
  for (const tensor of graph.initializer) if (values.has(tensor.name)) known.set(tensor.name, stored(tensor));
  const computed = [...values].filter((name) => !known.has(name));
  const taken = valueNames(graph);
  const shapeName = (value: string): string => {
    let name = `${value}.shape`;
    while (taken.has(name)) name += ".";
    return name;
  };
  const outputs = new Map(computed.map((value) => [value, onContent.has(value) ? shapeName(value) : value]));
  const shapes = [...outputs].flatMap(([value, output]) =>
    value === output ? [] : [node("Shape", [value], output)],
  );
  const probe = changed(model, {
    graph: changed(graph, {
      node: [...graph.node, ...shapes],
      output: [...outputs.values()].map((name) => create(ValueInfoProtoSchema, { name })),
    }),
  });
  const session = openSynchronousModel(serializeModel(probe), { device: "cpu", threads: 1, dataFolder });
  try {
    const { Tensor } = onnxRuntime();
    const size = extents.reduce((total, extent) => total * extent, 1);
    const [first, second] = BATCHES.map((batch) => {
      const grey = new Float32Array(batch * size).fill(0.5);
      return session.run({ [images]: new Tensor("float32", grey, [batch, ...extents]) });
    });
    for (const [value, output] of outputs) {
      const [one, other] = [first?.[output], second?.[output]];
      if (!one || !other) throw new Error(`ONNX Runtime did not answer "${output}"`);
      const numbers = [one, other].map(({ data }) => Array.from(data as ArrayLike<number | bigint>, Number));
      const same = sameNumbers(numbers[0] ?? [], numbers[1] ?? []);
      known.set(
        value,
        onContent.has(value)
          ? { shape: common(numbers[0] ?? [], numbers[1] ?? []), constant: null }
          : { shape: common(one.dims, other.dims), constant: same ? (numbers[0] ?? null) : null },
      );
    }
  } finally {
    session.release();
  }
  return known;
}

function common(one: readonly number[], other: readonly number[]): Shape {
  return one.map((extent, axis) => (extent === other[axis] ? extent : null));
}

function sameNumbers(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, index) => Object.is(value, other[index]));
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

/** How the numbers of an initializer are read, for the types that operators take settings in. */
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
  const raw = tensor.rawData.length > 0 ? tensor.rawData.slice().buffer : null;
  return readers[tensor.dataType]?.(tensor, raw) ?? null;
}
