import { afterEach, describe, expect, it } from "vitest";
import { coresHere, gpusHere, shareOut } from "#mtard/jobs/shares.js";

describe("a machine is shared out", () => {
  it("by GPUs, one each, by turns where there are fewer", () => {
    const gpus = (processes: number, there: string[]) =>
      shareOut(processes, there, [0, 1]).map(({ gpu, cores }) => [gpu, cores]);
    expect(gpus(2, ["0", "1", "2"])).toEqual([
      ["0", [0]],
      ["1", [1]],
    ]);
    expect(gpus(3, ["0", "GPU-5f"])).toEqual([
      ["0", [0]],
      ["GPU-5f", [0]],
      ["0", [1]],
    ]);
  });

  it.each([
    [1, 4, [[0, 1, 2, 3]]],
    [2, 4, [[0, 1], [2, 3]]], // prettier-ignore
    [3, 4, [[0], [1], [2, 3]]], // prettier-ignore
    [2, 1, [[0], [0]]], // prettier-ignore
    [3, 2, [[0], [0], [1]]], // prettier-ignore
  ])("by cores for %i processes on %i, each with one at least", (processes, cores, expected) => {
    const there = Array.from({ length: cores }, (_, index) => index);
    const shares = shareOut(processes, [], there);
    expect(shares.map((share) => share.cores)).toEqual(expected);
    expect(shares.map(({ gpu }) => gpu)).toEqual(expected.map(() => null));
  });
});

describe("what there is to share", () => {
  const before = process.env["CUDA_VISIBLE_DEVICES"];
  afterEach(() => {
    if (before === undefined) delete process.env["CUDA_VISIBLE_DEVICES"];
    else process.env["CUDA_VISIBLE_DEVICES"] = before;
  });

  it.each([
    ["2,GPU-5f", ["2", "GPU-5f"]],
    ["", []],
    ["-1", []],
    ["1,-1,2", ["1"]],
  ])("are the GPUs that CUDA_VISIBLE_DEVICES=%s names", (visible, expected) => {
    process.env["CUDA_VISIBLE_DEVICES"] = visible;
    expect(gpusHere("auto")).toEqual(expected);
    expect(gpusHere("cpu")).toEqual([]);
  });

  it("are the cores that this process may use", () => {
    expect(coresHere().length).toBeGreaterThan(0);
    expect(coresHere().every(Number.isInteger)).toBe(true);
  });
});
