import type { GraphProto, ModelProto, NodeProto } from "onnx-buf";
import { InputError } from "../errors.js";
import { constantsOf } from "./constants.js";
import { intAttributeOf } from "./gradient/attributes.js";
import { graphOf, subgraphsOf } from "./model.js";

/** Operators that make random numbers. */
export const RANDOM: ReadonlySet<string> = new Set([
  ...["Bernoulli", "Multinomial", "RandomNormal", "RandomNormalLike", "RandomUniform", "RandomUniformLike"],
]);

/** Nodes that belong to training, each as it is told to a person, such as `Dropout "drop1"`. */
export interface TrainingNodes {
  /** Those that make random numbers. */
  readonly random: readonly string[];
  /** Batch normalisation by the statistics of the batch at hand, which mixes its images. */
  readonly mixing: readonly string[];
}

/** Finds the nodes of a model, also in the graphs inside nodes and in its own functions, that a classifier in inference mode has not. */
export function trainingNodes(model: ModelProto): TrainingNodes {
  const graph = graphOf(model);
  const bodies: Pick<GraphProto, "node" | "initializer">[] = [
    graph,
    ...model.functions.map(({ node }) => ({ node, initializer: [] })),
  ];
  const random: string[] = [];
  const mixing: string[] = [];
  const known = new Map(constantsOf(graph));
  for (let body = bodies.pop(); body !== undefined; body = bodies.pop()) {
    for (const [name, constant] of constantsOf(body)) known.set(name, constant);
    for (const node of body.node) {
      bodies.push(...subgraphsOf(node));
      const isTraining = known.get(node.input[2] ?? "")?.values[0] === 1;
      if (RANDOM.has(node.opType) || (node.opType === "Dropout" && isTraining)) random.push(told(node));
      else if (node.opType === "BatchNormalization" && intAttributeOf(node, "training_mode", 0) !== 0)
        mixing.push(told(node));
    }
  }
  return { random, mixing };
}

/**
 * Refuses a model whose batch normalisation takes the statistics of the batch at hand.
 *
 * @throws {InputError} naming its nodes and how to export it right.
 */
export function refuseBatchStatistics(model: ModelProto, source: string): void {
  const { mixing, random } = trainingNodes(model);
  if (mixing.length === 0) return;
  throw new InputError(`${source} is in training mode`, {
    expected: "a model in inference mode, which treats every image alone",
    found: `batch statistics or random numbers in ${firstOf([...mixing, ...random])}`,
    fix: INFERENCE_MODE,
  });
}

/** How a model in training mode is exported right. */
export const INFERENCE_MODE =
  "export it in inference mode: model.eval() before torch.onnx.export, without training=TRAINING; training=False in TensorFlow";

/** The first names of a list, and how many more there are. */
export function firstOf(names: readonly string[]): string {
  const shown = names.slice(0, 3).join(", ");
  return names.length > 3 ? `${shown} and ${names.length - 3} more` : shown;
}

function told({ opType, name, output }: NodeProto): string {
  return `${opType} "${name === "" ? (output[0] ?? "") : name}"`;
}
