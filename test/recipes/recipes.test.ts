import { describe, expect, it } from "vitest";
import { datasets } from "#mtard/data/datasets.js";
import { methodIds, methods } from "#mtard/methods/methods.js";
import type { Method, MethodSettings } from "#mtard/methods/method.js";
import { idleSettings, settingsRead } from "#mtard/recipes/read-settings.js";
import { recipe, sourcedRecipe } from "#mtard/recipes/recipes.js";
import { readingNames, requireReading, type Reading } from "#mtard/recipes/readings.js";
import { recipeSettingNames, type Recipe } from "#mtard/recipes/settings.js";
import { paperStudents, teacherRecipes } from "#mtard/recipes/teachers.js";
import { tf } from "#mtard/runtime/tensorflow.js";

const of = (dataset: string, method: (typeof methodIds)[number], student = "resnet-18", reading?: Reading) =>
  recipe({ dataset, method, student, reading });

describe("recipes", () => {
  it("hold the settings of B-MTARD, section 4.1", () => {
    expect(of("cifar10", "b-mtard")).toMatchObject({
      epochs: 300,
      batchSize: 128,
      learningRate: 0.1,
      momentum: 0.9,
      nesterov: false,
      weightDecay: 2e-4,
      milestones: [215, 260, 285],
      epsilon: 8 / 255,
      innerSteps: 10,
      innerStepSize: 2 / 255,
      innerStart: 0.001,
      innerMode: "inference",
      klScale: 1,
      weightRate: 0.025,
      temperatureRate: 0.001,
      beta: 1,
      initialTemperature: 1,
    });
    expect(of("cifar100", "b-mtard").klScale).toBe(10);
    expect(of("tiny-imagenet", "b-mtard", "preact-resnet-18")).toMatchObject({
      epochs: 100,
      milestones: [75, 90],
      batchSize: 32,
    });
    expect(of("cifar10", "natural")).toMatchObject({ epochs: 100, milestones: [75, 90] });
  });

  it("start B-MTARD's temperatures at 2 for MobileNet-v2 on CIFAR-10 alone", () => {
    expect(of("cifar10", "b-mtard", "mobilenet-v2").initialTemperature).toBe(2);
    expect(of("cifar100", "b-mtard", "mobilenet-v2").initialTemperature).toBe(1);
    expect(of("cifar10", "mtard", "mobilenet-v2").initialTemperature).toBe(1);
    expect(of("cifar10", "absld", "mobilenet-v2").initialTemperature).toBe(1);
  });

  it("hold what section 4.1 says of compared methods", () => {
    expect(of("cifar10", "ard")).toMatchObject({ temperature: 30, alpha: 1 });
    for (const dataset of ["cifar100", "tiny-imagenet"])
      expect(of(dataset, "ard")).toMatchObject({ temperature: 5, alpha: 0.95 });
    for (const method of ["sat", "score"] as const)
      expect(of("tiny-imagenet", method)).toMatchObject({ learningRate: 0.01, epochs: 100, batchSize: 32 });
    expect(of("tiny-imagenet", "trades").learningRate).toBe(0.1);
  });

  it("hold the compared methods' original settings", () => {
    const uniform = { innerSteps: 10, innerStepSize: 2 / 255, innerStart: "uniform" };
    expect(of("cifar10", "sat")).toMatchObject({ ...uniform, innerMode: "inference", epochs: 205 });
    expect(of("cifar10", "trades")).toMatchObject({ beta: 6, innerStepSize: 0.007, innerStart: 0.001 });
    expect(of("cifar10", "score")).toMatchObject({
      beta: 6,
      lossClip: 0.3,
      learningRate: 0.05,
      weightDecay: 5e-4,
      epochs: 110,
      milestones: [100, 105],
    });
    const schedule = { epochs: 200, milestones: [100, 150] };
    expect(of("cifar10", "ard")).toMatchObject({ ...schedule, ...uniform, innerMode: "training" });
    expect(of("cifar10", "fair-ard")).toMatchObject({
      ...schedule,
      ...uniform,
      innerMode: "training",
      nesterov: true,
      beta: 2,
    });
    expect(of("cifar10", "rslad")).toMatchObject({ epochs: 300, alpha: 5 / 6, innerStart: 0.001 });
    expect(of("cifar10", "absld")).toMatchObject({
      epochs: 300,
      alpha: 5 / 6,
      temperatureRate: 0.1,
      initialTemperature: 1,
      classTemperatures: "separate",
    });
  });

  it("have another reading where paper, script and B-MTARD disagree", () => {
    expect(of("cifar10", "ard", "resnet-18", "b-mtard")).toMatchObject({
      epochs: 300,
      milestones: [215, 260, 285],
      temperature: 30,
    });
    expect(of("cifar10", "fair-ard", "resnet-18", "b-mtard").nesterov).toBe(false);
    expect(of("cifar10", "ard", "resnet-18", "released-code").milestones).toEqual([100]);
    expect(of("cifar10", "absld", "resnet-18", "released-code").classTemperatures).toBe("product");
    expect(of("cifar10", "score", "resnet-18", "released-code")).toMatchObject({
      innerStart: "uniform-clamped",
      innerMode: "untracked",
      beta: 4,
      lossClip: 0,
    });
    expect(of("cifar10", "sat", "resnet-18", "released-code").innerStart).toBe("uniform-clamped");
    expect(() => requireReading("mine")).toThrow('unknown reading "mine"');
  });

  it("keep the shape of their schedule with other numbers of epochs", () => {
    const training = { dataset: "cifar10", method: "b-mtard", student: "resnet-18" } as const;
    expect(recipe(training, 30)).toMatchObject({ epochs: 30, milestones: [22, 26, 29], evaluateEvery: 2 });
  });

  it("are whole and sourced for every data set, student, method and reading", () => {
    for (const [dataset, students] of Object.entries(paperStudents)) {
      for (const student of [...students, "resnet-56", "wide-resnet-34-10", "preact-resnet-34"]) {
        for (const method of methodIds) {
          for (const reading of readingNames) {
            const settings = sourcedRecipe({ dataset, method, student, reading });
            expect(settings.map(({ name }) => name)).toEqual(recipeSettingNames);
            for (const { source, name } of settings) expect(source, name).not.toBe("");
            const values = recipe({ dataset, method, student, reading });
            expect(Math.max(...values.milestones)).toBeLessThan(values.epochs);
          }
        }
      }
    }
  });

  it("name the number's own source", () => {
    const settings = sourcedRecipe({ dataset: "cifar10", method: "trades", student: "resnet-18" });
    const source = (name: keyof Recipe) => settings.find((setting) => setting.name === name)?.source;
    expect(source("beta")).toBe("yaodongyu/TRADES, train_trades_cifar10.py");
    expect(source("epsilon")).toBe("B-MTARD, section 4.1");
  });

  it("choose the best checkpoint as the authors' script does, and crop as it and the data sets say", () => {
    for (const dataset of ["demo", "cifar10", "cifar100", "tiny-imagenet", "pets"])
      expect(of(dataset, "b-mtard")).toMatchObject({
        evaluationWrongWhenClean: "final-answer",
        evaluationUniformStart: "clamped",
      });
    for (const [dataset, padding] of [
      ["cifar10", 4],
      ["cifar100", 4],
      ["tiny-imagenet", 8],
    ] as const) {
      expect(of(dataset, "b-mtard").cropPadding).toBe(padding);
      expect(datasets[dataset].augmentation.padding).toBe(padding);
    }
    // Of their own descriptions.
    for (const dataset of ["demo", "pets"]) expect(of(dataset, "b-mtard").cropPadding).toBeNull();
    const training = { dataset: "tiny-imagenet", method: "b-mtard", student: "preact-resnet-18" };
    const crop = sourcedRecipe(training).find(({ name }) => name === "cropPadding");
    expect(crop?.source).toBe(
      "mtard's choice: an eighth of the side, as the scripts' 4 of 32; B-MTARD does not say",
    );
  });

  it("know the paper's teachers and how to train those that can be", () => {
    const { cifar10, "tiny-imagenet": tiny } = teacherRecipes;
    expect(cifar10?.clean).toMatchObject({
      name: "cifar10-resnet-56-mtard",
      network: "resnet-56-b",
      method: "natural",
      normalization: null,
      instead: "cifar10-resnet-56",
    });
    expect(cifar10?.robust).toMatchObject({ network: "wide-resnet-34-10", method: "trades" });
    expect(tiny?.robust).toMatchObject({ network: "preact-resnet-34", method: "trades" });
    expect(of("cifar10", "trades", "wide-resnet-34-10").epsilon).toBe(0.031);
    expect(of("cifar10", "trades").epsilon).toBe(8 / 255);
  });
});

