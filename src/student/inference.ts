import { predictBy, type AttackTarget, type LossGradient } from "../attacks/target.js";
import { logitLoss, type LogitLoss } from "../attacks/logit-loss.js";
import { releasedAfter } from "../graph/liveness.js";
import type { ConvLayer, Layer, Network } from "../graph/network.js";
import { tf, type Tensor, type Tensor2D, type Tensor3D, type Tensor4D } from "../runtime/tensorflow.js";
import { foldedLayers, foldedParameters } from "./fold.js";
import * as kernels from "./kernels.js";
import {
  accumulate,
  backwardShared,
  forwardShared,
  keptForGradient,
  normalize,
  normalizeGradient,
  ValueStore,
} from "./passes.js";
import { disposeParameters, parameter, type Parameters } from "./parameters.js";
import { winogradConvolution, winogradFilter, winogradInputGradient, winogradPays } from "./winograd.js";

/** A student in inference mode, as attacks and evaluation see it: its weights at the time it was made, batch norm folded in. */
export interface InferenceStudent extends AttackTarget {
  dispose(): void;
}

/** Makes an inference student from the current weights; later changes to the parameters do not affect it. */
export function inferenceStudent(network: Network, parameters: Parameters): InferenceStudent {
  const layers = foldedLayers(network);
  const weights = foldedParameters(network, parameters);
  for (const tensor of weights.values()) tf.keep(tensor);
  const releasedForward = releasedAfter(layers, new Set([network.output]));
  const releasedWithGradient = releasedAfter(layers, valuesOfGradient(layers, network.output));

  function forward(images: Tensor4D, released: string[][]): ValueStore {
    const values = new ValueStore();
    values.set("images", normalize(images, network.normalization));
    for (const [index, layer] of layers.entries()) {
      values.set(layer.output, forwardLayer(layer, values, weights));
      for (const name of released[index] ?? []) values.dispose(name);
    }
    return values;
  }

  function logits(images: Tensor4D): Tensor2D {
    const values = forward(images, releasedForward);
    return values.take<Tensor2D>(network.output);
  }

  return {
    classes: network.classes,
    logits,
    predict: predictBy(logits),
    lossGradient(images, loss: LogitLoss): LossGradient {
      const values = forward(images, releasedWithGradient);
      const logits = values.take<Tensor2D>(network.output);
      const { loss: each, gradient: logitsGradient } = logitLoss(logits, loss);
      const flowing = new ValueStore();
      flowing.set(network.output, logitsGradient);
      for (const layer of layers.toReversed()) {
        const outputGradient = flowing.take(layer.output);
        backwardLayer(layer, values, weights, flowing, outputGradient);
        outputGradient.dispose();
        values.dispose(layer.output);
      }
      const inputGradient = flowing.take<Tensor4D>("images");
      const gradient = normalizeGradient(inputGradient, network.normalization);
      inputGradient.dispose();
      values.disposeAll();
      return { loss: each, logits, gradient };
    },
    dispose() {
      disposeParameters(weights);
      // An attack that drops fooled images leaves a shape for every number of images that it came down to.
      kernels.freeShapes();
    },
  };
}

function forwardLayer(layer: Layer, values: ValueStore, weights: Parameters): Tensor {
  switch (layer.op) {
    case "conv": {
      const output = convolution(layer, values.get(layer.input), weights);
      if (!layer.bias) return output;
      const biased = kernels.biasAdd(output, parameter(weights, `${layer.name}.bias`));
      output.dispose();
      return biased;
    }
    case "batchNorm":
      return tf.tidy(() => {
        const scaled = tf.mul<Tensor4D>(values.get(layer.input), parameter(weights, `${layer.name}.weight`));
        return kernels.biasAdd(scaled, parameter(weights, `${layer.name}.bias`));
      });
    case "linear":
      return kernels.linear(
        values.get(layer.input),
        parameter(weights, `${layer.name}.weight`),
        parameter(weights, `${layer.name}.bias`),
      );
    default:
      return forwardShared(layer, values);
  }
}

function backwardLayer(
  layer: Layer,
  values: ValueStore,
  weights: Parameters,
  flowing: ValueStore,
  outputGradient: Tensor,
): void {
  switch (layer.op) {
    case "conv": {
      const shape = values.shape(layer.input);
      const gradient = convolutionInputGradient(layer, shape, outputGradient as Tensor4D, weights);
      accumulate(flowing, layer.input, gradient);
      return;
    }
    case "batchNorm":
      accumulate(flowing, layer.input, tf.mul(outputGradient, parameter(weights, `${layer.name}.weight`)));
      return;
    case "linear": {
      const weight = parameter<Tensor2D>(weights, `${layer.name}.weight`);
      accumulate(flowing, layer.input, tf.matMul(outputGradient, weight));
      return;
    }
    default:
      backwardShared(layer, values, flowing, outputGradient);
  }
}

function convolution(layer: ConvLayer, input: Tensor4D, weights: Parameters): Tensor4D {
  if (winogradPays(layer, input.shape)) return winogradConvolution(input, transformedFilter(layer, weights));
  return kernels.convolution(input, parameter(weights, `${layer.name}.weight`), layer);
}

function convolutionInputGradient(
  layer: ConvLayer,
  inputShape: readonly number[],
  outputGradient: Tensor4D,
  weights: Parameters,
): Tensor4D {
  if (winogradPays(layer, inputShape))
    return winogradInputGradient(outputGradient, transformedFilter(layer, weights));
  const filter = parameter<Tensor4D>(weights, `${layer.name}.weight`);
  return kernels.convolutionInputGradient(inputShape, filter, outputGradient, layer);
}

/** The filter's Winograd transform, made when first needed and kept with the weights: an attack uses it many times. */
function transformedFilter(layer: ConvLayer, weights: Parameters): Tensor3D {
  const name = `${layer.name}.weight.winograd`;
  const made = weights.get(name) ?? tf.keep(winogradFilter(parameter(weights, `${layer.name}.weight`)));
  weights.set(name, made);
  return made as Tensor3D;
}

/** The values to keep for the gradient: only activations are read again on the way back. */
function valuesOfGradient(layers: readonly Layer[], output: string): Set<string> {
  const kept = layers.flatMap((layer) => (layer.op === "activation" ? [keptForGradient(layer)] : []));
  return new Set([...kept, output]);
}
