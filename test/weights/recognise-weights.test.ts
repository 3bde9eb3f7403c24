import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { parameterSpecs } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { Random } from "#mtard/runtime/random.js";
import { type RecogniseOptions, recogniseWeights } from "#mtard/weights/recognise-weights.js";
import { withWeightsFile } from "#mtard/weights/weights-file.js";
import { hasShared, shared } from "../shared.js";
import { type Saved, Tensor, torchFile, Wrapped } from "./torch-writer.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-sets-"));
afterAll(() => rmSync(folder, { recursive: true }));

const network = createNetwork("resnet-8", { image: { height: 32, width: 32, channels: 3 }, classes: 10 });

type StateDict = Record<string, Tensor>;

/** A state dict of the network; every value of its classifier's bias is `mark`, by which it is known again. */
const stateDict = (mark: number, prefix = ""): StateDict =>
  Object.fromEntries(
    [...initialWeights(network, Random.fromSeed(1))].map(([name, { shape, data }]) => [
      prefix + name,
      new Tensor(shape, name === "linear.bias" ? data.map(() => mark) : data),
    ]),
  );
const scalar = new Tensor([], Float32Array.of(0.5));
const ten = new Tensor([10], new Float32Array(10));
/** An object of a class that is nowhere installed, with these attributes. */
const unknown = (state: Saved): Wrapped => new Wrapped("cnowhere.module\nThing\n)R", state, "b");
const counter = (entries: Saved): Wrapped => new Wrapped("ccollections\nCounter\n", entries, "\x85R");

interface Found {
  readonly key: string;
  readonly mark: number | undefined;
  readonly notes: readonly string[];
}

async function found(saved: Saved, options: RecogniseOptions = {}): Promise<Found> {
  const path = join(folder, "file.pth");
  writeFileSync(path, torchFile(saved));
  return withWeightsFile(path, (file) => {
    const { key, weights, notes } = recogniseWeights([network], file, "file.pth", options);
    expect([...weights.keys()]).toEqual(parameterSpecs(network).map(({ name }) => name));
    return { key, mark: weights.get("linear.bias")?.read()[0], notes };
  });
}

async function refused(saved: Saved, options: RecogniseOptions = {}): Promise<string> {
  const error: unknown = await found(saved, options).catch((thrown: unknown) => thrown);
  if (error instanceof InputError) return error.report();
  throw new Error("it was not refused", { cause: error });
}

