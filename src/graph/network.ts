/**
 * A network as plain data: layers in the order they run, each naming the values it reads and the one it writes.
 *
 * Parameter names are PyTorch's `state_dict` keys (`layer.name + ".weight"` and so on), so that weights move by name between
 * PyTorch, the tfjs student and ONNX. A value's name is the layer's `output`; `"images"` is the network's input.
 */
export interface Network {
  /** The network's id on the command line, such as `resnet-18`. */
  readonly id: string;
  readonly input: ImageShape;
  readonly classes: number;
  /** Applied to images in [0, 1] before the first layer; part of the network. */
  readonly normalization?: Normalization;
  /** How fresh weights are drawn; see `graph/initialize.ts`. */
  readonly initialization: "uniform" | "kaiming-normal" | "fan-out-normal";
  readonly layers: readonly Layer[];
  /** The name of the value that holds the logits. */
  readonly output: string;
}

/** What an architecture leaves open: the images a network takes and the classes it tells apart. */
export interface NetworkShape {
  readonly image: ImageShape;
  readonly classes: number;
}

/** Height, width and channels of one image. */
export interface ImageShape {
  readonly height: number;
  readonly width: number;
  readonly channels: number;
}

/** `(image - mean) / std`, one number a channel. */
export interface Normalization {
  readonly mean: readonly number[];
  readonly std: readonly number[];
}

/** One operation of a network. */
export type Layer =
  | ConvLayer
  | BatchNormLayer
  | ActivationLayer
  | { readonly op: "add"; readonly inputs: readonly [string, string]; readonly output: string }
  | SubsampleLayer
  | { readonly op: "globalAveragePool"; readonly input: string; readonly output: string }
  | LinearLayer;

/** ReLU, max(x, 0), or SiLU, x sigmoid(x), which DeepMind's networks call Swish. */
export interface ActivationLayer {
  readonly op: "activation";
  readonly input: string;
  readonly output: string;
  readonly function: "relu" | "silu";
}

/** A square convolution with zero padding; parameters `weight [filters, channels / groups, kernel, kernel]` and `bias`. */
export interface ConvLayer {
  readonly op: "conv";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly channels: number;
  readonly filters: number;
  readonly kernel: number;
  readonly stride: number;
  readonly padding: Padding;
  /** 1, or `channels` for a depthwise convolution. */
  readonly groups: number;
  readonly bias: boolean;
}

/** How many rows and columns of zeros to add: `before` is above and on the left, `after` below and on the right. */
export type Padding = readonly [before: number, after: number];

/** How many rows a convolution or a subsampling makes of `extent` rows, or columns of columns; below 1 where nothing is left. */
export function extentAfter(layer: ConvLayer | SubsampleLayer, extent: number): number {
  if (layer.op === "subsample") return Math.ceil(extent / layer.stride);
  const [before, after] = layer.padding;
  return Math.floor((extent + before + after - layer.kernel) / layer.stride) + 1;
}

/** Parameters `weight`, `bias`, and the statistics `running_mean`, `running_var`, all `[channels]`. */
export interface BatchNormLayer {
  readonly op: "batchNorm";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly channels: number;
}

/** ResNet's shortcut A: every `stride`-th row and column, then zero channels before and after. */
export interface SubsampleLayer {
  readonly op: "subsample";
  readonly input: string;
  readonly output: string;
  readonly stride: number;
  readonly channelsBefore: number;
  readonly channelsAfter: number;
}

/** Parameters `weight [outputs, inputs]` and `bias [outputs]`. */
export interface LinearLayer {
  readonly op: "linear";
  readonly name: string;
  readonly input: string;
  readonly output: string;
  readonly inputs: number;
  readonly outputs: number;
}

/** The batch-norm epsilon of PyTorch, which every network here uses. */
export const BATCH_NORM_EPSILON = 1e-5;
