import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import {
  curveOf,
  finalEpochMean,
  readDamagedMetrics,
  readEvaluations,
  readMetrics,
  type StepLine,
} from "#mtard/run/metrics.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-metrics-"));
afterAll(() => rmSync(folder, { recursive: true }));

function write(...lines: string[]): void {
  writeFileSync(join(folder, "metrics.jsonl"), lines.join("\n"));
}

const evaluation =
  '{"epoch":1,"step":2,"clean":0.5,"robust":0.25,"wRobust":0.375,"best":true,"selection":"test"}';

describe("a run's metrics", () => {
  it("are read line by line, without a last one cut short", () => {
    write('{"epoch":1,"step":1,"lossNat":2}', evaluation, '{"epoch":2,"step":3,"los');
    const { steps, evaluations } = readMetrics(folder);
    expect(steps).toEqual([{ epoch: 1, step: 1, lossNat: 2 }]);
    expect(evaluations).toMatchObject([{ epoch: 1, step: 2, clean: 0.5, wRobust: 0.375, best: true }]);
  });

  it("have evaluations that are read alone, whatever stands beside them", () => {
    write('{"epoch":1,"step":1,"lossNat":2}', evaluation, "nothing", evaluation, '{"epoch":2,"wRobust":0.');
    expect(readEvaluations(folder)).toEqual([...readDamagedMetrics(folder).evaluations]);
    expect(readEvaluations(folder)).toMatchObject([{ wRobust: 0.375 }, { wRobust: 0.375 }]);
    expect(() => readEvaluations(join(folder, "nowhere"))).toThrow(/cannot be read/);
  });

  it.each(['{"epoch":0,"step":1}', "[]", "nothing", '{"epoch":1,"step":1,"lossNat":"2"}'])(
    "refuse %s",
    (line) => {
      write('{"epoch":1,"step":1,"lossNat":2}', line, "");
      expect(() => readMetrics(folder)).toThrow(/metrics\.jsonl is not whole$/);
      const { steps, problems } = readDamagedMetrics(folder);
      expect(steps).toEqual([{ epoch: 1, step: 1, lossNat: 2 }]);
      expect(problems).toEqual([expect.stringMatching(/^line 2 is not of metrics: /)]);
    },
  );

  it("name the steps that are missing, and give the others", () => {
    write('{"epoch":1,"step":1,"lossNat":2}', '{"epoch":1,"step":9,"lossNat":1}', '{"epoch":1,"st');
    expect(() => readMetrics(folder)).toThrow(/metrics\.jsonl is not whole$/);
    expect(readDamagedMetrics(folder)).toMatchObject({
      steps: [{ step: 1 }, { step: 9 }],
      problems: ["no lines of steps 2 to 8"],
      torn: true,
    });
  });

  it("have a mean over the final epoch alone", () => {
    write(
      '{"epoch":1,"step":1,"entropyNat":9}',
      '{"epoch":2,"step":2,"entropyNat":1}',
      '{"epoch":2,"step":3,"entropyNat":2}',
      '{"epoch":2,"step":4,"entropyNat":6}',
      evaluation,
      "",
    );
    expect(finalEpochMean(readMetrics(folder), "entropyNat")).toBe(3);
    expect(() => finalEpochMean(readMetrics(folder), "entropyAdv")).toThrow("the run reported no entropyAdv");
  });
});

describe("a curve", () => {
  const steps = (epochs: number, perEpoch: number, value: (step: number) => number): StepLine[] =>
    Array.from({ length: epochs * perEpoch }, (_, index) => ({
      epoch: Math.floor(index / perEpoch) + 1,
      step: index + 1,
      value: value(index + 1),
    }));

  it("of many epochs has a point an epoch: its mean, at its end", () => {
    const points = curveOf(
      steps(60, 3, (step) => step),
      "value",
    );
    expect(points).toHaveLength(60);
    expect(points.slice(0, 2)).toEqual([
      { x: 1, y: 2 },
      { x: 2, y: 5 },
    ]);
  });

  it("of few epochs has points within an epoch, and no more than steps", () => {
    // 60 points over 2 epochs would be 30 parts an epoch; 4 steps make 4.
    expect(
      curveOf(
        steps(2, 4, (step) => 10 * step),
        "value",
      ),
    ).toEqual([0.25, 0.5, 0.75, 1, 1.25, 1.5, 1.75, 2].map((x, index) => ({ x, y: 10 * (index + 1) })));
    // 30 parts of 60 steps: two steps each.
    const points = curveOf(
      steps(2, 60, (step) => step),
      "value",
    );
    expect(points).toHaveLength(60);
    expect(points[0]).toEqual({ x: 1 / 30, y: 1.5 });
    expect(points.at(-1)).toEqual({ x: 2, y: 119.5 });
  });

  it("leaves out what was not reported", () => {
    expect(
      curveOf(
        steps(2, 2, () => 1),
        "other",
      ),
    ).toEqual([]);
    expect(curveOf([], "value")).toEqual([]);
  });
});
