import type { GraphProto, ModelProto, NodeProto } from "onnx-buf";
import { graphOf } from "../model.js";
import { freshNames, keepWhatMakes } from "../values.js";
import { IMAGES, LOGITS } from "../writer.js";
import { takeBranches } from "./branches.js";
import { type Dependence, dependenceOn } from "./dependence.js";
import { foldBatchNormalization } from "./fold.js";
import { inlineFunctions, isStandard } from "./inline.js";
import { operatorGradients } from "./operators.js";
import { useSinglePrecision } from "./single-precision.js";
import { upgradeOperators } from "./upgrade.js";
import { inspectValues } from "./shapes.js";
import type { GradientGraph, OperatorGradient } from "./step.js";
import { noGradient, NoGradientError } from "./unsupported.js";
import { nodeWriter } from "./writer.js";

/** A classifier and its backward pass: from the logits' gradient, which a loss has yet to supply, to the images' gradient. */
export interface DifferentiatedModel {
  /** Its graph still lacks outputs and a node that makes `logitsGradient`. */
  readonly model: ModelProto;
  /** How many of the graph's nodes are the classifier itself; they come first. */
  readonly forwardNodes: number;
  readonly classes: number;
  /** The name of the loss's gradient with respect to the logits, `[batch, classes]`: nodes read it, none makes it. */
  readonly logitsGradient: string;
  /** The name of the loss's gradient with respect to the images. */
  readonly imagesGradient: string;
}

/**
 * Appends to a classifier's graph, in place, the nodes of its gradient. The classifier has the standard form that `adaptClassifier` and
 * `networkToOnnx` make: `images [batch, C, H, W]` to `logits [batch, classes]`. Reverse mode: for each node between images and logits,
 * its operator's entry in `operatorGradients` writes the gradient's nodes; weights get no gradient.
 *
 * @param dataFolder Where the model's external data are, if it has any.
 * @throws {NoGradientError} if an operator on the way has no gradient; the error names it and its node.
 * @throws {InputError} if ONNX Runtime cannot load the model, or its own functions stand for too many nodes.
 */
export function differentiate(model: ModelProto, dataFolder: string | null = null): DifferentiatedModel {
  upgradeOperators(model, inlineFunctions(model));
  useSinglePrecision(model);
  const graph = graphOf(model);
  requireOrder(graph);
  keepWhatMakes(graph, LOGITS);
  const inspect = (values: ReadonlySet<string>, { onContent }: Dependence) =>
    inspectValues(model, { images: IMAGES, extents: imageExtents(graph), values, onContent, dataFolder });
  takeBranches(graph, (values) => {
    const known = inspect(values, dependenceOn(IMAGES, graph));
    return (value) => known.get(value)?.constant ?? null;
  });
  foldBatchNormalization(graph);
  const dependence = dependenceOn(IMAGES, graph);
  if (!dependence.smooth.has(LOGITS))
    throw new NoGradientError(
      "the model's logits do not depend smoothly on its images",
      "no way from the logits back to the images",
      null,
    );
  const way = nodesOnTheWay(graph, dependence);
  const seen = new Set(
    [IMAGES, ...way.flatMap(({ input, output }) => [...input, ...output])].filter((name) => name !== ""),
  );
  const known = inspect(seen, dependence);
  const find = (value: string) => {
    const found = known.get(value);
    if (!found) throw new Error(`the shape of "${value}" was not looked for`);
    return found;
  };

  const forwardNodes = graph.node.length;
  const fresh = freshNames(graph);
  const logitsGradient = fresh("logits.gradient");
  const arriving = new Map<string, string[]>([[LOGITS, [logitsGradient]]]);
  const writer = nodeWriter(graph, graph.node, "gradient");
  const gradientOf = (value: string): string | null => {
    const parts = arriving.get(value);
    if (parts === undefined) return null;
    const [first, ...rest] = parts;
    if (first === undefined) return null;
    const sum = rest.length === 0 ? first : writer.op("Sum", parts);
    arriving.set(value, [sum]);
    return sum;
  };
  const gradients: GradientGraph = {
    ...writer,
    shape: (value) => find(value).shape,
    constant: (value) => find(value).constant,
    gradientOf,
    optionalOutput(node, index) {
      const made = node.output[index];
      if (made !== undefined && made !== "") return made;
      while (node.output.length < index) node.output.push("");
      return (node.output[index] = writer.fresh(node.opType));
    },
  };
  for (const node of way.toReversed()) {
    const [first, ...more] = node.output.map(gradientOf);
    const [gradient] = [first, ...more].filter((one) => typeof one === "string");
    if (gradient === undefined) continue;
    if (!SEVERAL_OUTPUTS.has(node.opType) && more.some((one) => one !== null))
      throw noGradient(node, "logits that depend on its second output");
    for (const [input, value] of node.input.entries()) {
      if (!dependence.smooth.has(value)) continue;
      const made = gradientOfOperator(node)({ graph: gradients, node, input, gradient });
      if (made === null) throw noGradient(node, `its input ${input}, "${value}", depends on the images`);
      const parts = arriving.get(value);
      if (parts) parts.push(made);
      else arriving.set(value, [made]);
    }
  }
  const imagesGradient = gradientOf(IMAGES);
  const classes = find(LOGITS).shape[1];
  if (imagesGradient === null || typeof classes !== "number") throw new Error("the gradient ends on its way");
  return { model, forwardNodes, classes, logitsGradient, imagesGradient };
}

/** Operators whose outputs after the first have gradients too. */
const SEVERAL_OUTPUTS: ReadonlySet<string> = new Set(["Split"]);

/** Checks ONNX's order of nodes, each after those that make what it reads, so that the reverse order can be followed back. */
function requireOrder(graph: GraphProto): void {
  const later = new Set(graph.node.flatMap(({ output }) => output));
  for (const node of graph.node) {
    const early = node.input.find((name) => name !== "" && later.has(name));
    if (early !== undefined) throw noGradient(node, `it reads "${early}" before a node makes it`);
    for (const name of node.output) later.delete(name);
  }
}

/** The nodes that a gradient passes on its way from the logits to the images, in the graph's order. */
function nodesOnTheWay(graph: GraphProto, { smooth }: Dependence): NodeProto[] {
  const wanted = new Set([LOGITS]);
  const way: NodeProto[] = [];
  for (const node of graph.node.toReversed()) {
    if (!node.output.some((name) => wanted.has(name) && smooth.has(name))) continue;
    gradientOfOperator(node);
    for (const name of node.input) if (smooth.has(name)) wanted.add(name);
    way.push(node);
  }
  return way.reverse();
}

function gradientOfOperator(node: NodeProto): OperatorGradient {
  const gradient =
    isStandard(node.domain) && Object.hasOwn(operatorGradients, node.opType)
      ? (operatorGradients as Record<string, OperatorGradient>)[node.opType]
      : undefined;
  if (!gradient) throw noGradient(node, "an operator that mtard cannot differentiate");
  return gradient;
}

/** `[channels, height, width]` of the images. */
function imageExtents(graph: GraphProto): number[] {
  const type = graph.input.find(({ name }) => name === IMAGES)?.type?.value;
  const extents = type?.case === "tensorType" ? (type.value.shape?.dim ?? []) : [];
  return extents.slice(1).map(({ value }) => Number(value.value));
}
