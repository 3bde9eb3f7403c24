import { type GraphProto, type ModelProto, type NodeProto, TensorProto_DataType } from "onnx-buf";
import { InputError } from "../errors.js";
import type { Normalization } from "../graph/network.js";
import { freeBatch } from "./batch.js";
import { floatTensor, floatValue, int64Tensor, intAttribute, intsAttribute, node } from "./build.js";
import { refuseBatchStatistics } from "./inference-mode.js";
import { beforeSoftmax } from "./logits.js";
import { METADATA_KEY } from "./metadata.js";
import { graphOf } from "./model.js";
import { type PixelRange, pixelRangeOf, takeFloats } from "./pixels.js";
import { inFloat32 } from "./precision.js";
import { type ClassifierShape, findSignature, type Signature, type SignatureChoice } from "./signature.js";
import type { StoredModel } from "./stored-model.js";
import { freshName, keepWhatMakes, renameValue } from "./values.js";
import { IMAGES, LOGITS } from "./writer.js";

/** The first IR version whose initializers need not be inputs too. */
const INITIALIZERS_ALONE_IR_VERSION = 4n;

/** What a user may say of a classifier where its graph does not. */
export interface ClassifierChoices extends SignatureChoice {
  /** The values of pixels that the model takes; if left out, they are told from its first nodes. */
  readonly pixels?: PixelRange | undefined;
}

export interface AdaptOptions extends ClassifierChoices {
  /** Applied to images in [0, 1] before the model; left out if the model takes them as they are. */
  readonly normalization?: Normalization | undefined;
  /** The bytes of the model's tensors outside it, as `openStoredModel` found them. */
  readonly stored?: StoredModel["stored"] | undefined;
  /** What the model is called in errors, such as its file's path. */
  readonly source: string;
}

/** What {@link adaptClassifier} made of a model. */
export interface Adaptation {
  /** The same model, and its tensors outside it, which are of float32 now. */
  readonly opened: StoredModel;
  /** What was found and changed, a sentence each. */
  readonly notes: readonly string[];
}

/**
 * Turns a foreign classifier into the standard form, in place: `images [batch, channels, height, width]` in [0, 1] to
 * `logits [batch, classes]`, in float32, with the normalisation inside.
 *
 * @throws {InputError} if the model does not classify the expected images into the expected classes, ends in a sigmoid, or is in
 * training mode, or if a choice does not fit it.
 */
export function adaptClassifier(
  model: ModelProto,
  expected: ClassifierShape,
  { normalization, pixels, layout, output: chosen, source, stored = new Map() }: AdaptOptions,
): Adaptation {
  const { opened, notes } = inFloat32({ model, stored });
  const graph = graphOf(model);
  const signature = findSignature(graph, expected, source, { layout, output: chosen });
  const { channels, height, width } = expected.image;
  if (model.irVersion < INITIALIZERS_ALONE_IR_VERSION) model.irVersion = INITIALIZERS_ALONE_IR_VERSION;
  const { output, removed, scaled } = beforeSoftmax(graph, signature.output, source);
  const { batch } = signature;
  const opset = Number(
    model.opsetImport.find(({ domain }) => domain === "" || domain === "ai.onnx")?.version,
  );
  // Other outputs may well mix images.
  keepWhatMakes(graph, output);
  const wasFreed = freeBatch(graph, { input: signature.input, output, batch, opset });
  const entry = pixelEntry(graph, signature, { normalization, pixels, source });

  const inner = freshName(graph, "images.prepared");
  renameValue(graph, signature.input, inner);
  const exit = freshName(graph, "logits.made");
  renameValue(graph, output, exit);
  for (const taken of [IMAGES, LOGITS]) renameValue(graph, taken, freshName(graph, `${taken}.inner`));
  renameValue(graph, exit, LOGITS);
  prepareImages(graph, inner, signature, expected, { normalization, ...entry });
  // With something added in front, the model is no longer the network that its metadata names.
  if (normalization || entry.scale)
    model.metadataProps = model.metadataProps.filter(({ key }) => key !== METADATA_KEY);
  graph.input = [floatValue(IMAGES, ["batch", channels, height, width])];
  graph.output = [floatValue(LOGITS, ["batch", expected.classes])];
  // Shapes noted along the way may hold the old batch size; ONNX Runtime infers them again.
  graph.valueInfo = [];
  keepWhatMakes(graph, LOGITS);
  refuseBatchStatistics(model, source);
  const { flat, layout: found } = signature;
  return {
    opened,
    notes: [
      ...(flat ? [`an image goes in as one row of numbers, in the order of ${found}`] : []),
      ...entry.notes,
      ...notes,
      ...(batch === null ? [] : [`the batch size, fixed at ${batch}, was made free`]),
      ...(batch === null && wasFreed ? ["the batch size, fixed inside, was made free"] : []),
      ...(removed === null
        ? []
        : [`${removed}${scaled ? ", times a constant," : ""} at the end was removed`]),
    ],
  };
}

