import { expect, it } from "vitest";
import { Random } from "#mtard/runtime/random.js";

it("is xoshiro128**: the first numbers of its authors' C code from the state 1, 2, 3, 4", () => {
  const random = Random.fromState([1, 2, 3, 4]);
  expect(Array.from({ length: 4 }, () => random.uint32())).toEqual([11520, 0, 5927040, 70819200]);
});

it("goes on from a saved state", () => {
  const random = Random.fromSeed(9);
  random.uint32();
  const copy = Random.fromState(random.state);
  expect(Array.from({ length: 5 }, () => copy.uint32())).toEqual(
    Array.from({ length: 5 }, () => random.uint32()),
  );
});

it("has other numbers for other seeds and other streams", () => {
  const firsts = [Random.fromSeed(1), Random.fromSeed(2), Random.fromSeed(1, 1)].map((random) =>
    random.uint32(),
  );
  expect(new Set(firsts).size).toBe(3);
});

it("is uniform and normal where it says so", () => {
  const random = Random.fromSeed(4);
  const count = 100_000;
  const mean = (draw: () => number): number =>
    Array.from({ length: count }, draw).reduce((sum, value) => sum + value, 0) / count;
  expect(mean(() => random.uniform())).toBeCloseTo(0.5, 2);
  expect(mean(() => random.uniform() ** 2)).toBeCloseTo(1 / 3, 2);
  expect(Math.abs(mean(() => random.normal()))).toBeLessThan(0.015);
  expect(mean(() => random.normal() ** 2)).toBeCloseTo(1, 1);
  const counts = new Array<number>(7).fill(0);
  for (let draw = 0; draw < count; draw++) {
    const pick = random.below(7);
    counts[pick] = (counts[pick] ?? 0) + 1;
  }
  const chiSquare = counts.reduce((sum, seen) => sum + (seen - count / 7) ** 2 / (count / 7), 0);
  expect(chiSquare).toBeLessThan(22.5); // 6 degrees of freedom, one in a thousand
});

it("permutes", () => {
  const order = Random.fromSeed(3).permutation(1000);
  expect([...order].sort((a, b) => a - b)).toEqual(Array.from({ length: 1000 }, (_, index) => index));
  expect([...order.slice(0, 5)]).not.toEqual([0, 1, 2, 3, 4]);
});
