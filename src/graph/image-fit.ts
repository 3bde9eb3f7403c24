import { extentAfter, type ImageShape, type Layer, type Network } from "./network.js";

/**
 * Says why a network cannot take its images, as the end of a sentence: a map would vanish, maps of two sizes would be added, or it
 * normalises another number of channels. Null if it can.
 */
export function imageMisfit({ input, normalization, layers }: Network): string | null {
  if (normalization && normalization.mean.length !== input.channels)
    return `normalises ${normalization.mean.length} channels, and the images have ${input.channels}`;
  const shapes = shapesAfter(layers, input);
  return typeof shapes === "string" ? shapes : null;
}

/** Height, width and channels of every value of layers on such images, the images among them; pooled maps are 1x1. */
export function valueShapes(layers: readonly Layer[], image: ImageShape): ReadonlyMap<string, ImageShape> {
  const shapes = shapesAfter(layers, image);
  if (typeof shapes === "string") throw new Error(`a network that ${shapes} was to run`);
  return shapes;
}

function shapesAfter(layers: readonly Layer[], image: ImageShape): Map<string, ImageShape> | string {
  const shapes = new Map<string, ImageShape>([["images", image]]);
  for (const layer of layers) {
    const shape = shapeAfter(layer, (value) => shapes.get(value) ?? { height: 1, width: 1, channels: 1 });
    if (typeof shape === "string") return shape;
    shapes.set(layer.output, shape);
  }
  return shapes;
}

/** The shape of what a layer makes, or why it can make nothing. */
function shapeAfter(layer: Layer, of: (value: string) => ImageShape): ImageShape | string {
  switch (layer.op) {
    case "conv": {
      const size = mapAfter(layer, of(layer.input));
      if (Math.min(size.height, size.width) >= 1) return { ...size, channels: layer.filters };
      return `has nothing left at ${layer.name} of images so small`;
    }
    case "subsample": {
      const { channelsBefore, channelsAfter } = layer;
      const input = of(layer.input);
      return { ...mapAfter(layer, input), channels: channelsBefore + input.channels + channelsAfter };
    }
    case "add": {
      const [one, other] = layer.inputs.map(of) as [ImageShape, ImageShape];
      if (one.height === other.height && one.width === other.width) return one;
      return `would add maps of ${one.height}x${one.width} and ${other.height}x${other.width}`;
    }
    case "globalAveragePool":
      return { height: 1, width: 1, channels: of(layer.input).channels };
    case "linear":
      return { height: 1, width: 1, channels: layer.outputs };
    case "batchNorm":
    case "activation":
      return of(layer.input);
  }
}

function mapAfter(
  layer: Parameters<typeof extentAfter>[0],
  { height, width }: ImageShape,
): Omit<ImageShape, "channels"> {
  return { height: extentAfter(layer, height), width: extentAfter(layer, width) };
}

/** Sides tried when looking for those that a network takes. */
const MOST_SIDE = 1024;

/** The image sizes that a network takes around those it does not. */
export interface FittingSizes {
  /** The smallest square image. */
  readonly smallest: number;
  /** The nearest image that is at least as large. */
  readonly next: Pick<ImageShape, "height" | "width">;
}

/** Looks for sizes that a network takes, with the number of channels it has now; null if there are none. */
export function fittingSizes(network: Network): FittingSizes | null {
  const { input } = network;
  // Rows and columns do not meet before they are pooled, so each can be looked for alone.
  const fits = (side: number): boolean =>
    imageMisfit({ ...network, input: { ...input, height: side, width: side } }) === null;
  const from = (side: number): number | null => {
    for (let tried = side; tried <= MOST_SIDE; tried++) if (fits(tried)) return tried;
    return null;
  };
  const [smallest, height, width] = [1, input.height, input.width].map(from);
  if (!smallest || !height || !width) return null;
  return { smallest, next: { height, width } };
}
