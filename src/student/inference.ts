import { type Ball, stepInBall } from "../attacks/ball.js";
import { predictBy, type Ascent, type AttackTarget, type LossGradient } from "../attacks/target.js";
import { logitLoss, type LogitLoss } from "../attacks/logit-loss.js";
import { valueShapes } from "../graph/image-fit.js";
import { releasedAfter } from "../graph/liveness.js";
import type { ConvLayer, Layer, Network } from "../graph/network.js";
import {
  compiled,
  type CompileOptions,
  isCompiling,
  type NamedTensors,
  together,
  usesXla,
} from "../runtime/compiled.js";
import { tensorflowDevice, threadCount } from "../runtime/device.js";
import { inPrecision, type Precision } from "../runtime/precision.js";
import {
  tf,
  type Tensor,
  type Tensor1D,
  type Tensor2D,
  type Tensor3D,
  type Tensor4D,
} from "../runtime/tensorflow.js";
import { batchSize, ofSize } from "./batch-size.js";
import { measureContests } from "./contests.js";
import { foldedLayers, foldedParameters } from "./fold.js";
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
import { disposeParameters, parameter, type Parameters } from "./parameters.js";
import { winogradConvolution, winogradFilter, winogradInputGradient, winogradPays } from "./winograd.js";

/** A student in inference mode, as attacks and evaluation see it: its weights at the time it was made, batch norm folded in. */
export interface InferenceStudent extends AttackTarget {
  dispose(): void;
}

/** How an inference student computes. */
export interface InferenceOptions extends CompileOptions {
  /** The arithmetic between the images and the logits; float32 by default. */
  readonly precision?: Precision;
  /** Whether batches of sizes that differ little share a function: the smaller ones are filled with black images. */
  readonly rounded?: boolean;
}

/** For students that are measured: attacks drop the images that they fooled, so batches are of many sizes, each for a few calls. */
export const MEASURED: InferenceOptions = { after: 4, rounded: true };

/** Makes an inference student from the current weights; later changes to the parameters do not affect it. */
export function inferenceStudent(
  network: Network,
  parameters: Parameters,
  { precision = "float32", rounded = false, ...compiling }: InferenceOptions = {},
): InferenceStudent {
  const layers = foldedLayers(network);
  const weights = foldedParameters(network, parameters);
  const transformed = new Set<string>();
  for (const tensor of weights.values()) tf.keep(tensor);
  const releasedForward = releasedAfter(layers, new Set([network.output]));
  const releasedWithGradient = releasedAfter(layers, valuesOfGradient(layers, network.output));

  function forward(given: NamedTensors, released: string[][]): ValueStore {
    const values = new ValueStore();
    values.set("images", normalize(parameter(given, "images"), network.normalization));
    for (const [index, layer] of layers.entries()) {
      const output = inPrecision(precisionOf(layer, precision), () => forwardLayer(layer, values, given));
      values.set(layer.output, output);
      for (const name of released[index] ?? []) values.dispose(name);
    }
    return values;
  }

  function withGradient(given: NamedTensors, kind: LogitLoss["kind"]): NamedTensors {
    const values = forward(given, releasedWithGradient);
    const logits = values.take<Tensor2D>(network.output);
    const { loss, gradient: logitsGradient } = logitLoss(logits, {
      kind,
      ...Object.fromEntries(given),
    } as LogitLoss);
    const flowing = new ValueStore();
    flowing.set(network.output, logitsGradient);
    const kept = keptValues(layers, parameter(given, "images").shape, (name) => values.get(name));
    for (const layer of layers.toReversed()) {
      const outputGradient = flowing.take(layer.output);
      inPrecision(precisionOf(layer, precision), () =>
        backwardLayer(layer, kept, given, flowing, outputGradient),
      );
      outputGradient.dispose();
      values.dispose(layer.output);
    }
    const inputGradient = flowing.take<Tensor4D>("images");
    const gradient = normalizeGradient(inputGradient, network.normalization);
    inputGradient.dispose();
    values.disposeAll();
    return new Map<string, Tensor>([
      ["loss", loss],
      ["logits", logits],
      ["gradient", gradient],
    ]);
  }

  /** Runs a pass, so often, on images, the weights and whatever else it reads. */
  function run(
    key: string,
    images: Tensor4D,
    others: object,
    pass: (given: NamedTensors) => NamedTensors,
    times = 1,
  ) {
    if (precision === "float32") {
      measureContests(network, layers, "attack", images.shape);
      transformFilters(images);
    }
    const batch = new Map<string, Tensor>(Object.entries({ images, ...others }));
    const { size, parts } = batchSize(images.shape[0], threadsForParts(), rounded && isCompiling());
    const division = parts > 1 ? { division: { parts, rows: [...batch.keys()] } } : {};
    return ofSize(size, batch, (filled) =>
      compiled(network, `${key} in ${precision}`, together(weights, filled), pass, {
        ...compiling,
        ...division,
        repeated: { times, input: "images" },
      }),
    );
  }

  /** Adds the Winograd transforms of filters, where they pay for images of this size, to the weights: an attack uses them many times. */
  function transformFilters({ shape: [count, height, width, channels] }: Tensor4D): void {
    const size = `${height}x${width}`;
    if (transformed.has(size)) return;
    transformed.add(size);
    const shapes = valueShapes(layers, { height, width, channels });
    for (const layer of layers) {
      if (layer.op !== "conv" || weights.has(transformName(layer))) continue;
      const input = shapes.get(layer.input);
      if (!input || !winogradPays(layer, [count, input.height, input.width])) continue;
      weights.set(transformName(layer), tf.keep(winogradFilter(parameter(weights, `${layer.name}.weight`))));
    }
  }

  function logits(images: Tensor4D): Tensor2D {
    const pass = (given: NamedTensors): NamedTensors => {
      const values = forward(given, releasedForward);
      return new Map([["logits", values.take(network.output)]]);
    };
    return parameter(run("logits", images, {}, pass), "logits");
  }

  function lossGradient(images: Tensor4D, { kind, ...tensors }: LogitLoss): LossGradient {
    const made = run(`gradient of ${kind}`, images, tensors, (given) => withGradient(given, kind));
    return {
      loss: parameter<Tensor1D>(made, "loss"),
      logits: parameter<Tensor2D>(made, "logits"),
      gradient: parameter<Tensor4D>(made, "gradient"),
    };
  }

  /** One step is compiled, and repeated: with all steps in it, a function would take as many times as long to make. */
  function climb(
    start: Tensor4D,
    { kind, ...tensors }: LogitLoss,
    { ball, stepSize, steps }: Ascent,
  ): Tensor4D {
    const { name, tensors: walls, from } = tracedBall(ball);
    const step = (given: NamedTensors): NamedTensors => {
      const made = withGradient(given, kind);
      const [images, gradient] = [
        parameter<Tensor4D>(given, "images"),
        parameter<Tensor4D>(made, "gradient"),
      ];
      const next = stepInBall(images, gradient, stepSize, from(given));
      tf.dispose([...made.values()]);
      return new Map([["images", next]]);
    };
    const key = `${steps} steps of ${stepSize} up ${kind} in ${name}`;
    return parameter(run(key, start, { ...walls, ...tensors }, step, steps), "images");
  }

  return {
    classes: network.classes,
    logits,
    predict: predictBy(logits),
    lossGradient: Object.assign(lossGradient, { climb }),
    dispose() {
      disposeParameters(weights);
      // An attack that drops fooled images leaves a shape for every number of images that it came down to.
      kernels.freeShapes();
    },
  };
}

