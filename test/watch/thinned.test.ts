import { describe, expect, it } from "vitest";
import { thinned } from "#mtard/watch/thinned.js";

const value = (step: number): number => Math.sin(step) + step / 100;

describe("values over many steps", () => {
  it("become entries of equal width, with the mean, the least and the largest of their steps", () => {
    const kept = thinned(8);
    for (let step = 1; step <= 100; step++) kept.add(step, { epoch: 1, step, loss: value(step), none: null });
    const { width, steps, values } = kept.curves();
    expect(width).toBe(16);
    expect(steps).toEqual([8.5, 24.5, 40.5, 56.5, 72.5, 88.5, 104.5]);
    expect(Object.keys(values)).toEqual(["loss"]);
    for (const [entry, mean] of (values["loss"]?.mean ?? []).entries()) {
      const within = Array.from({ length: Math.min(16, 100 - 16 * entry) }, (_, at) =>
        value(16 * entry + at + 1),
      );
      expect(mean).toBeCloseTo(within.reduce((sum, each) => sum + each, 0) / within.length, 3);
      expect(values["loss"]?.min?.[entry]).toBeCloseTo(Math.min(...within), 3);
      expect(values["loss"]?.max?.[entry]).toBeCloseTo(Math.max(...within), 3);
    }
  });

  it("stay as they are while they are few, with gaps where nothing was reported", () => {
    const kept = thinned(8);
    kept.add(1, { loss: 3 });
    kept.add(3, { loss: 1 });
    expect(kept.curves()).toEqual({ width: 1, steps: [1, 2, 3], values: { loss: { mean: [3, null, 1] } } });
    expect(kept.before("loss", 2)).toEqual({ step: 1, value: 3 });
    expect(kept.before("other", 2)).toBeNull();
  });

  it("have a curve of a few points for a glance", () => {
    const kept = thinned(128, (name) => name === "loss");
    for (let step = 1; step <= 96; step++) kept.add(step, { loss: step, other: 1 });
    expect(kept.small("loss", 4)).toEqual([12.5, 36.5, 60.5, 84.5]);
    expect(kept.small("other", 4)).toEqual([]);
  });

  it("take nothing of what is no step and no number, and no more names than a bound", () => {
    const kept = thinned(8);
    for (const step of [0, -1, 1.5, NaN, 2 ** 60]) kept.add(step, { loss: 1 });
    kept.add(1, { text: "1", infinite: Infinity, ["x".repeat(1000)]: 1 });
    expect(kept.names()).toEqual([]);
    kept.add(1, Object.fromEntries(Array.from({ length: 1000 }, (_, at) => [`v${at}`, at])));
    expect(kept.names()).toHaveLength(64);
    kept.add(2 ** 40, { v1: 1 });
    expect(kept.curves().steps.length).toBeLessThanOrEqual(8);
  });
});
