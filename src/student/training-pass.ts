import type { Layer, Network } from "../graph/network.js";
import { releasedAfter } from "../graph/liveness.js";
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
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
import { parameter, replaceParameter, type Parameters } from "./parameters.js";

/** A training forward pass, holding what its backward pass reads. */
export interface TrainingPass {
  readonly logits: Tensor2D;
  readonly values: ValueStore;
  readonly norms: Map<string, kernels.BatchNormResult["saved"]>;
}

/** What a training forward pass is for. */
export interface TrainingPassOptions {
  /** Whether the running statistics take in the batch's, as in training, or stay as they are. */
  readonly statistics: "moved" | "kept";
  /** Which gradients the backward pass will compute; the pass keeps only what they need. */
  readonly gradients: "parameters" | "images";
}

const TRAINING: TrainingPassOptions = { statistics: "moved", gradients: "parameters" };

/**
 * Runs a network in training mode on images `[N, H, W, C]`: batch norm uses the batch's own statistics and moves the running ones.
 *
 * The pass is freed by `trainingBackward` or `trainingInputGradient`, or by `freePass`.
 */
export function trainingForward(
  network: Network,
  parameters: Parameters,
  images: Tensor4D,
  { statistics, gradients } = TRAINING,
): TrainingPass {
  const values = new ValueStore();
  const norms: TrainingPass["norms"] = new Map();
  values.set("images", normalize(images, network.normalization));
  const released = releasedAfter(network.layers, valuesOfBackward(network, gradients));
  for (const [index, layer] of network.layers.entries()) {
    values.set(layer.output, forwardLayer(layer, values, parameters, norms, statistics));
    for (const name of released[index] ?? []) values.dispose(name);
  }
  return { logits: values.get(network.output), values, norms };
}

/** Frees a pass without computing a gradient. */
export function freePass({ values, norms }: TrainingPass): void {
  values.disposeAll();
  for (const saved of norms.values()) tf.dispose(saved);
  norms.clear();
}

/**
 * The gradients of a loss with respect to every trained parameter, by name, given its gradient with respect to the logits.
 *
 * They are added to `gradients`, whose tensors the caller frees; the pass is freed.
 */
export function trainingBackward(
  network: Network,
  parameters: Parameters,
  pass: TrainingPass,
  logitsGradient: Tensor2D,
  gradients: Map<string, Tensor>,
): void {
  backward(network, parameters, pass, logitsGradient, gradients).disposeAll();
}

/** The gradient of a loss with respect to the images of a pass, given that with respect to the logits; the pass is freed. */
export function trainingInputGradient(
  network: Network,
  parameters: Parameters,
  pass: TrainingPass,
  logitsGradient: Tensor2D,
): Tensor4D {
  const flowing = backward(network, parameters, pass, logitsGradient, null);
  const gradient = normalizeGradient(flowing.get("images"), network.normalization);
  flowing.disposeAll();
  return gradient;
}

