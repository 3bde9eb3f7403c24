import { valueShapes } from "../graph/image-fit.js";
import type { ActivationLayer, Layer, Normalization } from "../graph/network.js";
import type { Precision } from "../runtime/precision.js";
import { tf, type Tensor, type Tensor2D, type Tensor4D } from "../runtime/tensorflow.js";
import * as kernels from "./kernels.js";

/** Layers without parameters: they run alike in training and in inference. */
type SharedLayer = Extract<Layer, { op: "activation" | "add" | "subsample" | "globalAveragePool" }>;

/** The tensors of a pass by value name; it owns them. */
export class ValueStore {
  readonly #tensors = new Map<string, Tensor>();

  set(name: string, tensor: Tensor): void {
    this.#tensors.set(name, tensor);
  }

  has(name: string): boolean {
    return this.#tensors.has(name);
  }

  /** The tensor of a name; still owned by the store. */
  get<T extends Tensor>(name: string): T {
    const tensor = this.#tensors.get(name);
    if (!tensor) throw new Error(`the pass holds no value "${name}"`);
    return tensor as T;
  }

  /** The tensor of a name, handed over to the caller. */
  take<T extends Tensor>(name: string): T {
    const tensor = this.get<T>(name);
    this.#tensors.delete(name);
    return tensor;
  }

  dispose(name: string): void {
    this.#tensors.get(name)?.dispose();
    this.#tensors.delete(name);
  }

  disposeAll(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }
}

/**
 * The arithmetic of a layer in a pass of some precision: the last layers, from the pool on, are float32 in any, as they are small and
 * their errors are the logits'.
 */
export function precisionOf({ op }: Layer, precision: Precision): Precision {
  return op === "globalAveragePool" || op === "linear" ? "float32" : precision;
}

/** What a backward pass reads of the forward pass. */
export interface KeptValues {
  /** A value that was kept. */
  readonly get: <T extends Tensor>(name: string) => T;
  /** The shape `[N, H, W, C]` of any value before the pool. */
  readonly shape: (name: string) => readonly number[];
}

/** The values of a pass on `count` images of a shape, as far as they are still there. */
export function keptValues(
  layers: readonly Layer[],
  [count = 0, height = 0, width = 0, channels = 0]: readonly number[],
  get: KeptValues["get"],
): KeptValues {
  const shapes = valueShapes(layers, { height, width, channels });
  return {
    get,
    shape(name) {
      const shape = shapes.get(name);
      if (!shape) throw new Error(`the pass makes no value "${name}"`);
      return [count, shape.height, shape.width, shape.channels];
    },
  };
}

/** Adds a gradient to what already flows into a value, and takes ownership of it. */
export function accumulate(flowing: ValueStore, name: string, gradient: Tensor): void {
  if (!flowing.has(name)) {
    flowing.set(name, gradient);
    return;
  }
  const before = flowing.take(name);
  flowing.set(name, kernels.add(before, gradient));
  before.dispose();
  gradient.dispose();
}

/** The output of a layer without parameters. */
export function forwardShared(layer: SharedLayer, values: ValueStore): Tensor {
  switch (layer.op) {
    case "activation":
      return layer.function === "relu"
        ? kernels.relu(values.get(layer.input))
        : kernels.silu(values.get(layer.input));
    case "add":
      return kernels.add(values.get(layer.inputs[0]), values.get(layer.inputs[1]));
    case "subsample":
      return tf.tidy(() => {
        const sampled = kernels.subsample(values.get(layer.input), layer.stride);
        return tf.pad4d(sampled, [
          [0, 0],
          [0, 0],
          [0, 0],
          [layer.channelsBefore, layer.channelsAfter],
        ]);
      });
    case "globalAveragePool":
      return tf.mean(values.get(layer.input), [1, 2]);
  }
}

/**
 * Sends a gradient back through a layer without parameters.
 *
 * What the layer read and made is kept as far as `keptForGradient` says.
 */
export function backwardShared(
  layer: SharedLayer,
  { get, shape }: KeptValues,
  flowing: ValueStore,
  outputGradient: Tensor,
): void {
  switch (layer.op) {
    case "activation":
      accumulate(
        flowing,
        layer.input,
        layer.function === "relu"
          ? kernels.reluGradient(outputGradient, get(layer.output))
          : kernels.siluGradient(outputGradient, get(layer.input)),
      );
      return;
    case "add":
      for (const input of layer.inputs) accumulate(flowing, input, tf.clone(outputGradient));
      return;
    case "subsample": {
      const inputShape = shape(layer.input);
      const [count = 0, height = 0, width = 0] = outputGradient.shape;
      const gradient = tf.tidy(() => {
        const begin: [number, number, number, number] = [0, 0, 0, layer.channelsBefore];
        const size: [number, number, number, number] = [count, height, width, inputShape[3] ?? 0];
        return kernels.subsampleGradient(
          tf.slice4d(outputGradient as Tensor4D, begin, size),
          inputShape,
          layer.stride,
        );
      });
      accumulate(flowing, layer.input, gradient);
      return;
    }
    case "globalAveragePool": {
      const inputShape = shape(layer.input);
      accumulate(
        flowing,
        layer.input,
        kernels.globalAveragePoolGradient(outputGradient as Tensor2D, inputShape),
      );
    }
  }
}

/** The value that an activation's gradient reads: ReLU's output, which shows where it let values pass, or SiLU's input. */
export function keptForGradient(layer: ActivationLayer): string {
  return layer.function === "relu" ? layer.output : layer.input;
}

/** Normalises images in [0, 1] for the first layer; the caller owns the result. */
export function normalize(images: Tensor4D, normalization: Normalization | undefined): Tensor4D {
  if (!normalization) return tf.clone(images);
  return tf.tidy(() => tf.div(tf.sub(images, [...normalization.mean]), [...normalization.std]));
}

/** The gradient of `normalize`. */
export function normalizeGradient(gradient: Tensor4D, normalization: Normalization | undefined): Tensor4D {
  if (!normalization) return kernels.identity(gradient);
  return tf.tidy(() => tf.div(gradient, [...normalization.std]));
}
