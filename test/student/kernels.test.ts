import { expect, it } from "vitest";
import { convolutionInputGradient, keptShapes } from "#mtard/student/kernels.js";
import type { ConvLayer } from "#mtard/graph/network.js";
import { tf, type Tensor4D } from "#mtard/runtime/tensorflow.js";

it("keeps few tensors for shapes, whatever the sizes of the batches, and is right for those it kept no longer", () => {
  const layer: ConvLayer = {
    op: "conv",
    name: "conv",
    input: "images",
    output: "conv",
    channels: 1,
    filters: 1,
    kernel: 1,
    stride: 1,
    padding: [0, 0],
    groups: 1,
    bias: false,
  };
  const filter = tf.tensor4d([3], [1, 1, 1, 1]);
  const before = tf.memory().numTensors;
  for (const count of [...Array.from({ length: 300 }, (_, index) => index + 1), 1]) {
    const output = tf.ones<Tensor4D>([count, 1, 1, 1]);
    const gradient = convolutionInputGradient([count, 1, 1, 1], filter, output, layer);
    if (count % 100 === 1) expect([...gradient.dataSync()]).toEqual(Array<number>(count).fill(3));
    tf.dispose([output, gradient]);
  }
  expect(keptShapes()).toBe(256);
  expect(tf.memory().numTensors - before).toBe(256);
});
