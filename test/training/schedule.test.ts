import { expect, it } from "vitest";
import { recipe } from "#mtard/recipes/recipes.js";
import { isEvaluated, rateScale } from "#mtard/training/schedule.js";
import { settingsOfEpoch } from "#mtard/training/train.js";
import { tinySettings } from "./tiny-run.js";

it("divides the rates by 10 after epochs 215, 260 and 285, as the authors' script does", () => {
  const { milestones } = recipe({ dataset: "cifar10", method: "b-mtard", student: "resnet-18" });
  const scales = [1, 215, 216, 260, 261, 285, 286, 300].map((epoch) => rateScale(epoch, milestones));
  const expected = [1, 1, 0.1, 0.1, 0.01, 0.01, 0.001, 0.001];
  for (const [index, scale] of scales.entries()) expect(scale).toBeCloseTo(expected[index] ?? NaN, 12);
});

it("divides the learning rate and both balance rates", () => {
  const settings = tinySettings({ milestones: [1] });
  const { method, sgd } = settingsOfEpoch(settings, 2);
  expect(sgd.learningRate).toBeCloseTo(0.01, 12);
  expect(method.weightRate).toBeCloseTo(0.0025, 12);
  expect(method.temperatureRate).toBeCloseTo(0.0001, 12);
  expect(settingsOfEpoch(settings, 1).sgd.learningRate).toBe(0.1);
});

it("evaluates as the authors' script does: the first epoch, every 20th before 215, all from there on", () => {
  const paper = recipe({ dataset: "cifar10", method: "b-mtard", student: "resnet-18" });
  const evaluated = Array.from({ length: 300 }, (_, index) => index + 1).filter((epoch) =>
    isEvaluated(epoch, paper),
  );
  const expected = [1, 20, 40, 60, 80, 100, 120, 140, 160, 180, 200];
  expect(evaluated.slice(0, 11)).toEqual(expected);
  expect(evaluated.slice(11)).toEqual(Array.from({ length: 86 }, (_, index) => 215 + index));
});
