import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import {
  evaluate,
  InputError,
  methods,
  networkBuilder,
  openDataset,
  openModel,
  prepareDataset,
  readRun,
  recipe,
  tf,
  train,
  z,
  type Method,
  type Network,
  type TrainingProgress,
  type TrainOptions,
} from "#mtard/index.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-library-train-"));
afterAll(() => rmSync(folder, { recursive: true }));
const at = (name: string): string => join(folder, name);
const dataDir = at("data");
const places = { dataDir, teachersDir: "teachers" };
beforeAll(() => prepareDataset("demo", dataDir));

/** A run of three steps that ends in seconds. */
const quick = {
  ...places,
  dataset: "demo",
  student: "resnet-8",
  epochs: 1,
  limitTrain: 48,
  limitTest: 16,
  settings: { batchSize: 16, innerSteps: 2 },
} as const satisfies TrainOptions;

const steps = (run: string): object[] =>
  readRun(run).steps.map((step) =>
    Object.fromEntries(Object.entries(step).filter(([name]) => name !== "seconds")),
  );

/** Cross-entropy on clean images that counts its steps, a method with a state. */
const counting: Method<{ steps: number }> = {
  title: "Counting!",
  teachers: [],
  passes: ["nat"],
  settings: [],
  attack: null,
  stateSchema: () => z.object({ steps: z.number() }),
  initialState: () => ({ steps: 0 }),
  losses({ studentNat, labels }, { steps: before }) {
    const total = tf.tidy(() =>
      tf.mean<ReturnType<typeof tf.scalar>>(
        tf.neg(tf.sum(tf.mul(tf.logSoftmax(studentNat), tf.oneHot(labels, 10)), 1)),
      ),
    );
    return { total, report: { counted: before + 1 }, next: { steps: before + 1 } };
  },
};

function tiny(classes = 10): Network {
  const builder = networkBuilder(3);
  const stem = builder.relu(
    builder.batchNorm("bn", builder.conv("conv", "images", { filters: 8, kernel: 3, stride: 2 })),
  );
  const output = builder.linear("fc", builder.globalAveragePool(stem), classes);
  const input = { height: 32, width: 32, channels: 3 };
  return { id: "tiny", input, classes, initialization: "uniform", layers: builder.layers, output };
}

const refusal = async (options: TrainOptions): Promise<string> => {
  const error: unknown = await train(options).catch((caught: unknown) => caught);
  return error instanceof InputError ? error.report() : `not refused: ${String(error)}`;
};