describe("of several sets of tensors, the one is taken", () => {
  it.each<[string, Saved, string]>([
    ["that fits, not the first with a tensor", { best_acc1: scalar, state_dict: stateDict(1) }, "state_dict"],
    ["that fits, not an optimiser's", { optimizer: { a: stateDict(2) }, model: stateDict(1) }, "model"],
    ["in a list", [{ epoch: 3 }, stateDict(1)], "1"],
    ["under a name nobody knows", { my_weights_v2: stateDict(1) }, "my_weights_v2"],
    ["far inside", { callbacks: { Ema: [{ weights: stateDict(1) }] } }, "callbacks.Ema.0.weights"],
    ["in an object of an unknown class", { model: unknown({ weights: stateDict(1) }) }, "model.weights"],
    ["in a Counter", { net: counter(stateDict(1)) }, "net"],
    ...["last", "best", "student", "teacher", "net_ema", "swa_state_dict", "ema_model"].map(
      (key): [string, Saved, string] => [`alone under ${key}`, { [key]: stateDict(1), epoch: 3 }, key],
    ),
  ])("%s", async (_, saved, key) => {
    expect(await found(saved)).toMatchObject({
      key,
      mark: 1,
      notes: [expect.stringContaining("weights found")],
    });
  });

  it.each([
    ["state_dict", "state_dict_ema"],
    ["model", "model_ema"],
    ["model", "ema"],
    ["net", "net_ema"],
    ["best", "ema_state_dict"],
    ["state_dict", "swa_state_dict"],
    ["state_dict", "averagedModel"],
    ["last", "best"],
    ["checkpoint", "best_state_dict"],
    ["last", "state_dict"],
    ["initial_state_dict", "last_model"],
    ["snapshot", "state_dict"],
    ["last_ema", "best_ema"],
  ])("of %s and %s the second, and both are named", async (one, other) => {
    for (const saved of [
      { [one]: stateDict(1), [other]: stateDict(2) },
      { [other]: stateDict(2), [one]: stateDict(1) },
    ]) {
      const { key, mark, notes } = await found(saved);
      expect({ key, mark }).toEqual({ key: other, mark: 2 });
      expect(notes).toEqual([expect.stringMatching(`^2 sets .*"${other}", "${one}";.* --key NAME`)]);
      expect(await found(saved, { key: one })).toMatchObject({ key: one, mark: 1 });
    }
  });

  it("inside one dictionary, by the prefix of its names", async () => {
    const saved = { state_dict: { ...stateDict(1, "model."), ...stateDict(2, "model_ema.module.") } };
    expect(await found(saved)).toMatchObject({ key: "state_dict.model_ema.module", mark: 2 });
    for (const key of ["state_dict.model", "model"])
      expect(await found(saved, { key })).toMatchObject({ key: "state_dict.model", mark: 1 });
  });

  it("that is expected, where it is there", async () => {
    const saved = { a: stateDict(1), b: stateDict(2) };
    expect(await found(saved, { usualKey: "b" })).toMatchObject({ key: "b", mark: 2 });
    expect(await found({ net: stateDict(3) }, { usualKey: "b" })).toMatchObject({ key: "net", mark: 3 });
  });

  it("twice saved, without a word", async () => {
    expect(await found({ state_dict: stateDict(1), best: stateDict(1) })).toEqual({
      key: "best",
      mark: 1,
      notes: ['weights found under "best"'],
    });
  });

  it.each<[string, Saved, string]>([
    ["student and teacher", { student: stateDict(1), teacher: stateDict(2) }, "teacher"],
    ["both inside one", { ...stateDict(1, "student."), ...stateDict(2, "teacher.") }, "teacher"],
    ["two names that say nothing", { a: stateDict(1), b: { c: stateDict(2) } }, "b.c"],
  ])("or none where it cannot be told: %s", async (_, saved, key) => {
    expect(await refused(saved)).toMatch(
      /holds 2 sets of weights that fit resnet-8, and which is meant cannot be told\n.*\n.*\n {2}try {7}--key \w+, or --key/,
    );
    expect(await found(saved, { key })).toMatchObject({ key, mark: 2 });
  });

  it("or none, where the key is wrong", async () => {
    const saved = { state_dict: stateDict(1), state_dict_ema: stateDict(2), optimizer: { x: ten } };
    expect(await refused(saved, { key: "state_dict_emma" })).toBe(
      [
        'error: there are no weights under "state_dict_emma" in file.pth; did you mean "state_dict_ema"?',
        '  expected  "state_dict_ema", "state_dict"',
        '  found     "state_dict_emma"',
        "  try       name one of these, or leave the key out",
      ].join("\n"),
    );
  });
});

describe("averages that cannot be taken are named", () => {
  const trained = parameterSpecs(network).filter(({ kind }) => kind === "trained");

  it("a list without names", async () => {
    const shadow_params = trained.map(({ shape }) => new Tensor(shape, new Float32Array(size(shape))));
    const { key, notes } = await found({ model: stateDict(1), ema: { decay: scalar, shadow_params } });
    expect(key).toBe("model");
    expect(notes.join("\n")).toMatch(
      /"ema\.shadow_params" holds tensors without names, and may be an average/,
    );
  });

  it("one without batch norm's statistics", async () => {
    const names = new Set(trained.map(({ name }) => name));
    const shadow = Object.fromEntries(Object.entries(stateDict(2)).filter(([name]) => names.has(name)));
    const { key, notes } = await found({ model: stateDict(1), ema_shadow: shadow });
    expect(key).toBe("model");
    expect(notes.join("\n")).toMatch(/"ema_shadow" holds no statistics of batch norm/);
  });
});

