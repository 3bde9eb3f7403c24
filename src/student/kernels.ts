import { attribute, execute, executeMany, type Attribute } from "../runtime/kernels.js";
import { constant } from "../runtime/tracer.js";
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
import { padImages, padWindows, type Placement, placement } from "./padding.js";
import { filterGradientOfPatches, patchesPay } from "./patches.js";
import { BATCH_NORM_EPSILON, type ConvLayer } from "../graph/network.js";

/*
 * The operations of a student and their gradients, on libtensorflow's own kernels. Convolutions keep to
 * the paddings SAME and VALID: with explicit paddings TensorFlow's CPU gradients leave oneDNN and take two to five times as long.
 */

const FLOAT = [attribute.float32("T")];
const NHWC = attribute.text("data_format", "NHWC");

const shapes = new Map<string, Tensor1D>();

/** Limits the shapes kept: more than a network has, but attacks that drop fooled images make batches of many sizes. */
const MOST_SHAPES = 256;

/** A shape as the int32 tensor TensorFlow wants; the last ones are kept. */
function shapeTensor(shape: readonly number[]): Tensor1D {
  const key = shape.join();
  const known = shapes.get(key);
  if (known) return known;
  const made = constant(tf.keep(tf.tensor1d([...shape], "int32")));
  shapes.set(key, made);
  for (const [oldest, tensor] of shapes) {
    if (shapes.size <= MOST_SHAPES) break;
    tensor.dispose();
    shapes.delete(oldest);
  }
  return made;
}

/** Frees the shape tensors kept so far; what still runs makes its own anew. */
export function freeShapes(): void {
  for (const tensor of shapes.values()) tensor.dispose();
  shapes.clear();
}

/** The number of shape tensors kept now; they are small, and there are at most `MOST_SHAPES`. */
export function keptShapes(): number {
  return shapes.size;
}

function convolutionAttributes(layer: ConvLayer, { kind }: Placement): Attribute[] {
  const attributes = [
    ...FLOAT,
    attribute.integers("strides", [1, layer.stride, layer.stride, 1]),
    attribute.text("padding", kind),
    NHWC,
    attribute.integers("dilations", [1, 1, 1, 1]),
  ];
  return layer.groups === 1 ? [...attributes, attribute.boolean("use_cudnn_on_gpu", true)] : attributes;
}

/**
 * Convolution of `[N, H, W, channels]`; a full convolution's filter is `[kernel, kernel, channels, filters]`, a depthwise one's
 * `[kernel, kernel, channels, 1]`.
 */
export function convolution(input: Tensor4D, filter: Tensor4D, layer: ConvLayer): Tensor4D {
  const operation = layer.groups === 1 ? "Conv2D" : "DepthwiseConv2dNative";
  const place = placement(layer, input.shape);
  return tf.tidy(
    () =>
      execute(operation, convolutionAttributes(layer, place), [padImages(input, place), filter]) as Tensor4D,
  );
}

/** The gradient of a convolution with respect to its input, whose shape is `inputShape`. */
export function convolutionInputGradient(
  inputShape: readonly number[],
  filter: Tensor4D,
  outputGradient: Tensor4D,
  layer: ConvLayer,
): Tensor4D {
  const [count = 0, height = 0, width = 0, channels = 0] = inputShape;
  const place = placement(layer, inputShape);
  const { rows, columns } = place;
  const padded = [count, height + rows[0] + rows[1], width + columns[0] + columns[1], channels];
  const operation = layer.groups === 1 ? "Conv2DBackpropInput" : "DepthwiseConv2dNativeBackpropInput";
  return tf.tidy(() => {
    const inputs = [shapeTensor(padded), filter, outputGradient];
    const gradient = execute(operation, convolutionAttributes(layer, place), inputs) as Tensor4D;
    if (padded[1] === height && padded[2] === width) return gradient;
    return tf.slice4d(gradient, [0, rows[0], columns[0], 0], [count, height, width, channels]);
  });
}

