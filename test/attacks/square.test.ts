import type { Rank } from "@tensorflow/tfjs-node-gpu";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { attacks } from "#mtard/attacks/attacks.js";
import { square, squareSide } from "#mtard/attacks/square.js";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { hasShared } from "../shared.js";
import { onlyAnswering } from "./counting.js";
import { answeredRight, openRobustNetwork, type RobustNetwork } from "./robust-network.js";

it("makes squares of the public code's sizes", () => {
  // fra31/auto-attack, square.py: p_selection without resc_schedule, and the side it gives.
  const after = [0, 10, 11, 50, 51, 200, 201, 500, 501, 1000, 1001, 2000, 2001, 4000, 4001, 6001, 8001];
  const sides = (height: number, width: number) => after.map((squares) => squareSide(squares, height, width));
  expect(sides(32, 32)).toEqual([29, 29, 20, 20, 14, 14, 10, 10, 7, 7, 5, 5, 4, 4, 3, 2, 1]);
  expect(sides(64, 64)).toEqual([57, 57, 40, 40, 29, 29, 20, 20, 14, 14, 10, 10, 7, 7, 5, 4, 3]);
  expect([0, 11, 51].map((squares) => squareSide(squares, 32, 8))).toEqual([8, 8, 7]);
});

describe("what it shows the target", () => {
  const EPSILON = 0.05;
  const image = tf.fill<Rank.R4>([1, 8, 8, 3], 0.5);
  const shown: Float32Array[] = [];
  /** Right by a margin of 100 less the red of the picture: less red is better, and nothing fools. */
  const target: AttackTarget = {
    classes: 2,
    logits: (images) => {
      shown.push(images.dataSync<"float32">().slice());
      const red = tf.tidy(() => tf.sum(tf.slice(images, [0, 0, 0, 0], [-1, -1, -1, 1]))).dataSync()[0] ?? NaN;
      return tf.tensor2d([0, -100 - red], [1, 2]);
    },
    predict: () => expect.fail("Square reads logits"),
    lossGradient: () => expect.fail("Square has no gradients"),
  };
  const labels = tf.tensor1d([0], "int32");
  const { adversarial, queries } = square(
    target,
    { images: image, labels, epsilon: EPSILON, seed: [1, 2] },
    { queries: 40 },
  );
  const found = adversarial.dataSync<"float32">();
  const moves = shown.map((values) => values.map((value) => Math.sign(value - 0.5)));
  const at = (values: Float32Array | undefined, y: number, x: number, c: number) =>
    values?.[(y * 8 + x) * 3 + c] ?? NaN;
  const red = (values: Float32Array) =>
    values.filter((_, index) => index % 3 === 0).reduce((sum, value) => sum + value, 0);

  it("is stripes first: each column of each channel all up or all down, by epsilon", () => {
    const seen = new Set<number>();
    for (let c = 0; c < 3; c++)
      for (let x = 0; x < 8; x++) {
        const column = Array.from({ length: 8 }, (_, y) => at(shown[0], y, x, c));
        expect(new Set(column).size).toBe(1);
        seen.add(column[0] ?? NaN);
      }
    expect([...seen].sort()).toEqual([Math.fround(0.45), Math.fround(0.55)]);
  });

  it("then differs from the best so far in one square, each channel of it all up or all down", () => {
    let best = shown[0] as Float32Array;
    for (const [index, values] of shown.slice(1).entries()) {
      const side = squareSide(index, 8, 8);
      const changed = [...values.keys()].filter((place) => values[place] !== best[place]);
      const rows = changed.map((place) => Math.floor(place / 24));
      const columns = changed.map((place) => Math.floor(place / 3) % 8);
      expect(Math.max(...rows) - Math.min(...rows)).toBeLessThan(side);
      expect(Math.max(...columns) - Math.min(...columns)).toBeLessThan(side);
      for (let c = 0; c < 3; c++) {
        const signs = changed.filter((place) => place % 3 === c).map((place) => moves[index + 1]?.[place]);
        expect(new Set(signs).size).toBeLessThanOrEqual(1);
      }
      // Less by a pixel at least: the target adds in single precision.
      if (red(values) < red(best) - EPSILON) best = values;
    }
    expect(red(found)).toBeCloseTo(red(best), 4);
    expect(found).toEqual(best);
  });

  it("is as many images as it says, the stripes among them", () => {
    expect(queries?.[0]).toBe(40);
    expect(shown).toHaveLength(40);
  });
});

describe.skipIf(!hasShared)("on images that a robust ResNet-20 answers right", () => {
  let network: RobustNetwork;
  beforeAll(async () => {
    network = await openRobustNetwork();
  });
  afterAll(() => network.target.dispose());

  /** The places that withstand so many queries. */
  function withstanding(places: readonly number[], queries: number): number[] {
    const { images, labels } = network.choose(places);
    const target = onlyAnswering(network.target, "logits");
    const batch = { images, labels, epsilon: 8 / 255, seed: [3, 1] as const };
    const { adversarial } = attacks.square.run(target, batch, { queries });
    const right = answeredRight(network.target, adversarial, labels);
    tf.dispose([images, labels, adversarial]);
    return places.filter((_, row) => right[row]);
  }

  it("fools more images with more queries, and none less", () => {
    const places = [0, 1, 3, 9, 12, 14, 18, 20];
    const robust = [10, 50, 100, 300].map((queries) => withstanding(places, queries));
    for (const [budget, those] of robust.entries())
      for (const more of robust.slice(budget)) expect(those).toEqual(expect.arrayContaining(more));
  });
});
