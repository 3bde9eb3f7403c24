import { describe, expect, it } from "vitest";
import { parseGrid } from "#mtard/reproduction/sweep-axes.js";
import { drawnPoints, gridPoints } from "#mtard/reproduction/sweep-points.js";
import { settingsOfPoints, sweepRequests, sweepScale } from "#mtard/reproduction/sweeps.js";
import { optionsOf, planOf } from "./sweep-plan.js";

const namesOf = (...grid: string[]) => gridPoints(parseGrid(grid, "b-mtard")).map(({ name }) => name);
const drawn = (count: number, seed: number, ...grid: string[]) =>
  drawnPoints(parseGrid(grid, "b-mtard"), { count, seed });

describe("a grid", () => {
  it("has every combination, the last setting moving fastest", () => {
    expect(namesOf("weightRate=0.01,0.1", "temperatureRate=0.001,0.01,0.1")).toEqual([
      "weightRate=0.01, temperatureRate=0.001",
      "weightRate=0.01, temperatureRate=0.01",
      "weightRate=0.01, temperatureRate=0.1",
      "weightRate=0.1, temperatureRate=0.001",
      "weightRate=0.1, temperatureRate=0.01",
      "weightRate=0.1, temperatureRate=0.1",
    ]);
  });

  it("takes fractions, words, booleans, null and lists, and keeps how they were written", () => {
    const points = gridPoints(
      parseGrid(
        [
          "epsilon=4/255",
          "innerStart=uniform,0.03",
          "nesterov=true",
          "cropPadding=null",
          "milestones=[2,3],[4]",
        ],
        "b-mtard",
      ),
    );
    const rest = { epsilon: 4 / 255, nesterov: true, cropPadding: null };
    expect(points.map(({ changes }) => changes)).toEqual([
      { ...rest, innerStart: "uniform", milestones: [2, 3] },
      { ...rest, innerStart: "uniform", milestones: [4] },
      { ...rest, innerStart: 0.03, milestones: [2, 3] },
      { ...rest, innerStart: 0.03, milestones: [4] },
    ]);
    expect(points[0]?.name).toBe(
      "epsilon=4/255, innerStart=uniform, nesterov=true, cropPadding=null, milestones=[2,3]",
    );
  });

  it("knows of which settings a range has whole numbers only", () => {
    const whole = (range: string) =>
      parseGrid([range], "b-mtard").map((axis) => axis.kind === "range" && axis.whole);
    for (const range of ["batchSize=16..64", "innerSteps=1..9", "cropPadding=0..4", "epochs=1..3"])
      expect(whole(range), range).toEqual([true]);
    for (const range of ["learningRate=1..2", "initialTemperature=1..10", "momentum=0..1", "ema=0..0.9"])
      expect(whole(range), range).toEqual([false]);
  });

  it.each([
    ["weightRat=0.1", /no setting; did you mean "weightRate"/],
    ["weightRate", /names no setting/],
    ["weightRate=0.1,2", /--grid weightRate is wrong/],
    ["weightRate=0.1,,0.2", /--grid weightRate is wrong/],
    ["weightRate=0.1,1e-1", /weightRate has a value twice/],
    ["epsilon=8/255,16/510", /epsilon has a value twice/],
    ["alpha=0.1", /b-mtard does not read it/],
    ["selection=held-out", /decides how points are compared/],
    ["heldOut=10,20", /decides how points are compared/],
    ["seed=0,1", /not varied by --grid/],
    ["dataset=demo", /an option of its own/],
    ["weightRate=0.2..0.1", /the range is empty/],
    ["weightRate=log:0..0.1", /has to begin above 0/],
    ["weightRate=log:0.1", /--grid weightRate is wrong/],
    ["innerMode=inference..training", /a range is of numbers/],
    ["weightRate=0..2", /--grid weightRate is wrong/],
  ])("refuses %s", (argument, message) => {
    expect(() => parseGrid([argument], "b-mtard")).toThrow(message);
  });

  it("refuses a setting twice, ranges without samples, and more points than anyone means", () => {
    expect(() => parseGrid(["weightRate=0.1", "weightRate=0.2"], "b-mtard")).toThrow(/there twice/);
    expect(() => namesOf("weightRate=0..1")).toThrow(/points have to be drawn/);
    const hundred = Array.from({ length: 101 }, (_, index) => index + 1).join(",");
    expect(() => namesOf(`innerSteps=${hundred}`, `batchSize=${hundred}`)).toThrow(/too many points/);
  });
});

