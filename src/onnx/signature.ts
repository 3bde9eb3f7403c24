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

/** Says why a classifier does not fit a data set's images and classes, as the end of a sentence; null if it fits. */
export function misfitOf(
  { classes, image }: Pick<ClassifierShape, "classes" | "image">,
  wanted: ClassifierShape,
): string | null {
  const size = ({ height, width, channels }: ImageShape): string => `${height}x${width}x${channels}`;
  if (classes !== wanted.classes)
    return `answers ${classes} classes, but ${wanted.name} has ${wanted.classes}`;
  if (size(image) === size(wanted.image)) return null;
  return `takes images of ${size(image)}, but those of ${wanted.name} are ${size(wanted.image)}`;
}

/** The types of images and logits that a model may have; float16 is cast from and to float32. */
const floatTypes: readonly TensorProto_DataType[] = [
  TensorProto_DataType.FLOAT,
  TensorProto_DataType.FLOAT16,
];

/** The one image input and the one logits output of a foreign classifier. */
export interface Signature {
  readonly input: string;
  readonly inputType: TensorProto_DataType;
  readonly layout: Layout;
  /** Whether an image is one row of numbers, `[batch, channels * height * width]`, in the order of the layout. */
  readonly flat: boolean;
  /** The batch size the model is fixed at, or null where it is free. */
  readonly batch: number | null;
  readonly output: string;
  readonly outputType: TensorProto_DataType;
}

/** A dimension: its size, or null where it is free or not said. */
type Extent = number | null;

/**
 * Finds a classifier's input and output among a graph's, and checks both against what is expected.
 *
 * @param layout The user's choice; if left out, it is told from where the channels are.
 * @throws {InputError} if there is not exactly one input and one output of the expected type, shape and number of classes.
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
  const tensor = floatTensor(input);
  const { height, width, channels } = expected.image;
  const shapes = { nchw: [null, channels, height, width], nhwc: [null, height, width, channels] };
  const layouts = layout ? [layout] : (["nchw", "nhwc"] as const);
  const flat = tensor?.extents?.length === 2 && fits(tensor.extents, [null, channels * height * width]);
  const fitting = layouts.filter(
    (candidate) =>
      flat || (tensor !== null && fits(tensor.extents ?? [null, null, null, null], shapes[candidate])),
  );
  const [found] = fitting;
  if (tensor === null || found === undefined)
    throw new InputError(`${source} does not take the images of ${expected.name}`, {
      expected: layouts
        .map((candidate) => `float32 ${printExtents(shapes[candidate])} (${candidate})`)
        .join(" or "),
      found: describe(input),
      fix: `choose a model trained on ${expected.name}${layout ? ", or leave --layout out" : ""}`,
    });
  if (fitting.length > 1)
    throw new InputError(`the layout of ${source} cannot be seen from its input's shape`, {
      expected: "--layout nchw (PyTorch) or --layout nhwc (TensorFlow)",
      found: describe(input),
      fix: "mtard teacher import with --layout",
    });
  return {
    input: input.name,
    inputType: tensor.type,
    layout: found,
    flat,
    batch: tensor.extents?.[0] ?? null,
    ...findOutput(graph, expected, source),
  };
}

function findOutput(
  graph: GraphProto,
  expected: ClassifierShape,
  source: string,
): Pick<Signature, "output" | "outputType"> {
  const { name, classes } = expected;
  // A model without output shapes is believed here and checked by running it.
  const candidates = graph.output.flatMap((value) => {
    const tensor = floatTensor(value);
    return tensor && fits(tensor.extents ?? [null, null], [null, classes])
      ? [{ output: value.name, outputType: tensor.type }]
      : [];
  });
  const [output] = candidates;
  if (output && candidates.length === 1) return output;
  const [only] = graph.output.length === 1 ? graph.output : [];
  const extents = only ? floatTensor(only)?.extents : null;
  const answered = extents?.length === 2 ? extents[1] : undefined;
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

interface FloatTensor {
  readonly type: TensorProto_DataType;
  /** Null where the model gives no shape. */
  readonly extents: readonly Extent[] | null;
}

/** A floating-point tensor's type and extents; null for any other value. */
function floatTensor({ type }: ValueInfoProto): FloatTensor | null {
  if (type?.value.case !== "tensorType") return null;
  const { elemType, shape } = type.value.value;
  const known = floatTypes.find((floatType) => (floatType as number) === elemType);
  if (known === undefined) return null;
  const extents = shape?.dim.map(({ value }) =>
    value.case === "dimValue" && value.value > 0n ? Number(value.value) : null,
  );
  return { type: known, extents: extents ?? null };
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
