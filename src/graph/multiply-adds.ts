import { valueShapes } from "./image-fit.js";
import type { Network } from "./network.js";

/**
 * Counts the multiply-adds of one image's way through a network: those of convolutions and linear layers, by their definition. The gradient
 * with respect to what a layer reads takes as many again, and so does that with respect to its weights.
 */
export function multiplyAdds({ layers, input }: Network): number {
  const shapes = valueShapes(layers, input);
  let total = 0;
  for (const layer of layers) {
    if (layer.op === "linear") total += layer.inputs * layer.outputs;
    if (layer.op !== "conv") continue;
    const { height = 0, width = 0 } = shapes.get(layer.output) ?? {};
    total += (height * width * layer.filters * layer.kernel ** 2 * layer.channels) / layer.groups;
  }
  return total;
}
