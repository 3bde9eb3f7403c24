import { expect, it } from "vitest";
import { recipe } from "#mtard/recipes/recipes.js";
import { parseSettings } from "#mtard/recipes/settings.js";
import { conditionsOf } from "#mtard/report/conditions.js";

function run(method: string, milestones: readonly number[], ...departures: string[]) {
  const training = { dataset: "demo", method, student: "resnet-8" };
  const settings = parseSettings({
    ...{ ...recipe(training), ...training, milestones },
    ...{ cleanTeacher: null, robustTeacher: null, seed: 0, limitTrain: null, limitTest: null },
  });
  return { settings, departures };
}
const said = (...runs: ReturnType<typeof run>[]) => conditionsOf(runs, ({ settings }) => settings.method);

it("what all runs share is said once, without names", () => {
  expect(said(run("sat", [3, 5], "batches of 2"), run("trades", [3, 5], "batches of 2"))).toEqual([
    "the rate falls to a tenth after epochs 3 and 5",
    "batches of 2",
  ]);
  expect(said(run("sat", []))).toEqual(["the rate stays"]);
});

it("of many runs, some are named and the others counted", () => {
  const many = Array.from({ length: 20 }, (_, index) => run("sat", [index < 15 ? 5 : 6]));
  const [text] = conditionsOf(many, (each) => String(many.indexOf(each)));
  expect(text).toMatch(/^0, 1, 2, .*, 12 and 2 more: the rate falls/);
});

it("what only some have is said with their names, each once", () => {
  expect(said(run("sat", [5]), run("sat", [5]), run("trades", [9, 3, 7], "another teacher"))).toEqual([
    "sat: the rate falls to a tenth after epoch 5",
    "trades: the rate falls to a tenth after epochs 3, 7 and 9",
    "trades: another teacher",
  ]);
});
