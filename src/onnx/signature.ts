import { type GraphProto, TensorProto_DataType, type ValueInfoProto } from "onnx-buf";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { didYouMean } from "../nearest.js";
import { isWide } from "./pixels.js";

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

/** What a user may say where a graph does not. */
export interface SignatureChoice {
  /** Where the channels are; if left out, it is told from the input's shape. */
  readonly layout?: Layout | undefined;
  /** The name of the output that is the logits, where several could be. */
  readonly output?: string | undefined;
}

/** The one image input and the one logits output of a foreign classifier. */
export interface Signature {
  readonly input: string;
  /** Float32, or a type of whole numbers, as a tensor names it. */
  readonly inputType: number;
  readonly layout: Layout;
  /** Whether an image is one row of numbers, `[batch, channels * height * width]`, in the order of the layout. */
  readonly flat: boolean;
  /** The batch size the model is fixed at, or null where it is free. */
  readonly batch: number | null;
  readonly output: string;
}

/** A dimension: its size, or null where it is free or not said. */
type Extent = number | null;

/**
 * Finds a classifier's input and output among a graph's, and checks both against what is expected.
 *
 * @throws {InputError} if there is not exactly one input and one output of the expected type, shape and number of classes, or the
 * chosen output is none of the graph's.
 */
export function findSignature(
  graph: GraphProto,
  expected: ClassifierShape,
  source: string,
  { layout, output }: SignatureChoice = {},
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
  const tensor = tensorOf(input, isImageType);
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
    output: findOutput(graph, expected, source, output),
  };
}

function findOutput(
  graph: GraphProto,
  { name, classes }: ClassifierShape,
  source: string,
  chosen: string | undefined,
): string {
  const names = graph.output.map((value) => value.name);
  if (chosen !== undefined && !names.includes(chosen))
    throw new InputError(`${source} has no output "${chosen}"${didYouMean(chosen, names)}`, {
      expected: `one of ${names.join(", ")}`,
      found: chosen,
      fix: `--output ${names[0] ?? ""}`,
    });
  // A model without output shapes is believed here and checked by running it.
  const fitting = graph.output.filter((value) => {
    const tensor = tensorOf(value, isFloat);
    return (
      tensor !== null &&
      fits(tensor.extents ?? [null, null], [null, classes]) &&
      (chosen === undefined || value.name === chosen)
    );
  });
  const [output] = fitting;
  if (output && fitting.length === 1) return output.name;
  if (output)
    throw new InputError(`${source} has several outputs that could be the logits of ${name}`, {
      expected: `the name of the one that is: ${fitting.map((value) => value.name).join(", ")}`,
      found: fitting.map(describe).join(", "),
      fix: `mtard teacher import with --output ${output.name}, or another of them`,
    });
  const [only] = graph.output.filter(({ name: one }) => one === chosen || graph.output.length === 1);
  const extents = only ? tensorOf(only, isFloat)?.extents : null;
  const answered = extents?.length === 2 ? extents[1] : undefined;
  throw new InputError(
    answered
      ? `${source} answers ${answered} classes, but ${name} has ${classes}`
      : `${source} has no output that could be the logits of ${name}`,
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

interface TensorType {
  readonly type: number;
  /** Null where the model gives no shape. */
  readonly extents: readonly Extent[] | null;
}

/** A tensor's type, if it is one of the wanted, and extents; null for any other value. */
function tensorOf({ type }: ValueInfoProto, wanted: (type: number) => boolean): TensorType | null {
  if (type?.value.case !== "tensorType") return null;
  const { elemType, shape } = type.value.value;
  if (!wanted(elemType)) return null;
  const extents = shape?.dim.map(({ value }) =>
    value.case === "dimValue" && value.value > 0n ? Number(value.value) : null,
  );
  return { type: elemType, extents: extents ?? null };
}

/** Whether images can be of a type: float32, or whole numbers that go to 255. */
function isImageType(type: number): boolean {
  return isFloat(type) || isWide(type);
}

function isFloat(type: number): boolean {
  return type === (TensorProto_DataType.FLOAT as number);
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
