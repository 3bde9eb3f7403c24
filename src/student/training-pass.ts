import type { Layer, Network } from "../graph/network.js";
import { releasedAfter } from "../graph/liveness.js";
import { compiled, type NamedTensors, together } from "../runtime/compiled.js";
import { inPrecision, type Precision } from "../runtime/precision.js";
import { tf, type Tensor, type Tensor1D, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
import { measureContests } from "./contests.js";
import * as kernels from "./kernels.js";
import {
  accumulate,
  backwardShared,
  forwardShared,
  keptForGradient,
  type KeptValues,
  keptValues,
  normalize,
  normalizeGradient,
  precisionOf,
  ValueStore,
} from "./passes.js";
import { disposeParameters, parameter, replaceParameter, type Parameters } from "./parameters.js";

/** A training forward pass, holding what its backward pass reads. */
export interface TrainingPass {
  readonly logits: Tensor2D;
  /** The shape of its images, `[N, H, W, C]`. */
  readonly images: readonly number[];
  /** The logits, the values that the backward pass reads, and what batch norms keep for theirs, by `savedName`. */
  readonly kept: Parameters;
}

/** What a training forward pass is for. */
export interface TrainingPassOptions {
  /** Whether the running statistics take in the batch's, as in training, or stay as they are. */
  readonly statistics: "moved" | "kept";
  /** Which gradients the backward pass will compute; the pass keeps only what they need. */
  readonly gradients: "parameters" | "images";
  /** The arithmetic of convolutions and what is between them; statistics, parameters and logits are float32. */
  readonly precision?: Precision;
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
  { statistics, gradients, precision = "float32" } = TRAINING,
): TrainingPass {
  const inputs = together(parameters, new Map([["images", images]]));
  const key = `forward for ${gradients} in ${precision}`;
  const made = new Map(
    compiled(network, key, inputs, (given) => forward(network, given, gradients, precision)),
  );
  for (const name of statisticNames(network)) {
    const moved = parameter(made, name);
    if (statistics === "moved") replaceParameter(parameters, name, moved);
    else moved.dispose();
    made.delete(name);
  }
  return { logits: parameter(made, network.output), images: images.shape, kept: made };
}

/** Frees a pass without computing a gradient. */
export function freePass({ kept }: TrainingPass): void {
  disposeParameters(kept);
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
  precision: Precision = "float32",
): void {
  if (precision === "float32") measureContests(network, network.layers, "training", pass.images);
  const before = [...gradients];
  const inputs = backwardInputs(parameters, pass, logitsGradient);
  for (const [name, gradient] of before) inputs.set(`before ${name}`, gradient);
  const key = `backward ${before.length} in ${precision}`;
  const made = compiled(network, key, inputs, (given) => {
    const flown = new Map<string, Tensor>();
    backward(network, pass.images, given, flown, precision).disposeAll();
    for (const [name] of before) collect(flown, name, kernels.identity(parameter(given, `before ${name}`)));
    return precision === "float32" ? flown : inFloat32(flown);
  });
  disposeParameters(gradients);
  for (const [name, gradient] of made) gradients.set(name, gradient);
  freePass(pass);
}

/** The gradient of a loss with respect to the images of a pass, given that with respect to the logits; the pass is freed. */
export function trainingInputGradient(
  network: Network,
  parameters: Parameters,
  pass: TrainingPass,
  logitsGradient: Tensor2D,
  precision: Precision = "float32",
): Tensor4D {
  const inputs = backwardInputs(parameters, pass, logitsGradient);
  const made = compiled(network, `backward to images in ${precision}`, inputs, (given) => {
    const flowing = backward(network, pass.images, given, null, precision);
    const gradient = normalizeGradient(flowing.get("images"), network.normalization);
    flowing.disposeAll();
    return new Map([["images", gradient]]);
  });
  freePass(pass);
  return parameter(made, "images");
}

function backwardInputs(parameters: Parameters, pass: TrainingPass, logitsGradient: Tensor2D): Parameters {
  const inputs = together(parameters, new Map([["gradient", logitsGradient]]));
  for (const [name, tensor] of pass.kept) inputs.set(keptName(name), tensor);
  return inputs;
}

/** What a kept tensor is called among the inputs of a backward pass, where parameters have names alike. */
const keptName = (name: string): string => `kept ${name}`;
const savedName = (norm: string, index: number): string => `${norm} saved ${index}`;
const SAVED = [0, 1, 2] as const;

/** The running statistics, which a forward pass makes anew. */
function statisticNames(network: Network): string[] {
  return network.layers.flatMap((layer) =>
    layer.op === "batchNorm" ? [`${layer.name}.running_mean`, `${layer.name}.running_var`] : [],
  );
}

/** What a forward pass makes: the values that are kept, what batch norms save, and the moved statistics. */
function forward(
  network: Network,
  given: NamedTensors,
  gradients: TrainingPassOptions["gradients"],
  precision: Precision,
): Parameters {
  const values = new ValueStore();
  const made: Parameters = new Map();
  const kept = valuesOfBackward(network, gradients);
  values.set("images", normalize(parameter(given, "images"), network.normalization));
  const released = releasedAfter(network.layers, kept);
  for (const [index, layer] of network.layers.entries()) {
    const run = (): Tensor => forwardLayer(layer, values, given, made);
    values.set(layer.output, inPrecision(precisionOf(layer, precision), run));
    for (const name of released[index] ?? []) values.dispose(name);
  }
  for (const name of kept) made.set(name, values.take(name));
  values.disposeAll();
  return made;
}

/** Collects the parameters' gradients in `gradients`, or, if that is null, returns the gradient that flows into the images. */
function backward(
  network: Network,
  images: readonly number[],
  given: NamedTensors,
  gradients: Map<string, Tensor> | null,
  precision: Precision,
): ValueStore {
  const flowing = new ValueStore();
  const kept = keptValues(network.layers, images, (name) => parameter(given, keptName(name)));
  flowing.set(network.output, tf.clone(parameter(given, "gradient")));
  for (const layer of network.layers.toReversed()) {
    const outputGradient = flowing.take(layer.output);
    inPrecision(precisionOf(layer, precision), () =>
      backwardLayer(layer, kept, given, flowing, outputGradient, gradients),
    );
    outputGradient.dispose();
  }
  return flowing;
}

function backwardLayer(
  layer: Layer,
  kept: KeptValues,
  given: NamedTensors,
  flowing: ValueStore,
  outputGradient: Tensor,
  gradients: Map<string, Tensor> | null,
): void {
  switch (layer.op) {
    case "conv": {
      const filter = parameter<Tensor4D>(given, `${layer.name}.weight`);
      const gradient = outputGradient as Tensor4D;
      if (gradients) {
        const input = kept.get<Tensor4D>(layer.input);
        const filterGradient = kernels.convolutionFilterGradient(input, filter.shape, gradient, layer);
        collect(gradients, `${layer.name}.weight`, filterGradient);
        if (layer.bias) collect(gradients, `${layer.name}.bias`, kernels.biasGradient(gradient));
      }
      if (gradients && layer.input === "images") return;
      const inputGradient = kernels.convolutionInputGradient(
        kept.shape(layer.input),
        filter,
        gradient,
        layer,
      );
      accumulate(flowing, layer.input, inputGradient);
      return;
    }
    case "batchNorm": {
      const saved = SAVED.map((index) => kept.get(savedName(layer.name, index)));
      const gradient = kernels.batchNormGradient(
        kept.get<Tensor4D>(layer.input),
        parameter<Tensor1D>(given, `${layer.name}.weight`),
        outputGradient as Tensor4D,
        saved as kernels.BatchNormResult["saved"],
      );
      if (gradients) {
        collect(gradients, `${layer.name}.weight`, gradient.scale);
        collect(gradients, `${layer.name}.bias`, gradient.offset);
      } else {
        tf.dispose([gradient.scale, gradient.offset]);
      }
      accumulate(flowing, layer.input, gradient.input);
      return;
    }
    case "linear": {
      const gradient = outputGradient as Tensor2D;
      if (gradients) {
        const input = kept.get<Tensor2D>(layer.input);
        collect(gradients, `${layer.name}.weight`, tf.matMul(gradient, input, true, false));
        collect(gradients, `${layer.name}.bias`, kernels.biasGradient(gradient));
      }
      accumulate(
        flowing,
        layer.input,
        tf.matMul(gradient, parameter<Tensor2D>(given, `${layer.name}.weight`)),
      );
      return;
    }
    default:
      backwardShared(layer, kept, flowing, outputGradient);
  }
}

function forwardLayer(layer: Layer, values: ValueStore, given: NamedTensors, made: Parameters): Tensor {
  switch (layer.op) {
    case "conv": {
      const filter = parameter<Tensor4D>(given, `${layer.name}.weight`);
      const output = kernels.convolution(values.get(layer.input), filter, layer);
      return layer.bias ? addBias(output, parameter(given, `${layer.name}.bias`)) : output;
    }
    case "batchNorm": {
      const [scale, offset, mean, variance] = ["weight", "bias", "running_mean", "running_var"].map((key) =>
        parameter<Tensor1D>(given, `${layer.name}.${key}`),
      ) as [Tensor1D, Tensor1D, Tensor1D, Tensor1D];
      const result = kernels.batchNorm(values.get(layer.input), scale, offset, mean, variance);
      made.set(`${layer.name}.running_mean`, result.runningMean);
      made.set(`${layer.name}.running_var`, result.runningVariance);
      for (const index of SAVED) made.set(savedName(layer.name, index), result.saved[index]);
      return result.output;
    }
    case "linear":
      return kernels.linear(
        values.get(layer.input),
        parameter(given, `${layer.name}.weight`),
        parameter(given, `${layer.name}.bias`),
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

function inFloat32(tensors: ReadonlyMap<string, Tensor>): Map<string, Tensor> {
  return new Map([...tensors].map(([name, tensor]) => [name, kernels.identity(tensor)]));
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
