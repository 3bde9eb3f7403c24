import type { GraphProto, ModelProto } from "onnx-buf";
import type { Normalization } from "../graph/network.js";
import { freeBatch } from "./batch.js";
import { floatTensor, floatValue, intsAttribute, node } from "./build.js";
import { METADATA_KEY } from "./metadata.js";
import { graphOf } from "./model.js";
import { type ClassifierShape, findSignature, type Layout } from "./signature.js";
import { freshName, keepWhatMakes, renameValue } from "./values.js";
import { IMAGES, LOGITS } from "./writer.js";

/** The first IR version whose initializers need not be inputs too. */
const INITIALIZERS_ALONE_IR_VERSION = 4n;

export interface AdaptOptions {
  /** Applied to images in [0, 1] before the model, one number a channel; none if the model takes them as they are. */
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
  /** The softmax that was taken off the end, or null. */
  readonly removed: "Softmax" | "LogSoftmax" | null;
}

/**
 * Turns a foreign classifier into the standard form, in place: `images [batch, channels, height, width]` in [0, 1] to
 * `logits [batch, classes]`, the normalisation inside.
 *
 * @throws {InputError} if it is no classifier of the expected images and classes.
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
  const { output, removed } = beforeSoftmax(graph, signature.output);
  if (signature.batch !== null) freeBatch(graph, signature.input, signature.batch);

  const entry = freshName(graph, "images.prepared");
  renameValue(graph, signature.input, entry);
  const exit = freshName(graph, "logits.made");
  renameValue(graph, output, exit);
  for (const taken of [IMAGES, LOGITS]) renameValue(graph, taken, freshName(graph, `${taken}.inner`));
  renameValue(graph, exit, LOGITS);
  prepareImages(graph, entry, signature.layout, normalization);
  // With another normalisation in front it is no longer the network that its metadata names.
  if (normalization) model.metadataProps = model.metadataProps.filter(({ key }) => key !== METADATA_KEY);
  graph.input = [floatValue(IMAGES, ["batch", channels, height, width])];
  graph.output = [floatValue(LOGITS, ["batch", expected.classes])];
  // Shapes noted along the way may hold the old batch size; ONNX Runtime infers them again.
  graph.valueInfo = [];
  keepWhatMakes(graph, LOGITS);
  return { fixedBatch: signature.batch, layout: signature.layout, removed };
}

/** Puts the normalisation and the turn to NHWC between the standard input and `entry`, the value the model reads its images from. */
function prepareImages(
  graph: GraphProto,
  entry: string,
  layout: Layout,
  normalization: Normalization | undefined,
): void {
  const constant = (name: string, values: readonly number[]): string => {
    const tensor = floatTensor(freshName(graph, name), [1, values.length, 1, 1], Float32Array.from(values));
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
  ];
  if (steps.length === 0) renameValue(graph, entry, IMAGES);
  let value = IMAGES;
  const front = steps.map(({ operator, inputs, attributes }, index) => {
    const output = index === steps.length - 1 ? entry : freshName(graph, `images.${operator.toLowerCase()}`);
    const made = node(operator, [value, ...inputs], output, attributes);
    value = output;
    return made;
  });
  graph.node.unshift(...front);
}

/** The value before a softmax at the end of the graph: the logits, which is what teachers are asked for. */
function beforeSoftmax(
  graph: GraphProto,
  output: string,
): { output: string; removed: Adaptation["removed"] } {
  for (let value = output; ;) {
    const maker = graph.node.find((candidate) => candidate.output.includes(value));
    const before = maker?.input[0];
    if (maker === undefined || before === undefined) break;
    if (maker.opType === "Softmax" || maker.opType === "LogSoftmax") {
      const axis = maker.attribute.find(({ name }) => name === "axis")?.i ?? 1n;
      if (axis !== 1n && axis !== -1n) break;
      return { output: before, removed: maker.opType };
    }
    if (maker.opType !== "Identity") break;
    value = before;
  }
  return { output, removed: null };
}
