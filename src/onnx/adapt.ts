import { type GraphProto, type ModelProto, type NodeProto, TensorProto_DataType } from "onnx-buf";
import { InputError } from "../errors.js";
import type { Normalization } from "../graph/network.js";
import { freeBatch } from "./batch.js";
import { floatTensor, floatValue, int64Tensor, intAttribute, intsAttribute, node } from "./build.js";
import { METADATA_KEY } from "./metadata.js";
import { graphOf } from "./model.js";
import { type ClassifierShape, findSignature, type Layout, type Signature } from "./signature.js";
import { freshName, keepWhatMakes, makersOf, renameValue } from "./values.js";
import { IMAGES, LOGITS } from "./writer.js";

/** The first IR version whose initializers need not be inputs too. */
const INITIALIZERS_ALONE_IR_VERSION = 4n;

export interface AdaptOptions {
  /** Applied to images in [0, 1] before the model; left out if the model takes them as they are. */
  readonly normalization?: Normalization | undefined;
  readonly layout?: Layout | undefined;
  /** What the model is called in errors, such as its file's path. */
  readonly source: string;
}

/** What {@link adaptClassifier} found and changed. */
export interface Adaptation {
  /** The batch size the model was fixed at, or null. */
  readonly fixedBatch: number | null;
  readonly layout: Layout;
  /** Whether the model takes an image as one row of numbers. */
  readonly flat: boolean;
  /** The number type in which the model takes images. */
  readonly type: "float32" | "float16";
  /** The softmax that was taken off the end, or null. */
  readonly removed: "Softmax" | "LogSoftmax" | null;
}

/**
 * Turns a foreign classifier into the standard form, in place: `images [batch, channels, height, width]` in [0, 1] to
 * `logits [batch, classes]`, with the normalisation inside.
 *
 * @throws {InputError} if the model does not classify the expected images into the expected classes, or ends in a sigmoid.
 */
export function adaptClassifier(
  model: ModelProto,
  expected: ClassifierShape,
  { normalization, layout, source }: AdaptOptions,
): Adaptation {
  const graph = graphOf(model);
  const signature = findSignature(graph, expected, source, layout);
  const { channels, height, width } = expected.image;
  if (model.irVersion < INITIALIZERS_ALONE_IR_VERSION) model.irVersion = INITIALIZERS_ALONE_IR_VERSION;
  const { output, removed } = beforeSoftmax(graph, signature.output, source);
  if (signature.batch !== null) freeBatch(graph, signature.input, signature.batch);

  const entry = freshName(graph, "images.prepared");
  renameValue(graph, signature.input, entry);
  const exit = freshName(graph, "logits.made");
  renameValue(graph, output, exit);
  for (const taken of [IMAGES, LOGITS]) renameValue(graph, taken, freshName(graph, `${taken}.inner`));
  if (signature.outputType === TensorProto_DataType.FLOAT) renameValue(graph, exit, LOGITS);
  else
    graph.node.push(unnamed(node("Cast", [exit], LOGITS, [intAttribute("to", TensorProto_DataType.FLOAT)])));
  prepareImages(graph, entry, signature, expected, normalization);
  // With a normalisation added in front, the model is no longer the network that its metadata names.
  if (normalization) model.metadataProps = model.metadataProps.filter(({ key }) => key !== METADATA_KEY);
  graph.input = [floatValue(IMAGES, ["batch", channels, height, width])];
  graph.output = [floatValue(LOGITS, ["batch", expected.classes])];
  // Shapes noted along the way may hold the old batch size; ONNX Runtime infers them again.
  graph.valueInfo = [];
  keepWhatMakes(graph, LOGITS);
  return {
    fixedBatch: signature.batch,
    layout: signature.layout,
    flat: signature.flat,
    type: signature.inputType === TensorProto_DataType.FLOAT16 ? "float16" : "float32",
    removed,
  };
}

/**
 * Writes the nodes between the standard input and `entry`, the value the model reads its images from: normalisation, transpose to
 * NHWC, flattening and cast, where needed.
 */
function prepareImages(
  graph: GraphProto,
  entry: string,
  { layout, flat, inputType }: Signature,
  { image: { channels, height, width } }: ClassifierShape,
  normalization: Normalization | undefined,
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
    ...(layout === "nhwc"
      ? [{ operator: "Transpose", inputs: [], attributes: [intsAttribute("perm", [0, 2, 3, 1])] }]
      : []),
    ...(flat ? [{ operator: "Reshape", inputs: [row()], attributes: [] }] : []),
    ...(inputType === TensorProto_DataType.FLOAT
      ? []
      : [{ operator: "Cast", inputs: [], attributes: [intAttribute("to", inputType)] }]),
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

/**
 * Finds the logits in front of a softmax, or the logarithm of one, that ends the graph: teachers must answer logits. `Identity` and
 * `Cast` nodes after it stay.
 */
function beforeSoftmax(
  graph: GraphProto,
  output: string,
  source: string,
): { output: string; removed: Adaptation["removed"] } {
  const makers = makersOf(graph);
  const makerOf = (value: string): NodeProto | undefined => makers.get(value);
  let after: NodeProto | undefined;
  for (let value = output; ;) {
    let maker = makerOf(value);
    if (maker?.opType === "Sigmoid")
      throw new InputError(`${source} ends in a sigmoid`, {
        expected: "logits of classes of which one is right",
        found: "numbers between 0 and 1, each for itself",
        fix: "export the model without its sigmoid, if it was trained with cross-entropy",
      });
    const logarithm = maker?.opType === "Log";
    if (logarithm) maker = makerOf(maker?.input[0] ?? "");
    const before = maker?.input[0];
    if (maker === undefined || before === undefined) break;
    if (isSoftmax(maker, logarithm)) {
      if (after) after.input[0] = before;
      const removed = logarithm || maker.opType === "LogSoftmax" ? "LogSoftmax" : "Softmax";
      return { output: after ? output : before, removed };
    }
    if (logarithm || (maker.opType !== "Identity" && maker.opType !== "Cast")) break;
    after = maker;
    value = before;
  }
  return { output, removed: null };
}

/** Whether a node is a softmax over the classes of `[batch, classes]`. */
function isSoftmax({ opType, attribute }: NodeProto, logarithm: boolean): boolean {
  if (opType !== "Softmax" && (logarithm || opType !== "LogSoftmax")) return false;
  // The default is 1, and -1 since operator set 13: of two axes, both mean the second.
  const axis = attribute.find(({ name }) => name === "axis")?.i ?? 1n;
  return axis === 1n || axis === -1n;
}
