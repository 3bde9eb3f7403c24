import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { formatSeconds, summarize } from "../../scripts/bench/summary.mjs";
import { hasShared, shared } from "../shared.js";

const dataDir = mkdtempSync(join(tmpdir(), "mtard-bench-test-"));
afterAll(() => rmSync(dataDir, { recursive: true }));

function bench(...flags: string[]): { status: number | null; stdout: string; stderr: string } {
  return spawnSync(process.execPath, ["scripts/bench/run.mjs", ...flags], { encoding: "utf8" });
}

describe("summarize", () => {
  it("gives median, minimum and quartiles as numpy.quantile does", () => {
    expect(summarize([4, 1, 3, 2])).toEqual({
      median: 2.5,
      minimum: 1,
      lowerQuartile: 1.75,
      upperQuartile: 3.25,
    });
    expect(summarize([7])).toEqual({ median: 7, minimum: 7, lowerQuartile: 7, upperQuartile: 7 });
  });
});

describe("formatSeconds", () => {
  it("takes the unit that fits", () => {
    expect(formatSeconds(1.2345)).toBe("1.234 s");
    expect(formatSeconds(0.05678)).toBe("56.8 ms");
  });
});

interface Timed {
  seconds: number[];
  median: number;
  parts: Record<string, number>;
  reports: { lossNat: number }[];
}

describe("scripts/bench/run.mjs", () => {
  it("times a step and its parts on the built-in data and teachers, without Python", () => {
    const small = ["--student", "resnet-8", "--batch", "8", "--steps", "2"];
    const { status, stdout, stderr } = bench(...small, "--data-dir", dataDir, "--json");
    expect(status, stderr).toBe(0);
    const { mtard, pytorch, ratio } = JSON.parse(stdout) as {
      mtard: Timed;
      pytorch: Timed[];
      ratio: number | null;
    };
    expect(mtard.seconds).toHaveLength(2);
    expect(Math.min(...mtard.seconds)).toBeGreaterThan(0);
    expect(Object.keys(mtard.parts)).toEqual(["cleanTeacher", "attack", "robustTeacher", "forward", "learn"]);
    expect(mtard.reports.every(({ lossNat }) => lossNat > 0)).toBe(true);
    expect({ pytorch, ratio }).toEqual({ pytorch: [], ratio: null });
  });

  it.each([
    ["an unknown flag", ["--stepz", "3"], "stepz"],
    ["no timed step", ["--steps", "0"], "--steps is wrong"],
    ["an unknown student", ["--student", "vgg-16"], 'unknown network "vgg-16"'],
    ["a batch that the images do not fill", ["--batch", "3000", "--student", "resnet-8"], "do not fill"],
    [
      "an interpreter that is not there",
      ["--python", "/nowhere/python", "--student", "resnet-8"],
      "/nowhere/python",
    ],
  ])("refuses %s", (_, flags, message) => {
    const { status, stdout, stderr } = bench(...flags, "--data-dir", dataDir);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });
});

describe("scripts/bench/attacks.mjs", () => {
  const attacks = (...flags: string[]): ReturnType<typeof bench> =>
    spawnSync(process.execPath, ["scripts/bench/attacks.mjs", ...flags], { encoding: "utf8" });

  it.skipIf(!hasShared)("times attacks without Python", () => {
    const data = ["--data", shared("data/cifar-10-binary-subset.tar.gz")];
    const small = ["--network", "resnet-8", "--attacks", "pgd-sat,apgd-ce", "--images", "4", "--turns", "1"];
    const { status, stdout, stderr } = attacks(...data, ...small, "--json");
    expect(status, stderr).toBe(0);
    const { results } = JSON.parse(stdout) as {
      results: { attack: string; rows: { title: string; seconds: number; robust: number }[]; ratio: null }[];
    };
    expect(results.map(({ attack, ratio }) => [attack, ratio])).toEqual([
      ["pgd-sat", null],
      ["apgd-ce", null],
    ]);
    for (const { rows } of results) {
      expect(rows.map(({ title }) => title)).toEqual(["mtard"]);
      expect(rows[0]?.seconds).toBeGreaterThan(0);
      expect(rows[0]?.robust).toBeLessThanOrEqual(4);
    }
  });

  it.each([
    [
      "the public attacks without their folder",
      ["--python", "python3", "--attacks", "apgd-ce"],
      "--auto-attack is wanted",
    ],
    ["an unknown network", ["--network", "vgg-16"], 'unknown network "vgg-16"'],
  ])("refuses %s", (_, flags, message) => {
    const { status, stdout, stderr } = attacks("--data", "nowhere.tar.gz", ...flags);
    expect(stderr).toContain(message);
    expect({ status, stdout }).toEqual({ status: 2, stdout: "" });
  });
});
