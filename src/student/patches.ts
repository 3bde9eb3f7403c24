import { type ConvLayer, extentAfter } from "../graph/network.js";
import { otherPays } from "../runtime/kernel-choices.js";
import { attribute, execute } from "../runtime/kernels.js";
import { tracedPrecision } from "../runtime/precision.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";

/*
 * The gradient of a convolution with respect to its filter as one matrix product: what each window reads, as a row, transposed, times the
 * outputs' gradients. oneDNN's own works along rows, and has little to do for each where maps are small: 512 to 512 channels on maps of
 * 4x4, batch 32, one thread of an EPYC: 31 ms instead of 70.
 */

/** Beyond these, the patches take far more memory than the maps, and the product is the slower on any processor that was tried. */
const MOST_SIDE = 8;
const FEWEST_CHANNELS = 128;

/** Whether a filter gradient can be computed this way, for inputs of a shape `[N, H, W, C]`, and it may be the faster one. */
export function patchesFit(layer: ConvLayer, [, height = 0, width = 0]: readonly number[]): boolean {
  const { kernel, groups, channels, filters } = layer;
  const small = Math.max(extentAfter(layer, height), extentAfter(layer, width)) <= MOST_SIDE;
  return kernel === 3 && groups === 1 && small && Math.min(channels, filters) >= FEWEST_CHANNELS;
}

/** The name of this work among those that are measured. */
export function patchesWork(
  { channels, filters, stride }: ConvLayer,
  [, height, width]: readonly number[],
): string {
  return `filter gradient, ${channels} to ${filters} channels, ${height}x${width}, stride ${stride}: matrix product`;
}

/** Whether this machine was measured to be faster this way. */
export function patchesPay(layer: ConvLayer, input: readonly number[]): boolean {
  return patchesFit(layer, input) && tracedPrecision() === "float32" && otherPays(patchesWork(layer, input));
}

/**
 * The gradient of a convolution with respect to its filter `[kernel, kernel, channels, filters]`.
 *
 * @param input Padded as the layer says, `[N, H + padding, W + padding, channels]`.
 * @param outputGradient `[N, outputs, outputs, filters]`.
 */
export function filterGradientOfPatches(
  input: Tensor4D,
  outputGradient: Tensor4D,
  { kernel, stride, channels, filters }: ConvLayer,
): Tensor4D {
  const [count, height, width] = outputGradient.shape;
  const windows = count * height * width;
  const attributes = [
    attribute.float32("T"),
    attribute.integers("ksizes", [1, kernel, kernel, 1]),
    attribute.integers("strides", [1, stride, stride, 1]),
    attribute.integers("rates", [1, 1, 1, 1]),
    attribute.text("padding", "VALID"),
  ];
  return tf.tidy(() => {
    const patches = execute("ExtractImagePatches", attributes, [input]);
    const rows = patches.reshape([windows, kernel * kernel * channels]);
    const product = tf.matMul(rows, outputGradient.reshape([windows, filters]), true, false);
    return product.reshape<Tensor4D>([kernel, kernel, channels, filters]);
  });
}
