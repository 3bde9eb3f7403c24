import { InputError } from "../errors.js";
import type { ActivationLayer, Layer, Padding } from "./network.js";

/** A convolution's size; stride and groups are 1 by default, and there is no bias. */
export interface ConvOptions {
  filters: number;
  kernel: number;
  stride?: number;
  groups?: number;
  bias?: boolean;
  padding?: Padding;
}

/** Appends layers in the order they run; every method returns the name of the value it makes. */
export interface NetworkBuilder {
  readonly layers: readonly Layer[];
  /** A convolution padded by `(kernel - 1) / 2` unless told otherwise, so that stride 1 keeps the size. */
  conv(name: string, input: string, options: ConvOptions): string;
  /** Batch normalisation over the input's channels. */
  batchNorm(name: string, input: string): string;
  /** ReLU or SiLU. */
  activation(input: string, kind: ActivationLayer["function"]): string;
  /** max(x, 0). */
  relu(input: string): string;
  /** The sum of two values of one shape. */
  add(left: string, right: string): string;
  /** Shortcut A: every second row and column, zero channels before and after. */
  subsample(input: string, channelsBefore: number, channelsAfter: number): string;
  /** The mean of each channel: a row of numbers. */
  globalAveragePool(input: string): string;
  /** A fully connected layer with bias, on a row of numbers. */
  linear(name: string, input: string, outputs: number): string;
  /** How many channels a value has. */
  channels(value: string): number;
}

/** A builder for a network whose images have `channels` channels and are the value `"images"`. */
export function networkBuilder(channels: number): NetworkBuilder {
  const layers: Layer[] = [];
  const channelsOf = new Map([["images", channels]]);

  function of(value: string): number {
    const known = channelsOf.get(value);
    if (known === undefined)
      throw new InputError(`no layer makes the value "${value}"`, {
        expected: [...channelsOf.keys()].join(", "),
        found: value,
      });
    return known;
  }
  function append(layer: Layer, outputChannels: number): string {
    if (channelsOf.has(layer.output))
      throw new InputError(`two layers make the value "${layer.output}"`, {
        expected: "a name of its own for each",
      });
    layers.push(layer);
    channelsOf.set(layer.output, outputChannels);
    return layer.output;
  }

  function activation(input: string, kind: ActivationLayer["function"]): string {
    const output = `${input}.${kind}`;
    return append({ op: "activation", input, output, function: kind }, of(input));
  }

  return {
    layers,
    channels: of,
    conv(name, input, options) {
      const { filters, kernel, stride = 1, groups = 1, bias = false } = options;
      if (kernel % 2 === 0 && !options.padding)
        throw new InputError(`the convolution "${name}" has an even kernel and no padding`, {
          expected: "an odd kernel, or padding: [before, after]",
          found: `kernel ${kernel}`,
        });
      const half = (kernel - 1) / 2;
      const { padding = [half, half] } = options;
      const layer = {
        name,
        input,
        output: name,
        channels: of(input),
        filters,
        kernel,
        stride,
        padding,
        groups,
        bias,
      };
      return append({ op: "conv", ...layer }, filters);
    },
    batchNorm(name, input) {
      return append({ op: "batchNorm", name, input, output: name, channels: of(input) }, of(input));
    },
    activation,
    relu: (input) => activation(input, "relu"),
    add(left, right) {
      return append({ op: "add", inputs: [left, right], output: `${left}.add` }, of(left));
    },
    subsample(input, channelsBefore, channelsAfter) {
      const layer = { input, output: `${input}.subsample`, stride: 2, channelsBefore, channelsAfter };
      return append({ op: "subsample", ...layer }, channelsBefore + of(input) + channelsAfter);
    },
    globalAveragePool(input) {
      return append({ op: "globalAveragePool", input, output: `${input}.pool` }, of(input));
    },
    linear(name, input, outputs) {
      return append({ op: "linear", name, input, output: name, inputs: of(input), outputs }, outputs);
    },
  };
}
