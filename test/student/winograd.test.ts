import { describe, expect, it } from "vitest";
import type { ConvLayer } from "#mtard/graph/network.js";
import { tf, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { convolution, convolutionInputGradient } from "#mtard/student/kernels.js";
import {
  winogradConvolution,
  winogradFilter,
  winogradInputGradient,
  winogradFits,
} from "#mtard/student/winograd.js";
import { relativeNorm } from "../golden.js";

function layerOf(channels: number, filters: number): ConvLayer {
  const window = { kernel: 3, stride: 1, padding: [1, 1], groups: 1, bias: false } as const;
  return { op: "conv", name: "conv", input: "images", output: "conv", channels, filters, ...window };
}

function normal(shape: [number, number, number, number], seed: number): Tensor4D {
  return tf.randomNormal(shape, 0, 1, "float32", seed);
}

// libtensorflow's own convolutions are the outside numbers; they are off by up to 1e-6 themselves.
describe.each([
  [4, 5, 7],
  [8, 6, 3],
  [12, 4, 4],
  [4, 256, 512],
  [8, 256, 256],
])("maps of %i x %i, %i to %i channels", (size, channels, filters) => {
  const layer = layerOf(channels, filters);
  const input = normal([3, size, size, channels], 1);
  const gradient = normal([3, size, size, filters], 2);
  const filter = normal([3, 3, channels, filters], 3);

  it("convolves as libtensorflow does", () => {
    const ours = winogradConvolution(input, winogradFilter(filter));
    const theirs = convolution(input, filter, layer);
    expect(ours.shape).toEqual(theirs.shape);
    expect(relativeNorm(ours.dataSync<"float32">(), theirs.dataSync<"float32">())).toBeLessThan(1e-5);
  });

  it("has libtensorflow's gradient with respect to the input", () => {
    const ours = winogradInputGradient(gradient, winogradFilter(filter));
    const theirs = convolutionInputGradient(input.shape, filter, gradient, layer);
    expect(ours.shape).toEqual(theirs.shape);
    expect(relativeNorm(ours.dataSync<"float32">(), theirs.dataSync<"float32">())).toBeLessThan(1e-5);
  });

  it("leaves no tensor behind", () => {
    const before = tf.memory().numTensors;
    const transformed = winogradFilter(filter);
    tf.dispose([
      winogradConvolution(input, transformed),
      winogradInputGradient(gradient, transformed),
      transformed,
    ]);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe("winogradFits", () => {
  const deep = layerOf(512, 512);

  it("takes 3x3 convolutions of many channels on small maps", () => {
    expect(winogradFits(deep, [32, 4, 4, 512])).toBe(true);
    expect(winogradFits(layerOf(256, 128), [32, 8, 8, 256])).toBe(true);
  });

  it.each<[string, ConvLayer, number[]]>([
    ["large maps", deep, [32, 16, 16, 512]],
    ["maps that are not square", deep, [32, 4, 8, 512]],
    ["maps that tiles do not fill", deep, [32, 6, 6, 512]],
    ["few channels", layerOf(64, 256), [32, 8, 8, 64]],
    ["stride 2", { ...deep, stride: 2 }, [32, 8, 8, 512]],
    ["1x1 convolutions", { ...deep, kernel: 1, padding: [0, 0] }, [32, 8, 8, 512]],
    ["depthwise convolutions", { ...deep, groups: 512 }, [32, 8, 8, 512]],
  ])("leaves %s alone", (_, layer, shape) => {
    expect(winogradFits(layer, shape)).toBe(false);
  });
});
