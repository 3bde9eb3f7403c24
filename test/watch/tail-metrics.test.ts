import { appendFileSync, truncateSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { tailMetrics } from "#mtard/watch/tail-metrics.js";
import { evaluationLine, madeFolder, metricsOf, PER_EPOCH, stepLine } from "./made-runs.js";

const folder = madeFolder();
afterAll(() => folder.remove());

let files = 0;
const fileWith = (text: string): string => {
  const path = join(folder.path, `${++files}.jsonl`);
  writeFileSync(path, text);
  return path;
};

describe("metrics that grow", () => {
  it("are read from where they were left, a line that is cut short when it is whole", async () => {
    const path = fileWith(metricsOf(1));
    const tail = tailMetrics(path, { capacity: 512 });
    expect(await tail.look()).toBe(true);
    expect(tail.last).toEqual({ epoch: 1, step: PER_EPOCH, seconds: 5 });
    expect(tail.stepsPerEpoch).toBe(PER_EPOCH);
    const line = stepLine(PER_EPOCH + 1);
    appendFileSync(path, line.slice(0, 20));
    // Who reads until nothing is left comes to an end.
    expect([await tail.look(2 ** 20), tail.isRead]).toEqual([false, true]);
    expect(tail.last?.step).toBe(PER_EPOCH);
    expect(tail.unreadableLines).toBe(0);
    appendFileSync(path, line.slice(20));
    await tail.look();
    expect(tail.last?.step).toBe(PER_EPOCH + 1);
    expect(await tail.look()).toBe(false);
    expect(tail.thinned.curves().values["lossNat"]?.mean).toHaveLength(PER_EPOCH + 1);
  });

  it("show how long an epoch is before one was evaluated", async () => {
    const lines = Array.from({ length: PER_EPOCH + 1 }, (_, at) => stepLine(at + 1));
    const tail = tailMetrics(fileWith(lines.join("")), { capacity: 512 });
    await tail.look();
    expect(tail.stepsPerEpoch).toBe(PER_EPOCH);
  });

  it("are read anew where they were cut, or are others", async () => {
    const path = fileWith(metricsOf(3));
    const tail = tailMetrics(path, { capacity: 512 });
    await tail.look();
    truncateSync(path, metricsOf(1).length);
    await tail.look();
    expect(tail.last?.step).toBe(PER_EPOCH);
    expect(tail.evaluations).toHaveLength(1);
    // A run that goes on from a checkpoint may have grown past its old end between two looks.
    const again = metricsOf(2).replaceAll('"seconds":5', '"seconds":6');
    writeFileSync(path, `${again}${stepLine(101)}`);
    await tail.look();
    expect(tail.evaluations).toHaveLength(2);
    expect(tail.thinned.curves().values["lossNat"]?.mean).toHaveLength(101);
  });
});

describe("long metrics", () => {
  it("are read slice by slice, with every evaluation and the last step, of the others a sample", async () => {
    const epochs = 300;
    const path = fileWith(metricsOf(epochs));
    const tail = tailMetrics(path, { capacity: 128, sample: 500 });
    let slices = 0;
    while (await tail.look(2 ** 20)) slices++;
    expect(slices).toBeGreaterThan(1);
    expect(tail.isRead).toBe(true);
    expect(tail.evaluations.map(({ epoch }) => epoch)).toEqual(
      Array.from({ length: epochs }, (_, at) => at + 1),
    );
    expect(tail.last?.step).toBe(epochs * PER_EPOCH);
    expect(tail.stepsPerEpoch).toBe(PER_EPOCH);
    expect(tail.unreadableLines).toBe(0);
    const { steps, values, width } = tail.thinned.curves();
    const losses = values["lossTotal"]?.mean ?? [];
    expect(losses).not.toContain(null);
    for (const [at, step] of steps.entries()) {
      const within = [step - width / 2, step + width / 2].map((each) => 9 / Math.sqrt(Math.max(1, each)));
      expect(losses[at]).toBeLessThanOrEqual((within[0] ?? 0) * 1.01);
      expect(losses[at]).toBeGreaterThanOrEqual((within[1] ?? 0) * 0.99);
    }
    // What comes later is taken whole.
    appendFileSync(path, `${stepLine(15_001)}${stepLine(15_002)}${evaluationLine(301)}`);
    await tail.look();
    expect(tail.last?.step).toBe(15_002);
    expect(tail.evaluations).toHaveLength(epochs + 1);
  });
});

describe("lines that are none of metrics", () => {
  it("are counted, and nothing else comes of them", async () => {
    const lines = [
      ...[
        "null",
        "[]",
        "{}",
        "7",
        '"step"',
        "{",
        '{"step":1}',
        '{"epoch":1,"step":-3}',
        '{"epoch":1,"step":"2"}',
      ],
      ...[
        '{"wRobust":1}',
        "\u0000\uffff",
        '{"__proto__":{"step":1,"epoch":1}}',
        `{"step":1,"epoch":1,"a":${"[".repeat(5000)}`,
      ],
    ];
    const long = "x".repeat(3 * 2 ** 20);
    const path = fileWith(`${lines.join("\n")}\n${long}\n${stepLine(1)}`);
    const tail = tailMetrics(path, { capacity: 512 });
    await tail.look();
    expect(tail.unreadableLines).toBe(lines.length + 1);
    expect(tail.last?.step).toBe(1);
    expect(tail.evaluations).toEqual([]);
  });
});
