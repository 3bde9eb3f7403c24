import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it, vi } from "vitest";
import type { ConvLayer } from "#mtard/graph/network.js";
import { tf, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { convolutionFilterGradient, keptShapes } from "#mtard/student/kernels.js";
import { patchesPay, patchesWork } from "#mtard/student/patches.js";
import { measureOnce } from "#mtard/runtime/kernel-choices.js";
import { relativeNorm } from "../golden.js";

// What is measured here is made up, and must not reach the user's cache.
const folder = mkdtempSync(join(tmpdir(), "mtard-patches-"));
vi.stubEnv("MTARD_KERNELS", folder);
afterAll(() => {
  vi.unstubAllEnvs();
  rmSync(folder, { recursive: true });
});

function layerOf(channels: number, filters: number, stride: number): ConvLayer {
  const window = { kernel: 3, stride, padding: [1, 1], groups: 1, bias: false } as const;
  return { op: "conv", name: "conv", input: "images", output: "conv", channels, filters, ...window };
}

function normal(shape: [number, number, number, number], seed: number): Tensor4D {
  return tf.randomNormal(shape, 0, 1, "float32", seed);
}

/** Maps with zeros below and on the right. */
function widened(maps: Tensor4D, zeros: number): Tensor4D {
  return tf.pad4d(maps, [
    [0, 0],
    [0, zeros],
    [0, zeros],
    [0, 0],
  ]);
}

// libtensorflow's own gradient is the outside number: on a larger map with zeros around, where the product does not pay.
describe.each([
  [4, 256, 512, 1],
  [3, 256, 256, 1],
  [8, 256, 320, 2],
  [7, 256, 256, 2],
])("maps of %i x %i, %i to %i channels, stride %i", (size, channels, filters, stride) => {
  const layer = layerOf(channels, filters, stride);
  const outputs = Math.ceil(size / stride);

  it("have libtensorflow's filter gradient", () => {
    const before = tf.memory().numTensors - keptShapes();
    const [input, gradient] = [
      normal([2, size, size, channels], 1),
      normal([2, outputs, outputs, filters], 2),
    ];
    expect(patchesPay(layer, input.shape)).toBe(false);
    measureOnce(patchesWork(layer, input.shape), () => ({ usual: 2, other: 1 }));
    expect(patchesPay(layer, input.shape)).toBe(true);
    const ours = convolutionFilterGradient(input, [3, 3, channels, filters], gradient, layer);
    // Larger by zeros after: no window of theirs reads another value.
    const wide = widened(input, 12);
    const wideGradient = widened(gradient, Math.ceil((size + 12) / stride) - outputs);
    expect(patchesPay(layer, wide.shape)).toBe(false);
    const theirs = convolutionFilterGradient(wide, [3, 3, channels, filters], wideGradient, layer);
    expect(ours.shape).toEqual(theirs.shape);
    expect(relativeNorm(ours.dataSync<"float32">(), theirs.dataSync<"float32">())).toBeLessThan(1e-5);
    tf.dispose([input, gradient, ours, theirs, wide, wideGradient]);
    expect(tf.memory().numTensors - keptShapes()).toBe(before);
  });
});
