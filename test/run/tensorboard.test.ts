import { execFileSync } from "node:child_process";
import {
  appendFileSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  rmSync,
  statSync,
  truncateSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeEach, describe, expect, it } from "vitest";
import { recipe } from "#mtard/recipes/recipes.js";
import { parseSettings } from "#mtard/recipes/settings.js";
import { type EventFiles, openEventFiles } from "#mtard/run/tensorboard.js";
import { hyperparameters, scalarsOf } from "#mtard/run/tensorboard-tags.js";
import { curvesIn, curvesOfMetrics, readEvents } from "./event-reader.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-tensorboard-"));
const metrics = join(folder, "metrics.jsonl");
const events = join(folder, "events.out.tfevents.metrics");
const described = join(folder, "events.out.tfevents.hparams");
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(() => {
  for (const path of [events, described]) rmSync(path, { recursive: true, force: true });
  writeFileSync(metrics, "");
});

const settings = parseSettings({
  ...recipe({ dataset: "demo", method: "b-mtard", student: "resnet-8" }),
  ...{ dataset: "demo", method: "b-mtard", student: "resnet-8", seed: 3 },
  ...{ cleanTeacher: "clean", robustTeacher: null, limitTrain: null, limitTest: 40 },
});

const stepLine = (step: number): Record<string, unknown> => ({
  ...{ epoch: Math.ceil(step / 4), step, lossNat: 1 / step, relativeLossAdv: step === 3 ? null : -0 },
  ...{ learningRate: 0.1, seconds: 10 * step },
});
const evaluationLine = (step: number): Record<string, unknown> => ({
  ...{ epoch: step / 4, step, clean: 0.5, robust: 0.25, wRobust: 0.375, best: step === 4 },
  ...{ averaged: { clean: 0.75, robust: 0.25, wRobust: 0.5, best: true }, selection: "test", seconds: 99 },
});
/** Eight steps, with an evaluation after the fourth and the last. */
const LINES = [1, 2, 3, 4, 5, 6, 7, 8].flatMap((step) =>
  step % 4 === 0 ? [stepLine(step), evaluationLine(step)] : [stepLine(step)],
);
const picture = { png: Buffer.alloc(300, 7), width: 3, height: 4, description: "what it shows" };

/** Writes lines to the metrics and the events, as a training does. */
async function write(files: EventFiles, lines: readonly Record<string, unknown>[]): Promise<void> {
  for (const line of lines) {
    if ("best" in line) await files.picture(line["step"] as number, () => Promise.resolve(picture));
    appendFileSync(metrics, `${JSON.stringify(line)}\n`);
    files.append(line);
  }
}

const never = (text: string): void => {
  throw new Error(text);
};

async function session(lines: readonly Record<string, unknown>[]): Promise<void> {
  const files = openEventFiles(folder, settings, never);
  await write(files, lines);
  files.close();
}

/** Cuts the metrics back to their first lines, as a resumed run does. */
function cut(lines: number): void {
  writeFileSync(
    metrics,
    LINES.slice(0, lines)
      .map((line) => `${JSON.stringify(line)}\n`)
      .join(""),
  );
}

function expectEqual(pictures: readonly number[]): void {
  const read = readEvents(events);
  expect(curvesIn(read)).toEqual(curvesOfMetrics(metrics));
  expect(read.flatMap(({ step, pictures: each }) => each.map(() => step))).toEqual(pictures);
  const times = read.map(({ wallTime }) => wallTime);
  expect(times).toEqual(times.toSorted((left, right) => left - right));
}

