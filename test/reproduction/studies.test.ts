import { describe, expect, it } from "vitest";
import { plainRun } from "#mtard/paper/plan.js";
import { settingsOf } from "#mtard/reproduction/scale.js";
import { studies, studyScale } from "#mtard/reproduction/studies.js";

const teachers = { clean: "demo-clean", robust: "demo-robust" };

describe("the study of CIFAR-10", () => {
  it.each([
    [{}, 6, [4, 5, 6]],
    [{ epochs: 100 }, 100, [72, 87, 95]],
  ])("gives all methods one schedule: %o", (given, epochs, milestones) => {
    const plan = studies["cifar10-subset"];
    const scale = studyScale(
      "cifar10-subset",
      plan,
      { changes: {}, teachers: { clean: {}, robust: {} }, ...given },
      null,
    );
    for (const method of plan.methods)
      expect(settingsOf(plainRun(method), 0, scale, teachers), method).toMatchObject({
        epochs,
        milestones,
        learningRate: 0.1,
      });
  });
});

describe("the study of the demo's data", () => {
  it.each([
    ["as it is", {}, 16, [8, 12]],
    ["a short one", { epochs: 6 }, 6, [3, 5]],
    ["of two epochs", { epochs: 2 }, 2, [1, 2]],
    ["of a single epoch", { epochs: 1 }, 1, [1]],
    ["whose milestones are named", { changes: { milestones: [7] } }, 16, [7]],
  ])("%s lets the rate fall at half and at three quarters", (_, given, epochs, milestones) => {
    const options = { changes: {}, teachers: { clean: {}, robust: {} }, ...given };
    const scale = studyScale("demo", studies.demo, options, null);
    const settings = settingsOf(plainRun("mtard"), 0, scale, teachers);
    expect(settings).toMatchObject({ epochs, milestones, evaluateEvery: 2, ema: 0.995, heldOut: 400 });
  });
});