/** Collects the parameters' gradients in `gradients`, or, if that is null, returns the gradient that flows into the images. */
function backward(
  network: Network,
  parameters: Parameters,
  pass: TrainingPass,
  logitsGradient: Tensor2D,
  gradients: Map<string, Tensor> | null,
): ValueStore {
  const { values, norms } = pass;
  const flowing = new ValueStore();
  flowing.set(network.output, tf.clone(logitsGradient));
  for (const layer of network.layers.toReversed()) {
    const outputGradient = flowing.take(layer.output);
    if (layer.op === "conv") {
      const filter = parameter<Tensor4D>(parameters, `${layer.name}.weight`);
      const gradient = outputGradient as Tensor4D;
      if (gradients) {
        const input = values.get<Tensor4D>(layer.input);
        collect(
          gradients,
          `${layer.name}.weight`,
          kernels.convolutionFilterGradient(input, filter.shape, gradient, layer),
        );
        if (layer.bias) collect(gradients, `${layer.name}.bias`, kernels.biasGradient(gradient));
      }
      if (!gradients || layer.input !== "images") {
        const shape = values.shape(layer.input);
        accumulate(flowing, layer.input, kernels.convolutionInputGradient(shape, filter, gradient, layer));
      }
    } else if (layer.op === "batchNorm") {
      const saved = norms.get(layer.name);
      if (!saved) throw new Error(`the forward pass left no statistics for "${layer.name}"`);
      const scale = parameter<Tensor1D>(parameters, `${layer.name}.weight`);
      const input = values.get<Tensor4D>(layer.input);
      const gradient = kernels.batchNormGradient(input, scale, outputGradient as Tensor4D, saved);
      tf.dispose(saved);
      if (gradients) {
        collect(gradients, `${layer.name}.weight`, gradient.scale);
        collect(gradients, `${layer.name}.bias`, gradient.offset);
      } else {
        tf.dispose([gradient.scale, gradient.offset]);
      }
      accumulate(flowing, layer.input, gradient.input);
    } else if (layer.op === "linear") {
      const gradient = outputGradient as Tensor2D;
      if (gradients) {
        const input = values.get<Tensor2D>(layer.input);
        collect(gradients, `${layer.name}.weight`, tf.matMul(gradient, input, true, false));
        collect(gradients, `${layer.name}.bias`, kernels.biasGradient(gradient));
      }
      accumulate(
        flowing,
        layer.input,
        tf.matMul(gradient, parameter<Tensor2D>(parameters, `${layer.name}.weight`)),
      );
    } else {
      backwardShared(layer, values, flowing, outputGradient);
    }
    outputGradient.dispose();
  }
  values.disposeAll();
  return flowing;
}

function forwardLayer(
  layer: Layer,
  values: ValueStore,
  parameters: Parameters,
  norms: TrainingPass["norms"],
  statistics: TrainingPassOptions["statistics"],
): Tensor {
  switch (layer.op) {
    case "conv": {
      const filter = parameter<Tensor4D>(parameters, `${layer.name}.weight`);
      const output = kernels.convolution(values.get(layer.input), filter, layer);
      return layer.bias ? addBias(output, parameter(parameters, `${layer.name}.bias`)) : output;
    }
    case "batchNorm": {
      const [scale, offset, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((key) =>
        parameter<Tensor1D>(parameters, `${layer.name}.${key}`),
      ) as [Tensor1D, Tensor1D, Tensor1D, Tensor1D];
      const result = kernels.batchNorm(values.get(layer.input), scale, offset, mean, variance);
      if (statistics === "moved") {
        replaceParameter(parameters, `${layer.name}.running_mean`, result.runningMean);
        replaceParameter(parameters, `${layer.name}.running_var`, result.runningVariance);
      } else {
        tf.dispose([result.runningMean, result.runningVariance]);
      }
      norms.set(layer.name, result.saved);
      return result.output;
    }
    case "linear":
      return kernels.linear(
        values.get(layer.input),
        parameter(parameters, `${layer.name}.weight`),
        parameter(parameters, `${layer.name}.bias`),
      );
    default:
      return forwardShared(layer, values);
  }
}

function addBias(output: Tensor4D, bias: Tensor1D): Tensor4D {
  const biased = kernels.biasAdd(output, bias);
  output.dispose();
  return biased;
}

/** The values the backward pass reads: what activations keep, batch norms' inputs and, for parameters' gradients, their layers' inputs. */
function valuesOfBackward(network: Network, gradients: TrainingPassOptions["gradients"]): Set<string> {
  const names = network.layers.flatMap((layer) => {
    if (layer.op === "activation") return [keptForGradient(layer)];
    if (layer.op === "batchNorm") return [layer.input];
    return gradients === "parameters" && "name" in layer ? [layer.input] : [];
  });
  return new Set([...names, network.output]);
}

function collect(gradients: Map<string, Tensor>, name: string, gradient: Tensor): void {
  const before = gradients.get(name);
  if (!before) {
    gradients.set(name, gradient);
    return;
  }
  gradients.set(name, kernels.add(before, gradient));
  before.dispose();
  gradient.dispose();
}