describe("the settings a method reads", () => {
  /** Of the training loop, its attack and its teachers, which are not the method's to read. */
  const LOOP: readonly (keyof Recipe)[] = [
    "epsilon",
    "innerSteps",
    "innerStepSize",
    "innerStart",
    "innerMode",
    "attackPrecision",
    "teacherPrecision",
  ];

  it.each(methodIds)("by %s are those it is said to read", (id) => {
    const method: Method = methods[id];
    const seen = new Set<string>();
    const settings = new Proxy(of("cifar10", id), {
      get(target, name: string) {
        seen.add(name);
        return target[name as keyof MethodSettings];
      },
    });
    let state = method.initialState(settings, 2);
    const teacher = { values: Float32Array.of(1, 2, 3, 5), classes: 2 };
    tf.tidy(() => {
      const student = tf.tensor2d([1, 2, 4, 3], [2, 2]);
      const labels = tf.tensor1d([0, 1], "int32");
      const teachers = {
        ...{ cleanTeacherNat: teacher, cleanTeacherAdv: teacher },
        ...{ robustTeacherNat: teacher, robustTeacherAdv: teacher },
      };
      method.attack?.loss({ labels, studentNat: student, ...teachers }, state, settings);
      state = method.losses(
        { studentNat: student, studentAdv: student, labels, rightIterates: Int32Array.of(1, 2), ...teachers },
        state,
        settings,
      ).next;
    });
    method.nextEpoch?.(state, settings);
    const common = settingsRead("natural");
    const said = settingsRead(id).filter((name) => !common.includes(name) && !LOOP.includes(name));
    expect([...seen].sort()).toEqual([...said].sort());
  });

  it.each(methodIds)(
    "by %s are also the decay of the averaged weights, which every recipe leaves off",
    (id) => {
      expect(settingsRead(id)).toContain("ema");
      expect(of("cifar10", id).ema).toBe(0);
    },
  );

  it("are the only ones that make a difference", () => {
    expect(idleSettings("rslad", { weightRate: 0.1, alpha: 0.5, epochs: 3 })).toEqual(["weightRate"]);
  });
});
