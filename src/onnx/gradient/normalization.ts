import type { NodeProto } from "onnx-buf";
import { floatAttributeOf, intAttributeOf } from "./attributes.js";
import { sumOver } from "./reductions.js";
import type { NodeWriter, OperatorGradient, Step } from "./step.js";
import { noGradient } from "./unsupported.js";

/* Normalisations. */

/** What batch normalisation multiplies each channel by, `[channels]`: scale / sqrt(variance + epsilon). */
export function batchNormalizationFactor(writer: NodeWriter, node: NodeProto): string {
  const [, scale = "", , , variance = ""] = node.input;
  const epsilon = writer.floats([floatAttributeOf(node, "epsilon", 1e-5)]);
  return writer.op("Div", [scale, writer.op("Sqrt", [writer.op("Add", [variance, epsilon])])]);
}

/** In inference mode: a constant factor for each channel. */
function batchNormalization({ graph, node, input, gradient }: Step): string | null {
  if (input !== 0) return null;
  if (intAttributeOf(node, "training_mode", 0) !== 0) throw noGradient(node, "training mode");
  const [channels, ...spatial] = graph.shape(node.input[0] ?? "").slice(1);
  if (typeof channels !== "number") throw noGradient(node, "channels that change with the batch");
  const factor = batchNormalizationFactor(graph, node);
  const extents = [channels, ...spatial.map(() => 1)];
  return graph.op("Mul", [gradient, graph.op("Reshape", [factor, graph.integers(extents)])]);
}

/** With h = (x - mean) / deviation and g the gradient with respect to h: (g - mean(g) - h mean(g h)) / deviation. */
function layerNormalization({ graph, node, input, gradient }: Step): string | null {
  if (input !== 0) return null;
  const [x = "", scale = ""] = node.input;
  const shape = graph.shape(x);
  const axis = intAttributeOf(node, "axis", -1);
  const first = axis < 0 ? axis + shape.length : axis;
  const axes = shape.flatMap((_, index) => (index >= first ? [index] : []));
  const count = axes.reduce((total, index) => total * (shape[index] ?? NaN), 1);
  if (!Number.isFinite(count)) throw noGradient(node, "a mean over the batch");
  const share = graph.floats([1 / count]);
  const mean = (value: string): string => graph.op("Mul", [sumOver(graph, value, axes), share]);

  const inverseDeviation = graph.optionalOutput(node, 2);
  const centred = graph.op("Sub", [x, graph.optionalOutput(node, 1)]);
  const normalized = graph.op("Mul", [centred, inverseDeviation]);
  const scaled = graph.op("Mul", [gradient, scale]);
  const along = graph.op("Mul", [normalized, mean(graph.op("Mul", [scaled, normalized]))]);
  const rest = graph.op("Sub", [graph.op("Sub", [scaled, mean(scaled)]), along]);
  return graph.op("Mul", [rest, inverseDeviation]);
}

export const normalizationGradients = {
  BatchNormalization: batchNormalization,
  LayerNormalization: layerNormalization,
} as const satisfies Record<string, OperatorGradient>;