describe("train", () => {
  it("tells every step and evaluation, and frees all tensors", async () => {
    const seen: TrainingProgress[] = [];
    await train({ ...quick, out: at("warm-up") });
    const before = tf.memory().numTensors;
    const result = await train({ ...quick, out: at("told"), onProgress: (progress) => seen.push(progress) });
    expect(tf.memory().numTensors).toBe(before);
    expect(result).toMatchObject({ status: "finished", folder: at("told"), step: 3 });
    expect(result.departures).toEqual([
      expect.stringMatching(`^batches of ${result.settings.batchSize}, where the recipe has 64:`),
    ]);
    expect(
      seen.filter(({ kind }) => kind === "step").map((each) => each.kind === "step" && each.step),
    ).toEqual([1, 2, 3]);
    expect(seen.at(-1)).toMatchObject({
      kind: "evaluated",
      epoch: 1,
      best: true,
      wRobust: result.best?.wRobust,
    });
    expect(readRun(at("told"))).toMatchObject({
      finished: true,
      settings: { method: "b-mtard" },
      changed: { batchSize: recipe({ dataset: "demo", method: "b-mtard", student: "resnet-8" }).batchSize },
    });
  });

  it("tells what averaged weights got, where the settings ask for them", async () => {
    const seen: TrainingProgress[] = [];
    const result = await train({
      ...quick,
      out: at("averaged"),
      settings: { ...quick.settings, ema: 0.9 },
      onProgress: (progress) => seen.push(progress),
    });
    const { bestAveraged } = result;
    expect(bestAveraged?.epoch).toBe(1);
    expect(seen.at(-1)).toMatchObject({ averaged: { best: true, wRobust: bestAveraged?.wRobust } });
    expect(readRun(at("averaged")).evaluations[0]?.averaged?.wRobust).toBe(bestAveraged?.wRobust);
    const model = await openModel(at("averaged"), { checkpoint: "best-averaged" });
    const raw = await openModel(at("averaged"));
    expect(model.identity).not.toBe(raw.identity);
    for (const each of [model, raw]) each.dispose();
    expect((await train({ ...quick, method: "natural", out: at("none") })).bestAveraged).toBeNull();
  });

  it("takes a built-in method as a value as it takes its id", async () => {
    await train({ ...quick, method: "rslad", out: at("rslad-id") });
    const { settings } = await train({ ...quick, method: methods.rslad, out: at("rslad-value") });
    expect(settings.method).toBe("rslad");
    expect(steps(at("rslad-value"))).toEqual(steps(at("rslad-id")));
  });

  it("stops when the signal says so, and goes on to the same numbers", async () => {
    await train({ ...quick, method: counting, out: at("whole") });
    const stop = new AbortController();
    const stopping = { ...quick, method: counting, out: at("stopped"), resume: true };
    const stopped = await train({ ...stopping, signal: stop.signal, onProgress: () => stop.abort() });
    expect(stopped).toMatchObject({ status: "stopped", step: 1 });
    expect(await train(stopping)).toMatchObject({ status: "finished", step: 3 });
    expect(steps(at("stopped"))).toEqual(steps(at("whole")));
    expect(readRun(at("stopped")).steps.map(({ counted }) => counted)).toEqual([1, 2, 3]);
    expect(readFileSync(join(at("stopped"), "best.safetensors"))).toEqual(
      readFileSync(join(at("whole"), "best.safetensors")),
    );
  });

  it("uses the recipe of every method for a method of one's own", async () => {
    const { settings } = await train({
      ...quick,
      settings: {},
      limitTrain: 16,
      method: counting,
      out: at("own"),
    });
    expect(settings).toMatchObject({
      ...recipe({ dataset: "demo", method: "natural", student: "resnet-8" }, 1),
      method: "counting",
    });
  });

  it("trains a network of one's own, which is opened and measured like any other", async () => {
    const out = at("own-network");
    await train({ ...quick, method: "natural", student: tiny(), out });
    expect(existsSync(join(out, "network.json"))).toBe(true);
    const model = await openModel(out, places);
    expect(model).toMatchObject({ dataset: "demo", classes: 10, known: { network: { id: "tiny" } } });
    const { clean } = await evaluate(model, { ...places, attacks: [], limit: 16 });
    model.dispose();
    expect(clean.accuracy).toBe(readRun(out).evaluations.at(-1)?.clean);
    const other = { ...tiny(), initialization: "kaiming-normal" } as const;
    expect(await refusal({ ...quick, method: "natural", student: other, out, resume: true })).toMatch(
      /other settings[^]*network/,
    );
  });

  it("trains on data that are open already, cut down as asked", async () => {
    const dataset = openDataset("demo", dataDir);
    await train({ ...quick, method: "natural", out: at("by-id") });
    await train({ ...quick, dataset, method: "natural", out: at("by-value") });
    expect(steps(at("by-value"))).toEqual(steps(at("by-id")));
  });

  it.each<[string, object, RegExp]>([
    ["no total", { report: {}, next: { steps: 1 } }, /returns no loss[^]*undefined/],
    [
      "a loss an image",
      { total: tf.zeros([16]), report: {}, next: { steps: 1 } },
      /returns no loss[^]*a tensor \[16\]/,
    ],
    [
      "a text in its report",
      { total: tf.scalar(0), report: { x: "a" }, next: { steps: 1 } },
      /reports no number as x/,
    ],
    [
      "another state",
      { total: tf.scalar(0), report: {}, next: { step: 1 } },
      /returns a state that its own schema refuses/,
    ],
    ["a promise", Promise.resolve(), /returns no loss/],
  ])("names a method whose losses return %s", async (name, made, said) => {
    const method = { ...counting, losses: () => made as never };
    expect(await refusal({ ...quick, method, out: at(`wrong-${name.replaceAll(" ", "-")}`) })).toMatch(said);
  });

  it("notices a network.json that is gone or another's", async () => {
    const out = at("own-network");
    const path = join(out, "network.json");
    const text = readFileSync(path, "utf8");
    writeFileSync(path, text.replace('"relu"', '"silu"'));
    await expect(openModel(out, places)).rejects.toThrow(/is not the network that the run was made with/);
    rmSync(path);
    await expect(openModel(out, places)).rejects.toThrow(/cannot be read as a network/);
    writeFileSync(path, text);
    (await openModel(out, places)).dispose();
  });

  it.each<[string, Partial<TrainOptions>, RegExp]>([
    [
      "an unknown method",
      { method: "b-mtart" as "b-mtard" },
      /unknown method "b-mtart"[^]*a method of your own as a value/,
    ],
    [
      "a method called like a built-in one",
      { method: { ...counting, title: "RSLAD" } },
      /cannot be called "RSLAD"/,
    ],
    ["a network for other classes", { student: tiny(7) }, /answers 7 classes, but demo has 10/],
    ["a network that does not fit together", { student: { ...tiny(), output: "gone" } }, /no value "gone"/],
    ["a wrong setting", { settings: { batchSize: -1 } }, /batchSize: a whole number from 1[^]*-1/],
    [
      "a network called like a built-in one",
      { student: { ...tiny(), id: "resnet-8" } },
      /cannot be called "resnet-8"/,
    ],
    ["no epochs", { epochs: 0 }, /epochs is wrong[^]*a whole number from 1/],
    ["a setting that is none", { settings: { seed: 3 } as object }, /settings has no "seed"/],
    ["a method without losses", { method: { ...counting, losses: undefined as never } }, /has no losses/],
    [
      "a pass that is none",
      { method: { ...counting, passes: ["natural" as "nat"] } },
      /other passes than there are/,
    ],
    ["an unknown data set", { dataset: "cifar11" }, /no data set "cifar11"/],
    ["a teacher that is not there", { cleanTeacher: "nobody" }, /no teacher "nobody"/],
    ["a device that is none", { device: "tpu" as "cpu" }, /unknown device "tpu"/],
  ])("refuses %s, and writes nothing", async (name, change, said) => {
    const out = at(`refused-${name.replaceAll(" ", "-")}`);
    expect(await refusal({ ...quick, ...change, out })).toMatch(said);
    expect(existsSync(out)).toBe(false);
  });
});
