import { describe, expect, it } from "vitest";
import { paceOf } from "#mtard/reproduction/pace.js";

function lines(...each: readonly (readonly [step: number, seconds: number, wRobust?: number])[]): string {
  return each
    .map(([step, seconds, wRobust]) => JSON.stringify({ step, seconds, ...(wRobust ? { wRobust } : {}) }))
    .join("\n");
}

describe("a run's pace", () => {
  it("is told by the time between its lines; the first step is apart", () => {
    const pace = paceOf(lines([1, 5], [2, 6], [3, 8], [3, 11, 0.5], [4, 12], [5, 14], [5, 19, 0.6]));
    expect(pace).toEqual({ step: 1.5, evaluation: 5, start: 3.5 });
  });

  it("is that of the lines that are there", () => {
    expect(paceOf(lines([100, 50], [101, 52], [102, 54]))).toEqual({ step: 2, evaluation: null, start: 0 });
    expect(paceOf(`{"step":7,"sec\n${lines([8, 3], [9, 4])}\nnot a line\n{"step":10,"sec`)?.step).toBe(1);
  });

  it("is not known of fewer than two steps", () => {
    expect(paceOf("")).toBeNull();
    expect(paceOf(lines([1, 3]))).toBeNull();
  });
});
