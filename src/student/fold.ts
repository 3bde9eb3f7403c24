import { BATCH_NORM_EPSILON, type BatchNormLayer, type ConvLayer, type Layer } from "../graph/network.js";
import type { Network } from "../graph/network.js";
import { layerInputs } from "../graph/liveness.js";
import { tf, type Tensor, type Tensor1D, type Tensor4D } from "../runtime/tensorflow.js";
import { parameter, type Parameters } from "./parameters.js";

/**
 * The layers of a network in inference mode: a batch norm that is the only reader of a convolution is folded into the convolution's
 * weights and bias.
 */
export function foldedLayers(network: Network): Layer[] {
  const readers = new Map<string, Layer[]>();
  for (const layer of network.layers) {
    for (const input of layerInputs(layer)) readers.set(input, [...(readers.get(input) ?? []), layer]);
  }
  const folded = new Set<Layer>();
  return network.layers.flatMap((layer): Layer[] => {
    if (folded.has(layer)) return [];
    const norm = layer.op === "conv" ? soleBatchNorm(readers.get(layer.output)) : undefined;
    if (layer.op !== "conv" || !norm) return [layer];
    folded.add(norm);
    return [{ ...layer, output: norm.output, bias: true }];
  });
}

function soleBatchNorm(readers: readonly Layer[] | undefined): BatchNormLayer | undefined {
  const [only] = readers ?? [];
  return readers?.length === 1 && only?.op === "batchNorm" ? only : undefined;
}

/**
 * The weights that go with `foldedLayers`: with s = weight / sqrt(running_var + epsilon), a convolution's filters are scaled by s
 * and its bias becomes bias s + (offset - running_mean s). A batch norm that stays gets `weight` s and `bias` offset - running_mean s.
 *
 * The caller frees them.
 */
export function foldedParameters(network: Network, parameters: Parameters): Parameters {
  const made: Parameters = new Map();
  const normOf = new Map<string, BatchNormLayer>();
  for (const layer of network.layers) if (layer.op === "batchNorm") normOf.set(layer.output, layer);
  for (const layer of foldedLayers(network)) {
    if (layer.op === "conv") {
      const norm = normOf.get(layer.output);
      foldConvolution(layer, norm, parameters, made);
    } else if (layer.op === "batchNorm") {
      const { scale, offset } = scaleAndOffset(layer, parameters);
      made.set(`${layer.name}.weight`, scale);
      made.set(`${layer.name}.bias`, offset);
    } else if (layer.op === "linear") {
      for (const key of ["weight", "bias"]) copy(`${layer.name}.${key}`, parameters, made);
    }
  }
  return made;
}

function foldConvolution(
  layer: ConvLayer,
  norm: BatchNormLayer | undefined,
  parameters: Parameters,
  made: Parameters,
): void {
  const weightName = `${layer.name}.weight`;
  const biasName = `${layer.name}.bias`;
  if (!norm) {
    copy(weightName, parameters, made);
    if (layer.bias) copy(biasName, parameters, made);
    return;
  }
  const { scale, offset } = scaleAndOffset(norm, parameters);
  const filter = parameter<Tensor4D>(parameters, weightName);
  made.set(
    weightName,
    tf.tidy(() => tf.mul(filter, layer.groups === 1 ? scale : scale.reshape([layer.channels, 1]))),
  );
  const ownBias = parameters.get(biasName);
  made.set(biasName, ownBias ? tf.tidy(() => tf.add(tf.mul(ownBias, scale), offset)) : tf.clone(offset));
  tf.dispose([scale, offset]);
}

function scaleAndOffset(norm: BatchNormLayer, parameters: Parameters): { scale: Tensor1D; offset: Tensor1D } {
  const [weight, bias, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((key) =>
    parameter<Tensor1D>(parameters, `${norm.name}.${key}`),
  ) as [Tensor1D, Tensor1D, Tensor1D, Tensor1D];
  return tf.tidy(() => {
    const scale = tf.mul<Tensor1D>(weight, tf.rsqrt(tf.add(variance, BATCH_NORM_EPSILON)));
    return { scale, offset: tf.sub<Tensor1D>(bias, tf.mul(mean, scale)) };
  });
}

function copy(name: string, from: ReadonlyMap<string, Tensor>, to: Parameters): void {
  to.set(name, tf.clone(parameter(from, name)));
}
