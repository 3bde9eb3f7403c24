import type { ModelProto, NodeProto } from "onnx-buf";
import { changed, floatValue, node } from "../build.js";
import { graphOf } from "../model.js";
import { IMAGES, LOGITS } from "../writer.js";
import type { DifferentiatedModel } from "./differentiate.js";
import { type LossHeadKind, lossHeads } from "./losses.js";
import { nodeWriter } from "./writer.js";

/** The names of a gradient model's outputs. */
export const LOSS_GRADIENT = { logits: LOGITS, loss: "loss", gradient: "gradient" } as const;

/**
 * Makes a model that answers in one run `logits [batch, classes]`, `loss [batch]` and `gradient [batch, C, H, W]`, the gradient of the
 * summed loss with respect to the images.
 *
 * Its inputs are `images` and those of the loss. It shares tensors with the differentiated model, which stays as it is.
 *
 * @throws {InputError} if the loss needs more classes than there are.
 */
export function lossGradientModel(differentiated: DifferentiatedModel, kind: LossHeadKind): ModelProto {
  const { model, forwardNodes, classes, logitsGradient, imagesGradient } = differentiated;
  const graph = graphOf(model);
  const lossNodes: NodeProto[] = [];
  const copy = changed(graph, { initializer: [...graph.initializer] });
  const head = lossHeads[kind](nodeWriter(copy, lossNodes, "loss"), LOGITS, classes);
  lossNodes.push(node("Identity", [head.gradient], logitsGradient));
  if (head.loss !== null) lossNodes.push(node("Identity", [head.loss], LOSS_GRADIENT.loss));
  const images = graph.input.find(({ name }) => name === IMAGES);
  if (!images) throw new Error(`the model has no input "${IMAGES}"`);
  copy.node = [
    ...graph.node.slice(0, forwardNodes),
    ...lossNodes,
    ...graph.node.slice(forwardNodes),
    node("Identity", [imagesGradient], LOSS_GRADIENT.gradient),
  ];
  copy.input = [images, ...head.inputs];
  copy.output = [
    floatValue(LOGITS, ["batch", classes]),
    ...(head.loss === null ? [] : [floatValue(LOSS_GRADIENT.loss, ["batch"])]),
    changed(images, { name: LOSS_GRADIENT.gradient }),
  ];
  return changed(model, { graph: copy });
}
