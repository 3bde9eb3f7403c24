import { type GraphProto, TensorProto_DataType, type ValueInfoProto } from "onnx-buf";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";

/** Where the channels of an image tensor are: `[batch, channels, height, width]` or `[batch, height, width, channels]`. */
export type Layout = "nchw" | "nhwc";

/** What a classifier has to fit: a data set's images and classes. */
export interface ClassifierShape {
  /** What asks for this shape, in errors, such as `cifar10`. */
  readonly name: string;
  readonly image: ImageShape;
  readonly classes: number;
}

/** The one image input and the one logits output of a foreign classifier. */
export interface Signature {
  readonly input: string;
  readonly layout: Layout;
  /** The batch size the model is fixed at, or null where it is free. */
  readonly batch: number | null;
  readonly output: string;
}

/** A dimension: its size, or null where it is free or not said. */
type Extent = number | null;

/**
 * Finds a classifier's input and output among a graph's, and checks both against what is expected.
 *
 * @param layout Asked for by the user; otherwise seen from where the channels are.
 * @throws {InputError} if there is no such input or output, or several, or of another type, shape or number of classes.
 */
export function findSignature(
  graph: GraphProto,
  expected: ClassifierShape,
  source: string,
  layout?: Layout,
): Signature {
  const initializers = new Set(graph.initializer.map(({ name }) => name));
  const inputs = graph.input.filter(({ name }) => !initializers.has(name));
  const [input] = inputs;
  if (inputs.length !== 1 || !input)
    throw new InputError(`${source} is not an image classifier with one input`, {
      expected: "one input: the images",
      found: inputs.length === 0 ? "no input" : `${inputs.length} inputs: ${inputs.map(describe).join(", ")}`,
      fix: "export the model with only its images as input",
    });
  const extents = floatExtents(input);
  const { height, width, channels } = expected.image;
  const shapes = { nchw: [null, channels, height, width], nhwc: [null, height, width, channels] };
  const fitting = (["nchw", "nhwc"] as const).filter(
    (candidate) =>
      (layout ?? candidate) === candidate && extents !== null && fits(extents, shapes[candidate]),
  );
  const [found] = fitting;
  if (found === undefined)
    throw new InputError(`${source} does not take the images of ${expected.name}`, {
      expected: (layout ? [layout] : (["nchw", "nhwc"] as const))
        .map((candidate) => `float32 ${printExtents(shapes[candidate])} (${candidate})`)
        .join(" or "),
      found: describe(input),
      fix: `choose a model trained on ${expected.name}${layout ? ", or leave --layout out" : ""}`,
    });
  if (fitting.length > 1)
    throw new InputError(`the layout of ${source} cannot be seen from its input's shape`, {
      expected: "--layout nchw (PyTorch) or --layout nhwc (TensorFlow)",
      found: describe(input),
      fix: "give --layout",
    });
  return {
    input: input.name,
    layout: found,
    batch: extents?.[0] ?? null,
    output: findOutput(graph, expected, source),
  };
}

function findOutput(graph: GraphProto, expected: ClassifierShape, source: string): string {
  const { name, classes } = expected;
  // A model without output shapes is believed here and checked by running it.
  const candidates = graph.output.filter((value) => {
    const extents = floatExtents(value);
    return extents !== null && (extents.length === 0 || fits(extents, [null, classes]));
  });
  const [output] = candidates;
  if (output && candidates.length === 1) return output.name;
  const only = graph.output.length === 1 && graph.output[0] ? floatExtents(graph.output[0]) : null;
  const answered = only?.length === 2 ? only[1] : undefined;
  throw new InputError(
    answered
      ? `${source} answers ${answered} classes, but ${name} has ${classes}`
      : `${source} has ${output ? "several outputs" : "no output"} that could be the logits of ${name}`,
    {
      expected: `one float32 output [batch, ${classes}]`,
      found: graph.output.map(describe).join(", ") || "no output",
      fix: answered
        ? `choose a model trained on ${name}`
        : "export the model with its logits as the only output",
    },
  );
}

function fits(extents: readonly Extent[], shape: readonly Extent[]): boolean {
  return (
    extents.length === shape.length &&
    extents.every((extent, axis) => extent === null || shape[axis] === null || extent === shape[axis])
  );
}

/** The extents of a float32 tensor, empty where the model gives no shape; null for any other type. */
function floatExtents({ type }: ValueInfoProto): Extent[] | null {
  if (
    type?.value.case !== "tensorType" ||
    type.value.value.elemType !== (TensorProto_DataType.FLOAT as number)
  )
    return null;
  const dimensions = type.value.value.shape?.dim ?? [];
  return dimensions.map(({ value }) =>
    value.case === "dimValue" && value.value > 0n ? Number(value.value) : null,
  );
}

function describe(value: ValueInfoProto): string {
  const kind = value.type?.value;
  if (kind?.case !== "tensorType") return `"${value.name}", not a tensor`;
  const type = (TensorProto_DataType[kind.value.elemType] ?? "unknown type")
    .toLowerCase()
    .replace(/^float$/, "float32");
  const extents = kind.value.shape?.dim.map(({ value: extent }) =>
    extent.case === undefined ? "?" : String(extent.value),
  );
  return `"${value.name}", ${type} ${extents ? `[${extents.join(", ")}]` : "of unknown shape"}`;
}

function printExtents(extents: readonly Extent[]): string {
  return `[${extents.map((extent) => extent ?? "batch").join(", ")}]`;
}
