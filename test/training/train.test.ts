import { existsSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { datasets } from "#mtard/data/datasets.js";
import { openDataset } from "#mtard/data/store.js";
import { imagesOf } from "#mtard/evaluation/images.js";
import { measure } from "#mtard/evaluation/measure.js";
import { openModel } from "#mtard/model/model.js";
import { methodIds, methods } from "#mtard/methods/methods.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { keptShapes } from "#mtard/student/kernels.js";
import { readCheckpoint } from "#mtard/run/checkpoint.js";
import type { Teacher } from "#mtard/teacher/bridge.js";
import { prepareRun } from "#mtard/training/prepare.js";
import { readRun } from "#mtard/run/run-directory.js";
import { trainingStep } from "#mtard/training/step.js";
import { settingsOfEpoch, train, type TrainingSummary } from "#mtard/training/train.js";
import type { TrainingSettings } from "#mtard/recipes/settings.js";
import { loadSharp } from "#mtard/runtime/sharp.js";
import { curvesIn, curvesOfMetrics, readEvents, type ReadEvent } from "../run/event-reader.js";
import { checkpointWithoutClock, metricsWithoutClock } from "./without-clock.js";
import { makeStores, SHAPE, silentEvents, tinyPlaces, tinySettings } from "./tiny-run.js";

const stores = mkdtempSync(join(tmpdir(), "mtard-train-"));
beforeAll(() => makeStores(stores));
afterAll(() => rmSync(stores, { recursive: true }));

/** Trains until `stopAfter` steps of this session, or to the end. */
async function session(
  name: string,
  settings: TrainingSettings,
  options: { stopAfter?: number; resume?: boolean; stopInEvaluation?: boolean; tensorboard?: boolean } = {},
): Promise<TrainingSummary> {
  const { resume, tensorboard } = options;
  const run = await prepareRun(settings, { ...tinyPlaces(stores, name, resume), tensorboard });
  let steps = 0;
  let evaluating = false;
  const events = silentEvents({
    onStep: () => {
      steps++;
      evaluating = true;
    },
    stopRequested: () => (options.stopInEvaluation ? evaluating : steps >= (options.stopAfter ?? Infinity)),
  });
  try {
    return await train(run, events, 1e9);
  } finally {
    await run.close();
  }
}

function file(run: string, name: string): Buffer {
  return readFileSync(join(stores, run, name));
}

/** Everything of two runs is the same, bit for bit, but for the clock. */
async function expectSame(run: string, other: string): Promise<void> {
  const [metrics, checkpoint] = [join(stores, run, "metrics.jsonl"), join(stores, run, "last.safetensors")];
  expect(metricsWithoutClock(metrics)).toBe(metricsWithoutClock(join(stores, other, "metrics.jsonl")));
  expect(await checkpointWithoutClock(checkpoint)).toEqual(
    await checkpointWithoutClock(join(stores, other, "last.safetensors")),
  );
  for (const each of ["best.safetensors", "summary.json"])
    expect(file(run, each).equals(file(other, each)), each).toBe(true);
}

/** What a run gave TensorBoard, whose curves must be those of its metrics. */
function eventsOf(run: string): ReadEvent[] {
  const events = readEvents(join(stores, run, "events.out.tfevents.metrics"));
  expect(curvesIn(events)).toEqual(curvesOfMetrics(join(stores, run, "metrics.jsonl")));
  return events;
}

interface MetricsLine {
  epoch: number;
  step: number;
  lossNat?: number;
  temperatureNat?: number;
  weightNat?: number;
  weightAdv?: number;
  robust?: number;
  wRobust?: number;
  learningRate?: number;
  seconds: number;
}

function linesOf(run: string): MetricsLine[] {
  const lines = file(run, "metrics.jsonl").toString().trim().split("\n");
  return lines.map((line) => JSON.parse(line) as MetricsLine);
}

describe("a training run", () => {
  it("reports every step and every evaluation, and keeps the best and the last student", async () => {
    const summary = await session("whole", tinySettings());
    expect(summary.status).toBe("finished");
    expect(summary.step).toBe(12);
    const lines = linesOf("whole");
    const steps = lines.filter((line) => line.lossNat !== undefined);
    expect(steps.map(({ step }) => step)).toEqual(Array.from({ length: 12 }, (_, index) => index + 1));
    expect(steps.map(({ learningRate }) => learningRate)).toEqual([
      ...Array<number>(6).fill(0.1),
      ...Array<number>(6).fill(0.1 * 0.1),
    ]);
    expect(lines.filter((line) => line.wRobust !== undefined).map(({ epoch }) => epoch)).toEqual([1, 2]);
    for (const { weightNat = NaN, weightAdv = NaN } of steps)
      expect(weightNat + weightAdv).toBeCloseTo(1, 12);
    // A temperature moves by 0.001 a step, or by a tenth of it after the milestone, and stays in [1, 10].
    const moves = steps.map(
      ({ temperatureNat = NaN }, index) => temperatureNat - (steps[index - 1]?.temperatureNat ?? 1),
    );
    for (const [index, move] of moves.entries()) {
      const rate = index < 6 ? 1e-3 : 1e-4;
      expect(Math.min(Math.abs(Math.abs(move) - rate), Math.abs(move))).toBeLessThan(1e-12);
    }
    expect(existsSync(join(stores, "whole", "best.safetensors"))).toBe(true);
    // Beside its settings, what the recipe says where they differ.
    expect(readRun(join(stores, "whole")).recipe).toEqual({
      epochs: 6,
      batchSize: 64,
      milestones: [4],
      innerSteps: 5,
      evaluateEvery: 6,
    });
  });

  it("gives TensorBoard its curves and a picture of each evaluation's attack; without that, it has the same bits", async () => {
    const pictures = eventsOf("whole").flatMap(({ step, pictures }) =>
      pictures.map((each) => ({ step, ...each })),
    );
    expect(pictures.map(({ step }) => step)).toEqual([6, 12]);
    for (const { png, width, height } of pictures) {
      // Eight images of 32 pixels in three rows, each pixel three wide.
      expect([width, height]).toEqual([8 * 96, 3 * 96]);
      const { data, info } = await loadSharp()(png).raw().toBuffer({ resolveWithObject: true });
      expect(info).toMatchObject({ width, height, channels: 3 });
      const at = (row: number, x: number): number => data[(96 * row * width + x) * 3] as number;
      // Attacked images are near the clean ones, and the changes are shown from grey.
      for (let x = 0; x < width; x += 3) {
        const change = at(1, x) - at(0, x);
        expect(Math.abs(change)).toBeLessThanOrEqual(9);
        expect(Math.abs(at(2, x) - (127.5 + 8 * change))).toBeLessThan(9);
      }
    }
    await session("no-events", tinySettings(), { tensorboard: false });
    await expectSame("no-events", "whole");
    expect(readdirSync(join(stores, "no-events")).filter((name) => name.includes("tfevents"))).toEqual([]);
  });

  it.each([1, 5, 6, 7, 11])(
    "stopped after %i steps and resumed, ends with the same bits",
    async (stopAfter) => {
      const name = `stopped-${stopAfter}`;
      expect((await session(name, tinySettings(), { stopAfter })).status).toBe("stopped");
      expect((await session(name, tinySettings(), { resume: true })).status).toBe("finished");
      await expectSame(name, "whole");
      expect(eventsOf(name)).toHaveLength(eventsOf("whole").length);
      const seconds = linesOf(name).map((line) => line.seconds);
      expect(seconds).toEqual([...seconds].sort((left, right) => left - right));
      expect(seconds[0]).toBeGreaterThan(0);
    },
  );

  it("stopped in the middle of an evaluation, does it again on resuming", async () => {
    const settings = tinySettings({ evaluationBatch: 10 });
    await session("evaluated", settings);
    expect((await session("evaluating", settings, { stopInEvaluation: true })).status).toBe("stopped");
    await session("evaluating", settings, { resume: true });
    await expectSame("evaluating", "evaluated");
  });

  it("of another seed differs", async () => {
    await session("other-seed", tinySettings({ seed: 6, epochs: 1 }));
    const metrics = (run: string): string => metricsWithoutClock(join(stores, run, "metrics.jsonl"));
    expect(metrics("other-seed")).not.toBe(metrics("whole").slice(0, metrics("other-seed").length));
  });

  it("of other settings is refused, every difference named", async () => {
    const refused = session("whole", tinySettings({ learningRate: 0.05, seed: 7 }), { resume: true });
    await expect(refused).rejects.toMatchObject({
      detail: { expected: "seed 7, learningRate 0.05", found: "seed 5, learningRate 0.1" },
    });
  });

  it("with teachers in float16 is refused on a CPU, and leaves nothing", async () => {
    const half = session("half", tinySettings({ teacherPrecision: "float16" }));
    await expect(half).rejects.toMatchObject({
      exitCode: 2,
      detail: { fix: expect.stringContaining("teacherPrecision=float32") as string },
    });
    expect(existsSync(join(stores, "half"))).toBe(false);
  });

  it("crops after as much padding as is set, by default the data set's", async () => {
    const firstBatch = async (name: string, changes: Partial<TrainingSettings>): Promise<number[]> => {
      const run = await prepareRun(tinySettings(changes), tinyPlaces(stores, name));
      try {
        return [...run.batches.next().images];
      } finally {
        await run.close();
      }
    };
    const usual = await firstBatch("padding-usual", {});
    const { padding } = datasets.demo.augmentation;
    expect(await firstBatch("padding-named", { cropPadding: padding })).toEqual(usual);
    expect(await firstBatch("padding-8", { cropPadding: 8 })).not.toEqual(usual);
    const plain = await firstBatch("padding-none", { cropPadding: 0, augmentation: false });
    // Without padding an image is as it is, or mirrored: the same pixel values in every row.
    const sums = (values: readonly number[]): number[] =>
      Array.from({ length: values.length / 96 }, (_, row) =>
        values.slice(96 * row, 96 * (row + 1)).reduce((sum, value) => sum + value, 0),
      );
    const cropped = sums(await firstBatch("padding-0", { cropPadding: 0 }));
    for (const [row, sum] of sums(plain).entries()) expect(cropped[row]).toBeCloseTo(sum, 4);
  });

  it.each(["final-answer", "not-robust"] as const)(
    "chooses its best student with images that are wrong when clean as %s",
    async (evaluationWrongWhenClean) => {
      const settings = tinySettings({
        ...{ method: "natural", epochs: 1, limitTest: 40, evaluationBatch: 10, evaluationWrongWhenClean },
      });
      const name = `chosen-by-${evaluationWrongWhenClean}`;
      const run = await prepareRun(settings, tinyPlaces(stores, name));
      let looks = 0;
      await train(run, silentEvents({ onEvaluationProgress: () => looks++ }), 1e9);
      await run.close();
      const model = await openModel({ kind: "run", folder: join(stores, name) });
      const { test, description, fingerprint } = openDataset("demo", stores, { test: 40 });
      let expected = 0;
      const { evaluation } = await measure(
        model,
        imagesOf(test, description, fingerprint),
        {
          ...{ attacks: ["pgd-trades"], epsilon: settings.evaluationEpsilon, batchSize: 10 },
          ...{ seed: settings.seed, checks: false },
          ...{ wrongWhenClean: evaluationWrongWhenClean, uniformStart: "clamped" },
        },
        null,
        { onProgress: () => expected++ },
      );
      model.dispose();
      expect(linesOf(name).find(({ wRobust }) => wRobust !== undefined)).toMatchObject({
        clean: evaluation.clean.accuracy,
        robust: evaluation.attacks["pgd-trades"]?.accuracy,
      });
      // Every batch and every step of an attack tells how far it is: four batches are seen clean, and all or few attacked.
      expect(looks).toBe(expected);
      const attacked = evaluationWrongWhenClean === "final-answer" ? 40 : evaluation.clean.correct;
      expect(looks).toBe(4 + Math.ceil(attacked / 10) * 21);
      expect(evaluation.clean.correct).toBeLessThan(30);
    },
  );

  it.each([
    ["shared", ["clean x", "robust x'"]],
    ["per-image", ["clean x", "clean x'", "robust x", "robust x'"]],
  ] as const)("by LMTN with guidance %s asks %o", async (guidance, expected) => {
    const run = await prepareRun(
      tinySettings({ method: "lmtn", guidance }),
      tinyPlaces(stores, `lmtn-${guidance}`),
    );
    try {
      const batch = run.batches.next();
      const clean = Float32Array.from(batch.images);
      const asked: string[] = [];
      const watched = (teacher: Teacher | null, role: string): Teacher | null =>
        teacher && {
          ...teacher,
          logits(images) {
            const isClean = images.every((value, index) => value === clean[index]);
            asked.push(`${role} ${isClean ? "x" : "x'"}`);
            return teacher.logits(images);
          },
        };
      const { cleanTeacher, robustTeacher } = run.trainee;
      const trainee = {
        ...run.trainee,
        cleanTeacher: watched(cleanTeacher, "clean"),
        robustTeacher: watched(robustTeacher, "robust"),
      };
      const { method, sgd } = settingsOfEpoch(run.settings, 1);
      await trainingStep(trainee, batch, { method, sgd }, () => undefined);
      expect(asked.sort()).toEqual(expected);
    } finally {
      await run.close();
    }
  });

  it("that already exists is refused without resume", async () => {
    await expect(session("whole", tinySettings())).rejects.toThrow(/already holds this run/);
  });

  it("stops at a loss that is not finite and names the last good checkpoint", async () => {
    const before = tinySettings({ learningRate: 1e30, weightDecay: 0 });
    await expect(session("exploding", before)).rejects.toMatchObject({
      message: "the loss is not finite",
      exitCode: 1,
      detail: { fix: expect.stringContaining("last.safetensors") as string },
    });
    expect(existsSync(join(stores, "exploding", "last.safetensors"))).toBe(true);
  });

  it.each(methodIds)("by %s lowers its loss in 50 steps and leaves no tensor behind", async (method) => {
    const settings = {
      ...recipe({ dataset: "demo", method, student: "resnet-8" }, 5),
      limitTrain: 40,
      limitTest: 4,
      batchSize: 4,
      learningRate: 0.02,
      augmentation: false,
      innerSteps: 1,
    };
    const run = await prepareRun(
      tinySettings({ ...settings, method }),
      tinyPlaces(stores, `method-${method}`),
    );
    const losses: number[] = [];
    const tensors: number[] = [];
    const events = silentEvents({
      onStep({ report }) {
        const parts = [report["lossNat"], report["lossAdv"]].filter((value) => value !== undefined);
        losses.push(report["lossTotal"] ?? parts.reduce((sum, value) => sum + value, 0));
        tensors.push(tf.memory().numTensors - keptShapes());
      },
    });
    await train(run, events, 1e9);
    await run.close();
    expect(losses).toHaveLength(50);
    const mean = (values: number[]): number => values.reduce((sum, value) => sum + value, 0) / values.length;
    expect(mean(losses.slice(-10))).toBeLessThan(0.95 * mean(losses.slice(0, 10)));
    expect(new Set(tensors.slice(10)).size).toBe(1);
  });

  it.each(["fair-ard", "absld"] as const)(
    "by %s keeps its classes' memory over a stop in the middle of an epoch",
    async (method) => {
      const changes = { ...recipe({ dataset: "demo", method, student: "resnet-8" }, 3), method };
      const settings = tinySettings({
        ...changes,
        limitTrain: 48,
        limitTest: 8,
        batchSize: 16,
        innerSteps: 2,
      });
      await session(`${method}-whole`, settings);
      await session(`${method}-stopped`, settings, { stopAfter: 5 });
      const saved = await readCheckpoint(join(stores, `${method}-stopped`), createNetwork("resnet-8", SHAPE));
      const state = JSON.stringify(saved?.progress.method);
      expect(state).toMatch(method === "absld" ? /"temperatures":/ : /"weights":/);
      expect(state).not.toBe(JSON.stringify(methods[method].initialState(settings, 10)));
      await session(`${method}-stopped`, settings, { resume: true });
      await expectSame(`${method}-stopped`, `${method}-whole`);
    },
  );
});
