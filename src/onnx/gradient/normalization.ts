import type { NodeProto } from "onnx-buf";
import { floatAttributeOf, intAttributeOf } from "./attributes.js";
import { axisOf, extentOf } from "./axes.js";
import { oneAtZero } from "./conditions.js";
import { sumOver } from "./reductions.js";
import { reshape } from "./shaping.js";
import type { GradientGraph, NodeWriter, OperatorGradient, Step } from "./step.js";
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
function normalizedGradient(
  graph: GradientGraph,
  gradient: string,
  { centred, inverseDeviation, mean }: Record<"centred" | "inverseDeviation", string> & { mean: Mean },
): string {
  const normalized = graph.op("Mul", [centred, inverseDeviation]);
  const along = graph.op("Mul", [normalized, mean(graph.op("Mul", [gradient, normalized]))]);
  const rest = graph.op("Sub", [graph.op("Sub", [gradient, mean(gradient)]), along]);
  return graph.op("Mul", [rest, inverseDeviation]);
}

type Mean = (value: string) => string;

/** Writes means over axes, which are kept with extent 1. */
function meanOver({ graph, node }: Step, axes: readonly number[]): Mean {
  const shape = graph.shape(node.input[0] ?? "");
  const count = axes.reduce((total, axis) => total * (shape[axis] ?? NaN), 1);
  if (!Number.isFinite(count)) throw noGradient(node, "a mean over the batch");
  const share = graph.floats([1 / count]);
  return (value) => graph.op("Mul", [sumOver(graph, value, axes), share]);
}

/** The axes from the node's own to the last. */
function lastAxes({ graph, node }: Step): number[] {
  const shape = graph.shape(node.input[0] ?? "");
  const first = axisOf(node, shape, -1);
  return shape.flatMap((_, index) => (index >= first ? [index] : []));
}

/** 1 / sqrt(the mean of squares + epsilon). */
function inverseRoot({ graph, node }: Step, mean: Mean, value: string): string {
  const epsilon = graph.floats([floatAttributeOf(node, "epsilon", 1e-5)]);
  const variance = graph.op("Add", [mean(graph.op("Mul", [value, value])), epsilon]);
  return graph.op("Reciprocal", [graph.op("Sqrt", [variance])]);
}

function layerNormalization(step: Step): string | null {
  const { graph, node, input, gradient } = step;
  if (input !== 0) return null;
  const [x = "", scale = ""] = node.input;
  return normalizedGradient(graph, graph.op("Mul", [gradient, scale]), {
    mean: meanOver(step, lastAxes(step)),
    inverseDeviation: graph.optionalOutput(node, 2),
    centred: graph.op("Sub", [x, graph.optionalOutput(node, 1)]),
  });
}

/** Each channel of each image has its own mean and deviation. */
function instanceNormalization(step: Step): string | null {
  const { graph, node, input, gradient } = step;
  if (input !== 0) return null;
  const [x = "", scale = ""] = node.input;
  const spatial = graph.shape(x).slice(2);
  const mean = meanOver(
    step,
    spatial.map((_, axis) => axis + 2),
  );
  const centred = graph.op("Sub", [x, mean(x)]);
  const factor = graph.op("Reshape", [scale, graph.integers([1, -1, ...spatial.map(() => 1)])]);
  return normalizedGradient(graph, graph.op("Mul", [gradient, factor]), {
    mean,
    inverseDeviation: inverseRoot(step, mean, centred),
    centred,
  });
}

/** With h = x / root and g the gradient with respect to h: (g - h mean(g h)) / root. */
function rmsNormalization(step: Step): string | null {
  const { graph, node, input, gradient } = step;
  if (input !== 0) return null;
  const [x = "", scale = ""] = node.input;
  const mean = meanOver(step, lastAxes(step));
  const inverse = inverseRoot(step, mean, x);
  const normalized = graph.op("Mul", [x, inverse]);
  const scaled = graph.op("Mul", [gradient, scale]);
  const along = graph.op("Mul", [normalized, mean(graph.op("Mul", [scaled, normalized]))]);
  return graph.op("Mul", [graph.op("Sub", [scaled, along]), inverse]);
}

/** y = x / |x|: with p 2, (g - y sum(g y)) / |x|; with p 1, (g - sign(x) sum(g y)) / |x|. */
function lpNormalization({ graph, node, gradient }: Step): string {
  const [x = "", y = ""] = [node.input[0], node.output[0]];
  const axes = [axisOf(node, graph.shape(x), -1)];
  const euclidean = intAttributeOf(node, "p", 2) === 2;
  const powers = euclidean ? graph.op("Mul", [x, x]) : graph.op("Abs", [x]);
  const sum = sumOver(graph, powers, axes);
  const norm = euclidean ? graph.op("Sqrt", [sum]) : sum;
  const along = sumOver(graph, graph.op("Mul", [gradient, y]), axes);
  const direction = euclidean ? y : graph.op("Sign", [x]);
  const rest = graph.op("Sub", [gradient, graph.op("Mul", [direction, along])]);
  return graph.op("Div", [rest, oneAtZero(graph, norm)]);
}

/** y = x d^-b with d = k + a / n times the sum of squares of n neighbouring channels, a band matrix times the squares. */
function localResponseNormalization({ graph, node, gradient }: Step): string {
  const [x = ""] = node.input;
  const shape = graph.shape(x);
  const channels = extentOf(graph, node, x, 1);
  const size = intAttributeOf(node, "size", 1);
  const beta = floatAttributeOf(node, "beta", 0.75);
  const share = floatAttributeOf(node, "alpha", 1e-4) / size;
  const band = Array.from({ length: channels ** 2 }, (_, place) =>
    Math.abs((place % channels) - Math.floor(place / channels)) <= (size - 1) / 2 ? 1 : 0,
  );
  /** Sums for each channel those around it. */
  const neighbours = (value: string): string => {
    const rows = graph.op("Reshape", [value, graph.integers([0, 0, -1])]);
    const sums = graph.op("MatMul", [graph.floats(band, [channels, channels]), rows]);
    return reshape(graph, sums, shape) ?? graph.op("Reshape", [sums, graph.op("Shape", [x])]);
  };
  const squares = neighbours(graph.op("Mul", [x, x]));
  const scaled = graph.op("Mul", [squares, graph.floats([share])]);
  const divisor = graph.op("Add", [scaled, graph.floats([floatAttributeOf(node, "bias", 1)])]);
  const direct = graph.op("Mul", [gradient, graph.op("Pow", [divisor, graph.floats([-beta])])]);
  const shares = graph.op("Div", [graph.op("Mul", [direct, x]), divisor]);
  const around = graph.op("Mul", [x, neighbours(shares)]);
  return graph.op("Sub", [direct, graph.op("Mul", [around, graph.floats([2 * share * beta])])]);
}

export const normalizationGradients = {
  BatchNormalization: batchNormalization,
  InstanceNormalization: instanceNormalization,
  LRN: localResponseNormalization,
  LayerNormalization: layerNormalization,
  LpNormalization: lpNormalization,
  RMSNormalization: rmsNormalization,
} as const satisfies Record<string, OperatorGradient>;