/** The gradient of a convolution with respect to its filter. */
export function convolutionFilterGradient(
  input: Tensor4D,
  filterShape: readonly number[],
  outputGradient: Tensor4D,
  layer: ConvLayer,
): Tensor4D {
  const operation = layer.groups === 1 ? "Conv2DBackpropFilter" : "DepthwiseConv2dNativeBackpropFilter";
  const place = placement(layer, input.shape);
  return tf.tidy(() => {
    if (patchesPay(layer, input.shape))
      return filterGradientOfPatches(padWindows(input, layer), outputGradient, layer);
    const inputs = [padImages(input, place), shapeTensor(filterShape), outputGradient];
    return execute(operation, convolutionAttributes(layer, place), inputs) as Tensor4D;
  });
}

/** What a training batch norm leaves behind. */
export interface BatchNormResult {
  output: Tensor4D;
  /** The running mean after this batch, `[channels]`. */
  runningMean: Tensor1D;
  /** The running variance after this batch, `[channels]`. */
  runningVariance: Tensor1D;
  /** Opaque inputs of `batchNormGradient`. */
  saved: [Tensor, Tensor, Tensor];
}

/** The share of a new batch in the running statistics, PyTorch's `momentum`. */
const STATISTICS_RATE = 0.1;

const NORM_ATTRIBUTES: Attribute[] = [
  ...FLOAT,
  attribute.float32("U"),
  attribute.float("epsilon", BATCH_NORM_EPSILON),
  NHWC,
  attribute.boolean("is_training", true),
];

const NORM_FORWARD_ATTRIBUTES: Attribute[] = [
  ...NORM_ATTRIBUTES,
  attribute.float("exponential_avg_factor", STATISTICS_RATE),
];

/**
 * Batch norm in training mode: normalises `[N, H, W, C]` by its own batch, then scales and shifts.
 *
 * The running variance takes in the unbiased variance of the batch, as PyTorch's does.
 */
export function batchNorm(
  input: Tensor4D,
  scale: Tensor1D,
  offset: Tensor1D,
  runningMean: Tensor1D,
  runningVariance: Tensor1D,
): BatchNormResult {
  const inputs = [input, scale, offset, runningMean, runningVariance];
  const outputs = executeMany("FusedBatchNormV3", NORM_FORWARD_ATTRIBUTES, inputs, 6);
  const [output, mean, variance, ...saved] = outputs as [
    Tensor4D,
    Tensor1D,
    Tensor1D,
    Tensor,
    Tensor,
    Tensor,
  ];
  return { output, runningMean: mean, runningVariance: variance, saved };
}

/** The gradients of training batch norm: with respect to its input, scale and offset. */
export function batchNormGradient(
  input: Tensor4D,
  scale: Tensor1D,
  outputGradient: Tensor4D,
  saved: BatchNormResult["saved"],
): { input: Tensor4D; scale: Tensor1D; offset: Tensor1D } {
  const inputs = [outputGradient, input, scale, ...saved];
  const [inputGradient, scaleGradient, offsetGradient, ...unused] = executeMany(
    "FusedBatchNormGradV3",
    NORM_ATTRIBUTES,
    inputs,
    5,
  ) as [Tensor4D, Tensor1D, Tensor1D, Tensor, Tensor];
  tf.dispose(unused);
  return { input: inputGradient, scale: scaleGradient, offset: offsetGradient };
}

/** The same values as a tensor of their own, in float32 also where they were traced in another precision. */
export function identity<T extends Tensor>(input: T): T {
  return execute("Identity", FLOAT, [input]) as T;
}

/** max(x, 0). */
export function relu<T extends Tensor>(input: T): T {
  return execute("Relu", FLOAT, [input]) as T;
}

