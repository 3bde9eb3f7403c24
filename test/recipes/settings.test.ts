import { describe, expect, it } from "vitest";
import { recipe } from "#mtard/recipes/recipes.js";
import { parseOverrides } from "#mtard/recipes/settings.js";
import { tinySettings } from "../training/tiny-run.js";

describe("recipes", () => {
  it("hold the settings of B-MTARD, section 4.1", () => {
    expect(recipe("cifar10", "b-mtard", "resnet-18")).toMatchObject({
      epochs: 300,
      batchSize: 128,
      learningRate: 0.1,
      momentum: 0.9,
      weightDecay: 2e-4,
      milestones: [215, 260, 285],
      epsilon: 8 / 255,
      innerSteps: 10,
      innerStepSize: 2 / 255,
      innerStart: 0.001,
      klScale: 1,
      weightRate: 0.025,
      temperatureRate: 0.001,
      beta: 1,
      initialTemperature: 1,
    });
    expect(recipe("cifar10", "b-mtard", "mobilenet-v2").initialTemperature).toBe(2);
    expect(recipe("cifar100", "b-mtard", "mobilenet-v2").initialTemperature).toBe(1);
    expect(recipe("cifar100", "b-mtard", "resnet-18").klScale).toBe(10);
    expect(recipe("cifar10", "natural", "resnet-18")).toMatchObject({ epochs: 100, milestones: [75, 90] });
    const tiny = { epochs: 100, milestones: [75, 90], batchSize: 32 };
    expect(recipe("tiny-imagenet", "b-mtard", "preact-resnet-18")).toMatchObject({
      ...tiny,
      learningRate: 0.1,
    });
    expect(recipe("tiny-imagenet", "sat", "preact-resnet-18")).toMatchObject({ ...tiny, learningRate: 0.01 });
  });

  it("keep the shape of their schedule with other numbers of epochs", () => {
    expect(recipe("cifar10", "b-mtard", "resnet-18", 30)).toMatchObject({
      epochs: 30,
      milestones: [22, 26, 29],
      evaluateEvery: 2,
    });
  });
});

describe("--set", () => {
  it("reads numbers, fractions, lists and names", () => {
    const changes = parseOverrides([
      "epsilon=4/255",
      "milestones=[2,3]",
      "selection=held-out",
      "augmentation=false",
    ]);
    expect(tinySettings(changes as never)).toMatchObject({
      epsilon: 4 / 255,
      milestones: [2, 3],
      selection: "held-out",
      augmentation: false,
    });
  });

  it.each(["epsilon", "nosuch=1", "=3"])("refuses %s, naming what there is", (override) => {
    expect(() => parseOverrides([override])).toThrow(/names no setting/);
  });
});
