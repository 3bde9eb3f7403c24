import { describe, expect, it } from "vitest";
import { meanEntropy } from "#mtard/methods/balance/entropy-based-balance.js";
import {
  entropySlope,
  knowledgeScale,
  relativeEntropyToUniform,
} from "#mtard/methods/balance/knowledge-scale.js";
import { Random } from "#mtard/runtime/random.js";
import { softmax } from "./reference.js";

const random = Random.fromSeed(17);
const logitsOf = (classes: number, spread: number): number[] =>
  Array.from({ length: classes }, () => Math.fround(spread * (random.uniform() - 0.5)));
const cases = [
  [2, 3],
  [10, 8],
  [10, 60],
  [100, 20],
].map(([classes = 0, spread = 0]) => logitsOf(classes, spread));
const TEMPERATURES = [1, 1.3, 2, 5, 10];
const scaleAt = (logits: readonly number[], temperature: number): number =>
  knowledgeScale(Float32Array.from(logits), logits.length, temperature);

describe.each(cases.map((logits) => ({ logits, classes: logits.length })))(
  "of a teacher with $classes classes",
  ({ logits, classes }) => {
    it("the knowledge scale is the relative entropy to the uniform answer (Theorem 1)", () => {
      for (const temperature of TEMPERATURES) {
        const probabilities = softmax(logits.map((logit) => logit / temperature));
        expect(scaleAt(logits, temperature)).toBeCloseTo(relativeEntropyToUniform(probabilities), 10);
      }
    });

    it("it falls as the temperature rises", () => {
      const scales = TEMPERATURES.map((temperature) => scaleAt(logits, temperature));
      for (const [index, scale] of scales.slice(1).entries())
        expect(scale).toBeLessThan(scales[index] ?? NaN);
      expect(scaleAt(logits, 1e6)).toBeCloseTo(0, 6);
    });

    it("the entropy's slope is equation 8, which is not negative", () => {
      const step = 1e-4;
      for (const temperature of TEMPERATURES) {
        const slope = entropySlope(logits, temperature);
        expect(slope).toBeGreaterThan(0);
        const [above, below] = [scaleAt(logits, temperature + step), scaleAt(logits, temperature - step)];
        expect(slope).toBeCloseTo((below - above) / (2 * step), 6);
      }
    });

    it("the scripts' version, with 1e-5 in the logarithm, is at most 1e-5 a class above it", () => {
      const scripts = Math.log(classes) - meanEntropy(Float32Array.from(logits), classes, 1);
      const difference = scripts - scaleAt(logits, 1);
      expect(difference).toBeGreaterThan(0);
      expect(difference).toBeLessThanOrEqual(1e-5 * classes);
    });
  },
);

it("a uniform answer has the scale 0 and a certain one log C, and neither has a slope", () => {
  expect(relativeEntropyToUniform([0.25, 0.25, 0.25, 0.25])).toBe(0);
  expect(relativeEntropyToUniform([0, 1, 0, 0])).toBeCloseTo(Math.log(4), 12);
  expect(scaleAt([3, 3, 3, 3], 2)).toBeCloseTo(0, 12);
  expect(entropySlope([3, 3, 3, 3], 2)).toBe(0);
  // p = 3/4, 1/4: log 2 - H = log 2 + 3/4 log 3/4 + 1/4 log 1/4.
  expect(scaleAt([Math.log(3), 0], 1)).toBeCloseTo(
    Math.log(2) + 0.75 * Math.log(0.75) + 0.25 * Math.log(0.25),
    7,
  );
});

it("is the mean over the rows of a batch", () => {
  const [one, other] = [logitsOf(5, 4), logitsOf(5, 9)];
  const both = knowledgeScale(Float32Array.from([...one, ...other]), 5, 1.5);
  expect(both).toBeCloseTo((scaleAt(one, 1.5) + scaleAt(other, 1.5)) / 2, 10);
});