/** The gradient of `relu`, which passes where its output is positive. */
export function reluGradient<T extends Tensor>(outputGradient: T, output: Tensor): T {
  return execute("ReluGrad", FLOAT, [outputGradient, output]) as T;
}

/** x sigmoid(x). */
export function silu<T extends Tensor>(input: T): T {
  return tf.tidy(() => tf.mul<T>(input, sigmoid(input)));
}

/** The gradient of `silu` at its input x: sigmoid(x) + x sigmoid'(x), times the output's. */
export function siluGradient<T extends Tensor>(outputGradient: T, input: Tensor): T {
  return tf.tidy(() => {
    const gate = sigmoid(input);
    const throughGate = execute("SigmoidGrad", FLOAT, [gate, tf.mul(outputGradient, input)]) as T;
    return add(tf.mul<T>(outputGradient, gate), throughGate);
  });
}

function sigmoid(input: Tensor): Tensor {
  return execute("Sigmoid", FLOAT, [input]);
}

/** The sum of two tensors of one shape. */
export function add<T extends Tensor>(left: T, right: T): T {
  return execute("AddV2", FLOAT, [left, right]) as T;
}

/** Adds `bias [channels]` to the last dimension. */
export function biasAdd<T extends Tensor>(input: T, bias: Tensor1D): T {
  return execute("BiasAdd", [...FLOAT, NHWC], [input, bias]) as T;
}

/** The gradient of `biasAdd` with respect to the bias: the sum over all other dimensions. */
export function biasGradient(outputGradient: Tensor): Tensor1D {
  return execute("BiasAddGrad", [...FLOAT, NHWC], [outputGradient]) as Tensor1D;
}

/** `[N, C]` spread evenly over `[N, H, W, C]`: the gradient of the global average pool. */
export function globalAveragePoolGradient(outputGradient: Tensor2D, inputShape: readonly number[]): Tensor4D {
  const [count = 0, height = 0, width = 0, channels = 0] = inputShape;
  return tf.tidy(() => {
    const share = tf.mul(outputGradient, 1 / (height * width)).reshape([count, 1, 1, channels]);
    return tf.broadcastTo<Tensor4D>(share, [count, height, width, channels]);
  });
}

/** Every `stride`-th row and column of `[N, H, W, C]`, as averages of one value: TensorFlow takes these nine times faster than slices. */
export function subsample(input: Tensor4D, stride: number): Tensor4D {
  const attributes = [
    ...FLOAT,
    attribute.integers("ksize", [1, 1, 1, 1]),
    attribute.integers("strides", [1, stride, stride, 1]),
    attribute.text("padding", "VALID"),
    NHWC,
  ];
  return execute("AvgPool", attributes, [input]) as Tensor4D;
}

/** The gradient of `subsample`: the values back in place, zeros between. */
export function subsampleGradient(
  outputGradient: Tensor4D,
  inputShape: readonly number[],
  stride: number,
): Tensor4D {
  const [count, rows, columns, channels] = outputGradient.shape;
  const [, height = 0, width = 0] = inputShape;
  const gap = stride - 1;
  return tf.tidy(() => {
    const places = tf.reshape(outputGradient, [count, rows, 1, columns, channels]);
    const after = [0, 0, gap, 0, gap * channels];
    const spread = tf.pad(
      places,
      after.map((zeros): [number, number] => [0, zeros]),
    );
    const whole = tf.reshape<Tensor4D>(spread, [count, rows * stride, columns * stride, channels]);
    if (rows * stride === height && columns * stride === width) return whole;
    return tf.slice4d(whole, [0, 0, 0, 0], [count, height, width, channels]);
  });
}

/** `input [N, inputs]` times the transpose of `weight [outputs, inputs]`, plus `bias [outputs]`. */
export function linear(input: Tensor2D, weight: Tensor2D, bias: Tensor1D): Tensor2D {
  return tf.tidy(() => biasAdd(tf.matMul(input, weight, false, true), bias));
}
