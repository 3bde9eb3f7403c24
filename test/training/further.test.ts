import { existsSync, mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { runKey } from "#mtard/reproduction/run-key.js";
import type { TrainingSettings } from "#mtard/recipes/settings.js";
import { readMetrics } from "#mtard/run/metrics.js";
import { isRunFinished, readRun } from "#mtard/run/run-directory.js";
import { prepareRun } from "#mtard/training/prepare.js";
import { train, type TrainingSummary } from "#mtard/training/train.js";
import { checkpointWithoutClock, metricsWithoutClock } from "./without-clock.js";
import { makeStores, silentEvents, tinyPlaces, tinySettings } from "./tiny-run.js";

/* A finished run that is trained further. */

const stores = mkdtempSync(join(tmpdir(), "mtard-further-"));
beforeAll(() => makeStores(stores));
afterAll(() => rmSync(stores, { recursive: true }));

const path = (run: string, file: string): string => join(stores, run, file);

async function session(
  name: string,
  settings: TrainingSettings,
  stopAfter = Infinity,
): Promise<TrainingSummary> {
  const run = await prepareRun(settings, tinyPlaces(stores, name, true));
  let steps = 0;
  const events = silentEvents({ onStep: () => steps++, stopRequested: () => steps >= stopAfter });
  try {
    return await train(run, events, 1e9);
  } finally {
    await run.close();
  }
}

const short = tinySettings({ epochs: 1, milestones: [3] });
const long = tinySettings({ epochs: 3, milestones: [2] });
/** What the long run does from its first step on, if the first epoch was trained by the same rates. */
const whole = tinySettings({ epochs: 3, milestones: [2] });

it("goes on where it ended, with the new schedule, and says so in its settings", async () => {
  await session("further", short);
  expect(await session("further", long)).toMatchObject({ status: "finished", step: 18 });
  const { settings, inputs, recipe } = readRun(join(stores, "further"));
  expect(settings).toEqual(long);
  expect(inputs.earlier).toEqual([{ epochs: 1, milestones: [3], evaluateEvery: 1 }]);
  expect(recipe).toMatchObject({ epochs: 6 });
  const { steps } = readMetrics(join(stores, "further"));
  expect(steps.map(({ learningRate }) => learningRate)).toEqual([
    ...Array<number>(12).fill(0.1),
    ...Array<number>(6).fill(0.1 * 0.1),
  ]);
  // Both ways the rates are the same in every step, and so are all bits.
  await session("whole", whole);
  expect(metricsWithoutClock(path("further", "metrics.jsonl"))).toBe(
    metricsWithoutClock(path("whole", "metrics.jsonl")),
  );
  expect(await checkpointWithoutClock(path("further", "last.safetensors"))).toEqual(
    await checkpointWithoutClock(path("whole", "last.safetensors")),
  );
});

it("is not taken for a run of the long schedule, but by itself it is resumed", async () => {
  const images = { train: 4000, test: 1000 };
  const [further, other] = ["further", "whole"].map((run) => readRun(join(stores, run)));
  if (!further || !other) throw new Error("no runs");
  expect(runKey(further.settings, further.inputs, images)).not.toBe(
    runKey(other.settings, other.inputs, images),
  );
  expect(runKey(further.settings, { ...further.inputs, earlier: undefined }, images)).toBe(
    runKey(other.settings, other.inputs, images),
  );
  expect(await session("further", long)).toMatchObject({ status: "finished", step: 18 });
});

it("stopped on its way to the later end, is unfinished and goes on", async () => {
  await session("stopped", short);
  expect(await session("stopped", long, 4)).toMatchObject({ status: "stopped", step: 10 });
  expect(isRunFinished(join(stores, "stopped"))).toBe(false);
  expect(await session("stopped", long)).toMatchObject({ status: "finished" });
  expect(metricsWithoutClock(path("stopped", "metrics.jsonl"))).toBe(
    metricsWithoutClock(path("further", "metrics.jsonl")),
  );
});

it("is refused an earlier end, other settings, or a later end before it is finished; nothing is written", async () => {
  const before = readFileSync(path("further", "settings.json"), "utf8");
  const refused = (settings: TrainingSettings, name = "further"): Promise<unknown> =>
    session(name, settings).catch((error: unknown) => error);
  expect(await refused(short)).toMatchObject({
    message: expect.stringContaining("holds a run of other settings") as string,
    detail: { expected: "epochs 1, milestones [3]", found: "epochs 3, milestones [2]" },
  });
  expect(await refused(tinySettings({ epochs: 9, milestones: [2], beta: 3 }))).toMatchObject({
    message: expect.stringContaining("holds a run of other settings") as string,
  });
  expect(readFileSync(path("further", "settings.json"), "utf8")).toBe(before);
  expect(existsSync(path("further", "summary.json"))).toBe(true);
  await session("begun", short, 2);
  expect(await refused(long, "begun")).toMatchObject({
    detail: { fix: expect.stringContaining("--resume with the 1 epochs of that run") as string },
  });
});
