import { describe, expect, it } from "vitest";
import {
  attackPasses,
  evaluationCount,
  passCost,
  selectionPasses,
  stepPasses,
} from "#mtard/reproduction/operations.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { stepOperations } from "#mtard/reproduction/step-cost.js";
import { SHAPE, tinySettings } from "../training/tiny-run.js";

describe("a pass", () => {
  it.each([
    // Counted in PyTorch, by a hook on every convolution and linear layer of the authors' networks (`scripts/bench/networks.py`).
    ["resnet-18", 555_422_720],
    ["resnet-20", 40_551_040],
    ["mobilenet-v2", 91_154_944],
  ])("through %s has two operations for each of PyTorch's multiply-adds", (network, multiplyAdds) => {
    expect(passCost(network, SHAPE)?.operations).toBe(2 * multiplyAdds);
  });

  it("has as many convolutions as the network", () => {
    expect(passCost("resnet-20", SHAPE)?.convolutions).toBe(19);
  });

  it("of a network that is not mtard's is not known", () => {
    expect(passCost("my-own", SHAPE)).toBeNull();
  });
});

describe("a step", () => {
  it("of B-MTARD is ten gradients of the attack, two batches learned from, and each teacher once", () => {
    const settings = tinySettings({ innerSteps: 10 });
    expect(stepPasses(settings)).toEqual({ attack: 20, learning: 6, teachers: { clean: 1, robust: 1 } });
  });

  it("goes by the method", () => {
    expect(stepPasses(tinySettings({ method: "natural" }))).toEqual({
      attack: 0,
      learning: 3,
      teachers: { clean: 0, robust: 0 },
    });
    // TRADES makes the pass on clean images twice, and goes back through one of them.
    expect(stepPasses(tinySettings({ method: "trades", innerSteps: 10 })).learning).toBe(7);
    const perImage = tinySettings({ method: "lmtn", guidance: "per-image" });
    expect(stepPasses(perImage).teachers).toEqual({ clean: 2, robust: 2 });
  });

  it("counts the last batch of an epoch as what it is", () => {
    const settings = tinySettings({ method: "natural", batchSize: 16 });
    const work = { settings, shape: SHAPE, teachers: { clean: null, robust: null } };
    const whole = stepOperations({ ...work, images: { train: 32 } }) ?? NaN;
    expect(whole).toBe(16 * 3 * (passCost("resnet-8", SHAPE)?.operations ?? NaN));
    expect((stepOperations({ ...work, images: { train: 24 } }) ?? NaN) / whole).toBeCloseTo(0.75);
  });

  it("is not known where a teacher's network is not", () => {
    const teachers = { clean: { sha256: "a", network: "resnet-8" }, robust: { sha256: "b", network: null } };
    const work = { settings: tinySettings(), shape: SHAPE, images: { train: 32 }, teachers };
    expect(stepOperations(work)).toBeNull();
  });
});

describe("an evaluation", () => {
  it("happens as the recipe says", () => {
    const paper = recipe({ dataset: "cifar10", method: "b-mtard", student: "resnet-18" });
    // Epoch 1, ten times until 200, and all 86 from 215 to 300.
    expect(evaluationCount({ ...tinySettings(), ...paper })).toBe(1 + 10 + 86);
  });

  it("is a look, the attack's gradients, and a look at what they made; twice with averaged weights", () => {
    expect(selectionPasses(tinySettings())).toBe(1 + 40 + 1);
    expect(selectionPasses(tinySettings({ ema: 0.9 }))).toBe(2 * 42);
  });

  it("by an ensemble depends on what withstands its first part", () => {
    expect(attackPasses("apgd-ce")).toBe(201);
    expect(attackPasses("aa", {}, 0)).toBe(201);
    expect(attackPasses("aa", {}, 1)).toBe(201 + 1801 + 1801 + 5001);
    expect(attackPasses("square", { queries: 100 })).toBe(101);
  });
});
