import { valueShapes } from "../graph/image-fit.js";
import { extentAfter, type ConvLayer, type Layer, type Network } from "../graph/network.js";
import { tensorflowDevice } from "../runtime/device.js";
import { measureOnce } from "../runtime/kernel-choices.js";
import { tf, type Tensor, type Tensor4D } from "../runtime/tensorflow.js";
import * as kernels from "./kernels.js";
import { padWindows } from "./padding.js";
import { filterGradientOfPatches, patchesFit, patchesWork } from "./patches.js";
import {
  winogradConvolution,
  winogradFilter,
  winogradFits,
  winogradInputGradient,
  winogradWork,
} from "./winograd.js";

/* Convolutions that can be computed in two ways: both are measured on this machine when a network first has them. */

/** Images enough that what a call costs by itself does not count. */
const IMAGES = 32;

type MapShape = [count: number, height: number, width: number, channels: number];

const measured = new WeakMap<Network, Set<string>>();

/**
 * Measures what a network's passes can compute in two ways, unless that was done on this machine.
 *
 * @param layers The network's own, or folded.
 * @param passes What for: attacks use a filter many times, training takes the gradient of each.
 * @param images The shape of the images, `[N, H, W, C]`; N does not count.
 */
export function measureContests(
  network: Network,
  layers: readonly Layer[],
  passes: "attack" | "training",
  [, height = 0, width = 0, channels = 0]: readonly number[],
): void {
  let done = measured.get(network);
  if (!done) measured.set(network, (done = new Set()));
  const key = `${passes} ${height}x${width}`;
  if (done.has(key)) return;
  done.add(key);
  // cuDNN chooses such algorithms itself.
  if (tensorflowDevice(tf) === "cuda") return;
  const shapes = valueShapes(layers, { height, width, channels });
  for (const layer of layers) {
    const shape = layer.op === "conv" ? shapes.get(layer.input) : undefined;
    if (layer.op !== "conv" || !shape) continue;
    const input: MapShape = [IMAGES, shape.height, shape.width, layer.channels];
    if (passes === "attack") measureWinograd(layer, input);
    else measurePatches(layer, input);
  }
}

function measureWinograd(layer: ConvLayer, input: MapShape): void {
  if (!winogradFits(layer, input)) return;
  measureOnce(winogradWork(layer, input), (time) => {
    const { maps, made, filter } = operands(layer, input);
    const transformed = winogradFilter(filter);
    const times = time(
      ended(() => [
        kernels.convolution(maps, filter, layer),
        kernels.convolutionInputGradient(input, filter, made, layer),
      ]),
      ended(() => [winogradConvolution(maps, transformed), winogradInputGradient(made, transformed)]),
    );
    tf.dispose([maps, made, filter, transformed]);
    return times;
  });
}

function measurePatches(layer: ConvLayer, input: MapShape): void {
  if (!patchesFit(layer, input)) return;
  measureOnce(patchesWork(layer, input), (time) => {
    const { maps, made, filter } = operands(layer, input);
    const times = time(
      ended(() => [kernels.convolutionFilterGradient(maps, filter.shape, made, layer)]),
      ended(() => [tf.tidy(() => filterGradientOfPatches(padWindows(maps, layer), made, layer))]),
    );
    tf.dispose([maps, made, filter]);
    return times;
  });
}

/** What a convolution reads, and the gradient of what it makes; the time does not depend on the values. */
function operands(layer: ConvLayer, input: MapShape): Record<"maps" | "made" | "filter", Tensor4D> {
  const [count, height, width] = input;
  const { kernel, channels, filters } = layer;
  return {
    maps: tf.fill<Tensor4D>(input, 0.5),
    made: tf.fill<Tensor4D>([count, extentAfter(layer, height), extentAfter(layer, width), filters], 0.5),
    filter: tf.fill<Tensor4D>([kernel, kernel, channels, filters], 0.5),
  };
}

/** A work that is done when it returns, and leaves nothing. */
function ended(work: () => Tensor[]): () => void {
  return () => {
    const made = work();
    for (const tensor of made) {
      tensor.dataSync();
      tensor.dispose();
    }
  };
}