describe("what is no part of the network", () => {
  it.each<[string, StateDict]>([
    ["criterion.weight", stateDict(1, "model.")],
    ["criterion.weight", stateDict(1)],
    ["loss_fn.alpha", stateDict(1, "module.model.")],
    ["n_averaged", stateDict(1, "module.")],
    ["projector.0.weight", stateDict(1, "student.")],
  ])("%s is ignored and named", async (stray, weights) => {
    const { mark, notes } = await found({ state_dict: { [stray]: ten, ...weights } });
    expect(mark).toBe(1);
    expect(notes.filter((note) => note.includes("no part"))).toEqual(
      stray === "n_averaged" ? [] : [`left out 1 that are no part of resnet-8: "${stray}"`],
    );
  });

  it.each(["layer1.1.conv1.weight", "layer4.0.conv1.weight", "conv2.weight", "bn.weight", "fc2.weight"])(
    "%s might be a part, and is refused",
    async (stray) => {
      expect(await refused({ state_dict: { ...stateDict(1), [stray]: ten } })).toMatch(
        `1 unknown\n  expected  no other tensors\n  found     "${stray}" [10]`,
      );
    },
  );

  it("stands behind what may be the missing one", async () => {
    const { "model.linear.bias": bias, ...rest } = stateDict(1, "model.");
    const saved = { state_dict: { "criterion.weight": scalar, ...rest, "head.bias": bias ?? ten } };
    expect(await refused(saved)).toMatch(
      /nearest is resnet-8 in akamaster's under "state_dict\.model": 1 missing, 2 unknown\n {2}expected {2}"linear\.bias" \[10\]\n {2}found {5}"head\.bias" \[10\], "criterion\.weight" \[\]\n {2}try {7}"head\.bias" may be/,
    );
  });

  it("a normalisation of the other model in the file, does not count", async () => {
    const channels = (value: number): Tensor => new Tensor([3], new Float32Array(3).fill(value));
    const saved = {
      ...stateDict(1, "student.1."),
      ...stateDict(2, "teacher.1."),
      "teacher.0.mean": channels(0.5),
      "teacher.0.std": channels(0.25),
    };
    const stored = async (key: string) => {
      writeFileSync(join(folder, "two.pth"), torchFile(saved));
      return withWeightsFile(
        join(folder, "two.pth"),
        (file) => recogniseWeights([network], file, "two.pth", { key }).storedNormalization,
      );
    };
    expect(await stored("student")).toBeNull();
    expect(await stored("teacher")).toEqual({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] });
  });
});

describe.skipIf(!hasShared)("files of shared/inputs", () => {
  it.each([
    ["plain.pth", "", /^$/],
    ["accuracy-tensor.pth", "state_dict.module", /^weights found under "state_dict"$/],
    [
      "model-and-ema.pth",
      "state_dict_ema",
      /^2 sets of weights fit: "state_dict_ema", "state_dict"; .*averaged/,
    ],
    ["last-and-best.pth", "best", /^weights found under "best"$/],
    ["lightning-loss-weight.ckpt", "state_dict.model", /left out 1 .*: "criterion\.weight"$/],
    ["defaultdict.pth", "net", /^weights found under "net"$/],
  ])("%s: %j", async (name, key, notes) => {
    await withWeightsFile(shared(`inputs/${name}`), (file) => {
      const taken = recogniseWeights([network], file, name);
      expect(taken.key).toBe(key);
      expect(taken.notes.join("\n")).toMatch(notes);
    });
  });
});

function size(shape: readonly number[]): number {
  return shape.reduce((product, extent) => product * extent, 1);
}
