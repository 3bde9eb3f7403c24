import { createHash } from "node:crypto";
import { describe, expect, it } from "vitest";
import { datasets } from "#mtard/data/datasets.js";
import { runKey } from "#mtard/reproduction/run-key.js";
import { BEFORE, type TrainingSettings } from "#mtard/recipes/settings.js";
import { tinySettings } from "../training/tiny-run.js";

const inputs = { data: "d".repeat(64), cleanTeacher: "c".repeat(64), robustTeacher: "r".repeat(64) };
const images = { train: 4000, test: 1000 };
const key = (changes: Partial<TrainingSettings> = {}): string =>
  runKey(tinySettings(changes), inputs, images);

describe("the key of a run", () => {
  it("does not depend on the order of its settings, nor on the names of its teachers", () => {
    const settings = tinySettings();
    const reversed = Object.fromEntries(Object.entries(settings).reverse()) as TrainingSettings;
    expect(runKey(reversed, inputs, images)).toBe(key());
    expect(key({ cleanTeacher: "elsewhere/clean.onnx", robustTeacher: "other" })).toBe(key());
    expect(key()).toMatch(/^[0-9a-f]{64}$/);
  });

  it("is the same when a limit leaves no image out, and when a setting changes that the method does not read", () => {
    expect(key({ limitTrain: 4000, limitTest: null })).toBe(key({ limitTrain: null, limitTest: 5000 }));
    expect(key({ limitTrain: 3999 })).not.toBe(key({ limitTrain: null }));
    expect(key({ lossClip: 0.5 })).toBe(key());
    expect(key({ method: "natural", beta: 3 })).toBe(key({ method: "natural" }));
  });

  it("is not changed by the precision of what a method does not have", () => {
    expect(key({ method: "natural", teacherPrecision: "float16" })).toBe(key({ method: "natural" }));
    expect(key({ precision: "float32", teacherPrecision: "float32", ema: 0 })).toBe(key());
  });

  it.each<Partial<TrainingSettings>>([
    { method: "mtard" },
    { student: "resnet-20" },
    { seed: 6 },
    { epochs: 3 },
    { batchSize: 8 },
    { learningRate: 0.05 },
    { milestones: [2] },
    { beta: 4 },
    { initialTemperature: 2 },
    { temperatureRate: 0.5 },
    { innerSteps: 3 },
    { limitTest: 39 },
    { precision: "bfloat16" },
    { attackPrecision: "bfloat16" },
    { teacherPrecision: "float16" },
    { cropPadding: 3 },
    { ema: 0.995 },
    { evaluationWrongWhenClean: "not-robust" },
    { evaluationUniformStart: "unclamped" },
  ])("changes with %o", (changes) => {
    expect(key(changes)).not.toBe(key());
  });

  it("changes with the reading of LMTN, of which the first is that of earlier versions", () => {
    const lmtn = { method: "lmtn", guidance: "shared" } as const;
    expect(key({ ...lmtn, guidance: "per-image" })).not.toBe(key(lmtn));
    expect(key({ guidance: "per-image" })).toBe(key());
  });

  it("does not depend on whether the padding of the crop is named or the data set's own", () => {
    const { padding } = datasets.demo.augmentation;
    expect(key({ cropPadding: padding })).toBe(key({ cropPadding: null }));
  });

  it.each(["data", "cleanTeacher", "robustTeacher"] as const)("changes with the %s", (name) => {
    expect(runKey(tinySettings(), { ...inputs, [name]: "0".repeat(64) }, images)).not.toBe(key());
  });

  it("is the checksum of what decides the run, name by name, so that the runs of earlier versions are found", () => {
    const settings = tinySettings({ ...BEFORE, method: "natural", cleanTeacher: null, robustTeacher: null });
    const decisive = [
      ["augmentation", true],
      ["batchSize", 16],
      ["cleanTeacher", null],
      ["data", inputs.data],
      ["dataset", "demo"],
      ["epochs", 2],
      ["evaluateEvery", 1],
      ["evaluationBatch", 250],
      ["evaluationEpsilon", 0.03137254901960784],
      ["heldOut", 400],
      ["learningRate", 0.1],
      ["limitTest", 16],
      ["limitTrain", 90],
      ["method", "natural"],
      ["milestones", [1]],
      ["momentum", 0.9],
      ["nesterov", false],
      ["robustTeacher", null],
      ["seed", 5],
      ["selection", "test"],
      ["student", "resnet-8"],
      ["weightDecay", 0.0002],
    ];
    const found = runKey(settings, { ...inputs, cleanTeacher: null, robustTeacher: null }, images);
    expect(found).toBe(createHash("sha256").update(JSON.stringify(decisive)).digest("hex"));
  });
});
