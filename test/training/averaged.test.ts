import { cpSync, existsSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { openDataset } from "#mtard/data/store.js";
import { imagesOf } from "#mtard/evaluation/images.js";
import { measure } from "#mtard/evaluation/measure.js";
import { openModel } from "#mtard/model/model.js";
import { readStudent, type StudentChoice } from "#mtard/model/run-student.js";
import { createNetwork } from "#mtard/networks/networks.js";
import type { TrainingSettings } from "#mtard/recipes/settings.js";
import { readCheckpoint } from "#mtard/run/checkpoint.js";
import { readMetrics } from "#mtard/run/metrics.js";
import { isRunFinished } from "#mtard/run/run-directory.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { keptShapes } from "#mtard/student/kernels.js";
import { weightsFromParameters } from "#mtard/student/parameters.js";
import { prepareRun, type PreparedRun } from "#mtard/training/prepare.js";
import { train, type TrainingEvents, type TrainingSummary } from "#mtard/training/train.js";
import { readSafetensors } from "#mtard/weights/safetensors.js";
import { checkpointWithoutClock, metricsWithoutClock } from "./without-clock.js";
import { makeStores, SHAPE, silentEvents, tinyPlaces, tinySettings } from "./tiny-run.js";

const stores = mkdtempSync(join(tmpdir(), "mtard-averaged-"));
afterAll(() => rmSync(stores, { recursive: true }));

const TEST_IMAGES = 16;
const network = createNetwork("resnet-8", SHAPE);
const place = (run: string, name = ""): string => join(stores, run, name);
const averagedSettings = (changes: Partial<TrainingSettings> = {}): TrainingSettings =>
  tinySettings({ ema: 0.4, limitTest: TEST_IMAGES, ...changes });

/** Trains, and returns how it ended and what was found damaged before. */
async function session(
  run: string,
  settings: TrainingSettings,
  options: { stopAfter?: number; resume?: boolean } = {},
  look: (prepared: PreparedRun) => Partial<TrainingEvents> = () => ({}),
): Promise<TrainingSummary & { repairs: readonly string[] }> {
  const prepared = await prepareRun(settings, tinyPlaces(stores, run, options.resume));
  let steps = 0;
  const { onStep, ...others } = look(prepared);
  const events = silentEvents({
    onStep(event) {
      steps++;
      onStep?.(event);
    },
    stopRequested: () => steps >= (options.stopAfter ?? Infinity),
    ...others,
  });
  try {
    return { ...(await train(prepared, events, 1e9)), repairs: prepared.repairs };
  } finally {
    await prepared.close();
  }
}

async function expectSame(run: string, other: string): Promise<void> {
  expect(metricsWithoutClock(place(run, "metrics.jsonl"))).toBe(
    metricsWithoutClock(place(other, "metrics.jsonl")),
  );
  expect(await checkpointWithoutClock(place(run, "last.safetensors"))).toEqual(
    await checkpointWithoutClock(place(other, "last.safetensors")),
  );
  for (const name of ["best.safetensors", "best-averaged.safetensors", "summary.json"])
    expect(readFileSync(place(run, name)).equals(readFileSync(place(other, name))), name).toBe(true);
}

beforeAll(async () => {
  await makeStores(stores);
  await session("whole", averagedSettings());
});

describe("a run that averages its weights", () => {
  it.each(["natural", "fair-ard", "b-mtard"])(
    "by %s keeps the average of all steps' weights and statistics, and leaves no tensor behind",
    async (method) => {
      const sums = new Map<string, number[]>();
      const tensors: number[] = [];
      const settings = averagedSettings({ method, limitTrain: 48, limitTest: 8 });
      const name = `by-${method}`;
      await session(name, settings, {}, ({ trainee, average }) => {
        const look = (decay: number): void => {
          for (const [name, { data }] of weightsFromParameters(network, trainee.parameters)) {
            const before = sums.get(name) ?? [...data];
            sums.set(
              name,
              before.map((value, index) => decay * value + (1 - decay) * (data[index] ?? NaN)),
            );
          }
        };
        look(0);
        return {
          onStep({ step }) {
            // Counted from 0, as TensorFlow has it.
            const made = step - 1;
            look(Math.min(0.4, (1 + made) / (10 + made)));
            expect(average?.size).toBe(sums.size);
            tensors.push(tf.memory().numTensors - keptShapes());
          },
        };
      });
      const checkpoint = await readCheckpoint(place(name), network);
      expect([...(checkpoint?.average?.keys() ?? [])].sort()).toEqual([...sums.keys()].sort());
      for (const [name, { data }] of checkpoint?.average ?? []) {
        const expected = sums.get(name) ?? [];
        const scale = Math.hypot(...expected);
        const away = Math.hypot(...expected.map((value, index) => value - (data[index] ?? NaN)));
        expect(away, name).toBeLessThanOrEqual(1e-6 * scale);
      }
      expect(tensors).toHaveLength(6);
      expect(new Set(tensors.slice(1)).size).toBe(1);
    },
  );

  it.each([1, 6, 7])("stopped after %i steps and resumed, ends with the same bits", async (stopAfter) => {
    const name = `stopped-${stopAfter}`;
    expect((await session(name, averagedSettings(), { stopAfter })).status).toBe("stopped");
    expect((await session(name, averagedSettings(), { resume: true })).status).toBe("finished");
    await expectSame(name, "whole");
  });

  it("trains as one that does not", async () => {
    await session("plain", averagedSettings({ ema: 0 }));
    const [plain, averaged] = [readMetrics(place("plain")), readMetrics(place("whole"))];
    const withoutClock = (lines: readonly object[]): object[] =>
      lines.map((line) => ({ ...line, seconds: null }));
    expect(withoutClock(averaged.steps)).toEqual(withoutClock(plain.steps));
    expect(averaged.evaluations.map((line) => ({ ...line, averaged: undefined }))).toEqual(plain.evaluations);
    expect(readFileSync(place("whole", "best.safetensors"))).toEqual(
      readFileSync(place("plain", "best.safetensors")),
    );
  });

  it("measures both students in each evaluation, and keeps the best of each by its own W-Robust", async () => {
    const { evaluations } = readMetrics(place("whole"));
    expect(evaluations.map(({ epoch }) => epoch)).toEqual([1, 2]);
    const averaged = evaluations.map((line) => line.averaged);
    const best = Math.max(...averaged.map((each) => each?.wRobust ?? NaN));
    const last = averaged.findLastIndex((each) => each?.best);
    expect(averaged[last]?.wRobust).toBe(best);
    expect(JSON.parse(readFileSync(place("whole", "summary.json"), "utf8"))).toMatchObject({
      bestAveraged: { epoch: evaluations[last]?.epoch, wRobust: best },
    });
    const settings = averagedSettings();
    const { test, description, fingerprint } = openDataset("demo", stores, { test: TEST_IMAGES });
    const model = await openModel({ kind: "run", folder: place("whole") }, { checkpoint: "best-averaged" });
    const { evaluation } = await measure(
      model,
      imagesOf(test, description, fingerprint),
      {
        ...{ attacks: ["pgd-trades"], epsilon: settings.evaluationEpsilon, seed: settings.seed },
        ...{ batchSize: settings.evaluationBatch, checks: false },
        ...{ wrongWhenClean: "final-answer", uniformStart: "clamped" },
      },
      null,
    );
    model.dispose();
    expect(averaged[last]).toMatchObject({
      clean: evaluation.clean.accuracy,
      robust: evaluation.attacks["pgd-trades"]?.accuracy,
    });
  });

  it("tells the images of its averaged weights from those of the raw ones", async () => {
    const seen: string[] = [];
    const settings = averagedSettings({ method: "natural", epochs: 1, limitTest: 8 });
    await session("told", settings, {}, () => ({
      onEvaluationProgress: ({ averaged }) => seen.push(averaged ? "averaged" : "raw"),
      onEvaluation: ({ averaged }) => seen.push(averaged?.best ? "both" : "one"),
    }));
    expect(seen.filter((each, index) => each !== seen[index - 1])).toEqual(["raw", "averaged", "both"]);
  });

  it("has four students", async () => {
    const weights = async (which: StudentChoice): Promise<string> => {
      const student = await readStudent(place("whole"), which);
      return JSON.stringify([...(student.weights.get("linear.bias")?.data ?? [])]);
    };
    const names = ["best", "last", "best-averaged", "last-averaged"] as const;
    const found = await Promise.all(names.map(weights));
    const checkpoint = await readCheckpoint(place("whole"), network);
    expect(found[3]).toBe(JSON.stringify([...(checkpoint?.average?.get("linear.bias")?.data ?? [])]));
    expect(found[1]).toBe(JSON.stringify([...(checkpoint?.weights.get("linear.bias")?.data ?? [])]));
    const { metadata, tensors } = await readSafetensors(place("whole", "best-averaged.safetensors"));
    expect(JSON.parse(metadata["mtard"] ?? "")).toMatchObject({ network: "resnet-8", ema: 0.4 });
    expect(tensors.size).toBe(checkpoint?.weights.size);
    expect(found[2]).not.toBe(found[0]);
  });

  it.each(["best-averaged", "last-averaged"] as const)("is what %s needs", async (which) => {
    await session("none", tinySettings({ method: "natural", epochs: 1, limitTest: 8 }), {
      resume: existsSync(place("none")),
    });
    await expect(readStudent(place("none"), which)).rejects.toMatchObject({
      exitCode: 2,
      message: expect.stringContaining(`keeps no averaged weights, so it has no ${which} student`) as string,
      detail: { fix: expect.stringMatching(/^--checkpoint (best|last); or .*--set ema=/) as string },
    });
  });

  it("does not go on from a checkpoint without averages, whatever its settings were made to say", async () => {
    cpSync(place("plain"), place("claimed"), { recursive: true });
    const settings = readFileSync(place("claimed", "settings.json"), "utf8");
    writeFileSync(place("claimed", "settings.json"), settings.replace('"ema": 0,', '"ema": 0.4,'));
    await expect(session("claimed", averagedSettings(), { resume: true })).rejects.toMatchObject({
      message: expect.stringContaining("is not a whole checkpoint of this run") as string,
      detail: { found: "no averaged weights, where the settings have ema 0.4" },
    });
  });

  it("is another run than one that does not", async () => {
    await expect(session("whole", averagedSettings({ ema: 0 }), { resume: true })).rejects.toMatchObject({
      detail: { expected: "ema 0", found: "ema 0.4" },
    });
  });
});

it("a run without averages has the files it always had, and nothing of averages in them", async () => {
  await session("usual", tinySettings({ method: "natural", limitTest: 8 }));
  expect(readdirSync(place("usual")).sort()).toEqual([
    "best.safetensors",
    "events.out.tfevents.hparams",
    "events.out.tfevents.metrics",
    "last.safetensors",
    "metrics.jsonl",
    "previous.safetensors",
    "settings.json",
    "summary.json",
  ]);
  expect(isRunFinished(place("usual"))).toBe(true);
  const evaluation = readFileSync(place("usual", "metrics.jsonl"), "utf8")
    .split("\n")
    .find((line) => line.includes("wRobust"));
  expect(Object.keys(JSON.parse(evaluation ?? "") as object)).toEqual([
    "epoch",
    "step",
    "clean",
    "robust",
    "wRobust",
    "best",
    "selection",
    "seconds",
  ]);
  const { metadata, tensors } = await readSafetensors(place("usual", "last.safetensors"));
  expect(Object.keys(JSON.parse(metadata["mtard"] ?? "") as object)).toEqual([
    "version",
    "step",
    "batches",
    "method",
    "best",
    "evaluationDue",
    "metricsBytes",
    "seconds",
  ]);
  expect([...tensors.keys()].every((name) => /^(weight|momentum)\//.test(name))).toBe(true);
  expect(Object.keys(JSON.parse(readFileSync(place("usual", "summary.json"), "utf8")) as object)).toEqual([
    "status",
    "step",
    "best",
  ]);
});

describe("a best student of averaged weights that is lost", () => {
  it("is no finished run's, and is written again from a checkpoint, or by training again", async () => {
    cpSync(place("whole"), place("lost"), { recursive: true });
    expect(isRunFinished(place("lost"))).toBe(true);
    rmSync(place("lost", "best-averaged.safetensors"));
    expect(isRunFinished(place("lost"))).toBe(false);
    await expect(readStudent(place("lost"), "best-averaged")).rejects.toMatchObject({
      detail: { fix: expect.stringContaining("--checkpoint last-averaged") as string },
    });
    const { repairs } = await session("lost", averagedSettings(), { resume: true });
    expect(repairs).toEqual([
      expect.stringMatching(
        /best-averaged\.safetensors, the student of epoch \d, is lost.*(from a checkpoint|from its beginning)$/,
      ),
    ]);
    await expectSame("lost", "whole");
    expect(isRunFinished(place("lost"))).toBe(true);
  });
});