/** How images of the model's own kind are made of those in [0, 1]. */
interface PixelEntry {
  /** Whether they go up to 255. */
  readonly scale: boolean;
  /** The type of whole numbers that they are rounded to, or null. */
  readonly whole: number | null;
  readonly notes: readonly string[];
}

function pixelEntry(
  graph: GraphProto,
  { input, inputType }: Signature,
  { normalization, pixels, source }: Pick<AdaptOptions, "normalization" | "pixels" | "source">,
): PixelEntry {
  const isFloat = inputType === (TensorProto_DataType.FLOAT as number);
  const asked = pixels ?? (isFloat && normalization ? "0..1" : null);
  const range = asked ?? (isFloat ? pixelRangeOf(graph, input) : "0..255");
  if (range === "0..1" && isFloat) return { scale: false, whole: null, notes: [] };
  const type = (TensorProto_DataType[inputType] ?? "").toLowerCase().replace(/^float$/, "float32");
  if (normalization || range === "0..1")
    throw new InputError(`${source} takes pixels from 0 to 255, which are not normalised before it`, {
      expected: "images in [0, 1] times 255",
      found: normalization ? `${type} images, and --mean and --std` : `${type} images, and --pixels ${range}`,
      fix: isFloat ? "either --pixels 0..255, or --mean and --std" : "leave --mean, --std and --pixels out",
    });
  const told = asked === null && isFloat ? ", as its first nodes say" : "";
  if (isFloat)
    return {
      scale: true,
      whole: null,
      notes: [`it takes pixels from 0 to 255${told}: images go in times 255`],
    };
  if (takeFloats(graph, input))
    return {
      scale: true,
      whole: null,
      notes: [
        `it takes ${type} pixels: images go in times 255, without rounding, so that there is a gradient`,
      ],
    };
  return {
    scale: true,
    whole: inputType,
    notes: [
      `it takes ${type} pixels: images go in times 255 and rounded, so there is no gradient; only attacks that need none can be run on it`,
    ],
  };
}

/**
 * Writes the nodes between the standard input and `entry`, the value the model reads its images from: normalisation or pixels up to 255,
 * transpose to NHWC, flattening and cast, where needed.
 */
function prepareImages(
  graph: GraphProto,
  entry: string,
  { layout, flat }: Signature,
  { image: { channels, height, width } }: ClassifierShape,
  { normalization, scale, whole }: Pick<AdaptOptions, "normalization"> & PixelEntry,
): void {
  const constant = (name: string, values: readonly number[]): string => {
    const tensor = floatTensor(freshName(graph, name), [1, values.length, 1, 1], Float32Array.from(values));
    graph.initializer.push(tensor);
    return tensor.name;
  };
  const row = (): string => {
    const tensor = int64Tensor(freshName(graph, "images.row"), [-1n, BigInt(channels * height * width)]);
    graph.initializer.push(tensor);
    return tensor.name;
  };
  const steps = [
    ...(normalization
      ? [
          { operator: "Sub", inputs: [constant("normalization.mean", normalization.mean)], attributes: [] },
          { operator: "Div", inputs: [constant("normalization.std", normalization.std)], attributes: [] },
        ]
      : []),
    ...(scale ? [{ operator: "Mul", inputs: [constant("images.white", [255])], attributes: [] }] : []),
    // A cast to whole numbers cuts off.
    ...(whole === null
      ? []
      : [{ operator: "Add", inputs: [constant("images.half", [0.5])], attributes: [] }]),
    ...(layout === "nhwc"
      ? [{ operator: "Transpose", inputs: [], attributes: [intsAttribute("perm", [0, 2, 3, 1])] }]
      : []),
    ...(flat ? [{ operator: "Reshape", inputs: [row()], attributes: [] }] : []),
    ...(whole === null ? [] : [{ operator: "Cast", inputs: [], attributes: [intAttribute("to", whole)] }]),
  ];
  if (steps.length === 0) renameValue(graph, entry, IMAGES);
  let value = IMAGES;
  const front = steps.map(({ operator, inputs, attributes }, index) => {
    const output = index === steps.length - 1 ? entry : freshName(graph, `images.${operator.toLowerCase()}`);
    const made = unnamed(node(operator, [value, ...inputs], output, attributes));
    value = output;
    return made;
  });
  graph.node.unshift(...front);
}

/** Clears a new node's name, which a node of the foreign graph might have too. */
function unnamed(made: NodeProto): NodeProto {
  made.name = "";
  return made;
}