/** A ball's tensors, which a traced step is given, the ball made of those it is given, and a name for the rest of it. */
function tracedBall(ball: Ball): {
  name: string;
  tensors: Readonly<Record<string, Tensor4D>>;
  from: (given: NamedTensors) => Ball;
} {
  if (ball.norm === "l2") {
    const { norm, centres, epsilon } = ball;
    const from = (given: NamedTensors): Ball => ({ norm, centres: parameter(given, "centres"), epsilon });
    return { name: `${norm} within ${epsilon}`, tensors: { centres }, from };
  }
  const { norm, lower, upper } = ball;
  const from = (given: NamedTensors): Ball => ({
    norm,
    lower: parameter(given, "lower"),
    upper: parameter(given, "upper"),
  });
  return { name: norm, tensors: { lower, upper }, from };
}

/** On how many threads parts of a batch can run at once; kernels of a GPU have it to themselves, as XLA's have the processor. */
function threadsForParts(): number {
  return isCompiling() && !usesXla() && tensorflowDevice(tf) === "cpu" ? threadCount() : 1;
}

function forwardLayer(layer: Layer, values: ValueStore, weights: NamedTensors): Tensor {
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
  kept: KeptValues,
  weights: NamedTensors,
  flowing: ValueStore,
  outputGradient: Tensor,
): void {
  switch (layer.op) {
    case "conv": {
      const shape = kept.shape(layer.input);
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
      backwardShared(layer, kept, flowing, outputGradient);
  }
}

function convolution(layer: ConvLayer, input: Tensor4D, weights: NamedTensors): Tensor4D {
  const transformed = weights.get(transformName(layer));
  if (transformed) return winogradConvolution(input, transformed as Tensor3D);
  return kernels.convolution(input, parameter(weights, `${layer.name}.weight`), layer);
}

function convolutionInputGradient(
  layer: ConvLayer,
  inputShape: readonly number[],
  outputGradient: Tensor4D,
  weights: NamedTensors,
): Tensor4D {
  const transformed = weights.get(transformName(layer));
  if (transformed) return winogradInputGradient(outputGradient, transformed as Tensor3D);
  const filter = parameter<Tensor4D>(weights, `${layer.name}.weight`);
  return kernels.convolutionInputGradient(inputShape, filter, outputGradient, layer);
}

const transformName = (layer: ConvLayer): string => `${layer.name}.weight.winograd`;

/** The values to keep for the gradient: only activations are read again on the way back. */
function valuesOfGradient(layers: readonly Layer[], output: string): Set<string> {
  const kept = layers.flatMap((layer) => (layer.op === "activation" ? [keptForGradient(layer)] : []));
  return new Set([...kept, output]);
}