describe("the event file of a run", () => {
  it("has the points of its metrics, in groups, and pictures", async () => {
    await session(LINES);
    expectEqual([4, 8]);
    const curves = curvesIn(readEvents(events));
    expect(curves["loss/nat"]?.slice(0, 3)).toEqual([
      [1, 1],
      [2, 0.5],
      [3, Math.fround(1 / 3)],
    ]);
    expect(curves["relativeLoss/adv"]?.[2]?.[1]).toBeNaN();
    expect(curves["accuracy/wRobust"]).toEqual([
      [4, 0.375],
      [8, 0.375],
    ]);
    expect(curves["best/wRobust"]).toEqual([[4, 0.375]]);
    expect(curves["bestAveraged/clean"]).toHaveLength(2);
  });

  // The fifth line is an evaluation, whose picture stands in front of it.
  it.each([0, 1, 4, 5, 9, 10])(
    "is cut to what its metrics have when it goes on after %i lines",
    async (lines) => {
      await session(LINES);
      const whole = readFileSync(events);
      cut(lines);
      await session(LINES.slice(lines));
      expectEqual([4, 8]);
      // Whoever reads it meanwhile can read on from where it was.
      expect(readFileSync(events)).toHaveLength(whole.length);
    },
  );

  it("keeps the times of what it holds, and dates what is missing by the time that the run was worked on", async () => {
    await session(LINES.slice(0, 3));
    const before = readEvents(events);
    cut(6);
    const now = Date.now() / 1000;
    await session(LINES.slice(6));
    const after = readEvents(events);
    expect(after.slice(0, before.length)).toEqual(before);
    // Step 4, after 40 seconds, the evaluation, after 99, and step 5.
    expect((after[5]?.wallTime ?? NaN) - (after[4]?.wallTime ?? NaN)).toBeCloseTo(59, 3);
    expect(after[4]?.step).toBe(4);
    expect(after.at(-1)?.wallTime).toBeGreaterThanOrEqual(now);
    expect(curvesIn(after)).toEqual(curvesOfMetrics(metrics));
  });

  it.each<[string, () => void]>([
    ["is gone", () => rmSync(events)],
    ["ends within a record", () => truncateSync(events, statSync(events).size - 7)],
    ["ends within a picture", () => truncateSync(events, 500)],
    ["has zeros at its end", () => writeFileSync(events, readFileSync(events).fill(0, 700))],
    ["has another byte in a step", () => writeFileSync(events, readFileSync(events).fill(1, 75, 76))],
    ["is another file", () => writeFileSync(events, "no events")],
    ["has more than its metrics", () => appendFileSync(events, readFileSync(events))],
  ])("is mended where it %s", async (_, damage) => {
    await session(LINES.slice(0, 8));
    damage();
    await session(LINES.slice(8));
    const read = readEvents(events);
    expect(curvesIn(read)).toEqual(curvesOfMetrics(metrics));
    expect(read[0]?.version).toBe("brain.Event:2");
  });

  it("can be read while it is written, up to its last flush", async () => {
    const files = openEventFiles(folder, settings, never);
    await write(files, LINES.slice(0, 7));
    files.flush();
    expectEqual([4]);
    await write(files, LINES.slice(7));
    files.close();
    expectEqual([4, 8]);
  });

  it("is given up where it cannot be written, which is said once and ends nothing", async () => {
    mkdirSync(events);
    const said: string[] = [];
    const files = openEventFiles(folder, settings, (text) => said.push(text));
    await write(files, LINES);
    files.flush();
    files.finish(8);
    files.close();
    expect(said).toEqual([expect.stringContaining(`${events} is not written (`)]);
    expect(said[0]).toContain("the training goes on");
  });

  it("is not waited for where it is a pipe", () => {
    execFileSync("mkfifo", [events]);
    const said: string[] = [];
    openEventFiles(folder, settings, (text) => said.push(text)).close();
    expect(said).toHaveLength(1);
  });

  it("goes on without pictures where they cannot be drawn", async () => {
    const said: string[] = [];
    const files = openEventFiles(folder, settings, (text) => said.push(text));
    for (const step of [4, 8]) await files.picture(step, () => Promise.reject(new Error("no libvips")));
    await files.picture(8, () => Promise.resolve(null));
    for (const line of LINES) {
      appendFileSync(metrics, `${JSON.stringify(line)}\n`);
      files.append(line);
    }
    files.close();
    expect(said).toEqual(["TensorBoard gets no pictures of this run (no libvips)"]);
    expectEqual([]);
  });

  it("has its settings beside it, and the run's end once it is reached", async () => {
    const tags = (): string[] => readEvents(described).flatMap(({ others }) => others);
    await session(LINES);
    expect(tags()).toEqual(["_hparams_/session_start_info"]);
    for (let time = 0; time < 2; time++) {
      const files = openEventFiles(folder, settings, never);
      files.finish(8);
      files.close();
      expect(tags()).toEqual(["_hparams_/session_start_info", "_hparams_/session_end_info"]);
    }
    expectEqual([4, 8]);
  });
});

describe("what TensorBoard is told", () => {
  it("groups names by all words but the last, whatever a method of one's own reports", () => {
    const line = {
      epoch: 1,
      step: 7,
      "": 1,
      loss: 2,
      marginTopFive: 3,
      "<b>\u202e": 4,
      Infinite: Infinity,
      word: "no",
    };
    expect(scalarsOf(line)).toEqual([
      ["schedule/epoch", 1],
      ["", 1],
      ["loss", 2],
      ["marginTop/five", 3],
      ["<b>\u202e", 4],
      ["Infinite", NaN],
    ]);
  });

  it("are the settings that count for the method and have a value", () => {
    const told = hyperparameters(settings);
    expect(told).toMatchObject({
      method: "b-mtard",
      seed: 3,
      limitTest: 40,
      milestones: "4",
      nesterov: false,
    });
    for (const name of ["robustTeacher", "limitTrain", "cropPadding", "alpha", "guidance"])
      expect(told, name).not.toHaveProperty(name);
    expect(hyperparameters({ ...settings, method: "my own" })).toHaveProperty("alpha");
  });
});