describe("samples", () => {
  const grid = [
    "learningRate=log:0.001..0.1",
    "innerSteps=1..10",
    "innerStart=uniform,uniform-clamped,0.001",
  ];

  it("are those that xoshiro128** gives", () => {
    // Computed in Python: the generator of seed 7 and stream i, 0.001 * 100 ** u to four digits, floor(1 + 10 u), and a choice of three.
    expect(drawn(4, 7, ...grid).map(({ changes }) => changes)).toEqual([
      { learningRate: 0.002555, innerSteps: 4, innerStart: "uniform-clamped" },
      { learningRate: 0.002324, innerSteps: 10, innerStart: "uniform-clamped" },
      { learningRate: 0.01004, innerSteps: 5, innerStart: 0.001 },
      { learningRate: 0.003351, innerSteps: 6, innerStart: "uniform-clamped" },
    ]);
  });

  it("begin with the same ones when there are more, and are others of another seed", () => {
    expect(drawn(20, 0, ...grid).slice(0, 5)).toEqual(drawn(5, 0, ...grid));
    expect(drawn(5, 1, ...grid)).not.toEqual(drawn(5, 0, ...grid));
  });

  it("lie evenly between the ends, or their logarithms do, and each whole number as often", () => {
    const points = drawn(3000, 0, "learningRate=log:0.001..0.1", "momentum=0.2..0.6", "innerSteps=1..3");
    const share = (is: (changes: (typeof points)[number]["changes"]) => boolean): number =>
      points.filter(({ changes }) => is(changes)).length / points.length;
    // Six standard deviations of a share of 3000.
    const near = (expected: number) => [expected - 0.055, expected + 0.055] as const;
    for (const [found, expected] of [
      [share(({ learningRate = 0 }) => learningRate < 0.01), 1 / 2],
      [share(({ learningRate = 0 }) => learningRate < 0.001 * 100 ** 0.1), 1 / 10],
      [share(({ momentum = 0 }) => momentum < 0.3), 1 / 4],
      [share(({ innerSteps }) => innerSteps === 1), 1 / 3],
      [share(({ innerSteps }) => innerSteps === 3), 1 / 3],
    ] as const) {
      const [low, high] = near(expected);
      expect(found).toBeGreaterThan(low);
      expect(found).toBeLessThan(high);
    }
    expect(share(({ learningRate = 0, momentum = 0 }) => learningRate >= 0.001 && momentum >= 0.2)).toBe(1);
    expect(share(({ learningRate = 1, momentum = 1 }) => learningRate <= 0.1 && momentum <= 0.6)).toBe(1);
  });

  it("are distinct, and refused where there are not as many", () => {
    const lists = ["weightRate=0.01,0.1", "nesterov=true,false"];
    expect(new Set(drawn(4, 0, ...lists).map(({ name }) => name)).size).toBe(4);
    expect(() => drawn(5, 0, ...lists)).toThrow(/there are not as many points/);
    expect(() => drawn(4, 0, "innerSteps=1..3")).toThrow(/there are not as many points/);
  });
});

describe("a sweep's runs", () => {
  it("are every point with every seed, at the recipe and on held-out images", () => {
    const plan = planOf({ grid: ["weightRate=0.01,0.1"], seeds: [0, 3] });
    const requests = sweepRequests(plan, plan.points, sweepScale(plan, optionsOf()), null);
    expect(
      requests.map(({ seed, plan: { changes }, attacks, clean, until }) => [
        seed,
        changes,
        attacks,
        clean,
        until,
      ]),
    ).toEqual([
      [0, { weightRate: 0.01 }, ["fgsm"], true, undefined],
      [0, { weightRate: 0.1 }, ["fgsm"], true, undefined],
      [3, { weightRate: 0.01 }, ["fgsm"], true, undefined],
      [3, { weightRate: 0.1 }, ["fgsm"], true, undefined],
    ]);
    const settings = settingsOfPoints(plan, sweepScale(plan, optionsOf()));
    expect(settings.map(({ weightRate, selection, epochs }) => [weightRate, selection, epochs])).toEqual([
      [0.01, "held-out", 6],
      [0.1, "held-out", 6],
    ]);
  });

  it("that pause are not measured", () => {
    const plan = planOf({ grid: ["weightRate=0.01"] });
    expect(sweepRequests(plan, plan.points, sweepScale(plan, optionsOf()), 3)).toMatchObject([
      { attacks: [], clean: false, until: 3 },
    ]);
  });

  it("stretch the schedule where epochs are varied, as --epochs does, but for what the call sets", () => {
    const plan = planOf({ grid: ["epochs=6,12"] });
    const schedules = (changes = {}) =>
      settingsOfPoints(plan, sweepScale(plan, optionsOf({ changes }))).map((settings) => [
        settings.epochs,
        settings.milestones,
        settings.evaluateEvery,
      ]);
    expect(schedules()).toEqual([
      [6, [4], 6],
      [12, [8], 12],
    ]);
    expect(schedules({ milestones: [5], evaluateEvery: 1 })).toEqual([
      [6, [5], 1],
      [12, [5], 1],
    ]);
  });

  it("are refused where the call sets what is varied, or chooses on the test images", () => {
    const plan = planOf({ grid: ["batchSize=16,32"] });
    expect(() => sweepScale(plan, optionsOf({ batchSize: 8 }))).toThrow(/batchSize is both varied and set/);
    expect(() => sweepScale(plan, optionsOf({ changes: { batchSize: 8 } }))).toThrow(/both varied and set/);
    expect(() => sweepScale(plan, optionsOf({ changes: { selection: "test" } }))).toThrow(/test images/);
    const epochs = planOf({ grid: ["epochs=6,12"], halving: 2 });
    expect(() => sweepScale(epochs, optionsOf())).toThrow(/cannot vary epochs/);
  });
});
