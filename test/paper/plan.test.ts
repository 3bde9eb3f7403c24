import { describe, expect, it } from "vitest";
import { figureNumbers, figurePlan } from "#mtard/paper/figures.js";
import type { RunPlan } from "#mtard/paper/plan.js";
import { tableNumbers, tablePlan } from "#mtard/paper/tables.js";

describe("the tables", () => {
  it("are all of the paper's", () => {
    expect(tableNumbers).toEqual([1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11]);
    expect(() => tablePlan(12, "cifar10")).toThrow("the paper has no table 12");
    expect(() => tablePlan(7, "cifar100")).toThrow("the paper's table 7 is of CIFAR-10 alone");
  });

  it.each(tableNumbers)("table %i has a cell a section and measure in every row", (number) => {
    const { sections, rows } = tablePlan(number, "cifar10");
    expect(rows.length).toBeGreaterThan(1);
    for (const { cells } of rows)
      expect(cells.map((section) => section.length)).toEqual(sections.map(({ measures }) => measures.length));
  });

  it("3 has the paper's ten methods on each data set, with its students", () => {
    const labels = tablePlan(3, "cifar10").rows.map(({ label }) => label);
    expect(labels).toEqual("Natural SAT TRADES ARD RSLAD SCORE Fair-ARD ABSLD MTARD B-MTARD".split(" "));
    expect(tablePlan(3, "tiny-imagenet").student).toBe("preact-resnet-18");
    expect(tablePlan(4, "cifar100").student).toBe("mobilenet-v2");
    const last = tablePlan(3, "cifar100")
      .rows.at(-1)
      ?.cells.map((section) => section.map(({ paper }) => paper));
    expect(last?.slice(0, 3)).toEqual([[65.08], [34.21, 49.65], [28.5, 46.79]]);
  });

  it("7, 8 and 11 vary what the paper varies", () => {
    const runs = (number: number) =>
      tablePlan(number, "cifar10").rows.map(({ cells }) => cells[0]?.[0]?.of as RunPlan | undefined);
    expect(runs(7).map((run) => run?.changes)).toEqual(
      [1, 2, 5, 8].map((value) => ({ initialTemperature: value })),
    );
    expect(runs(8).map((run) => run?.changes)).toEqual([0.5, 1, 4, 10].map((value) => ({ beta: value })));
    expect(runs(11).map((run) => run?.teachers)).toEqual([
      { clean: "first", robust: "first" },
      { clean: "second", robust: "first" },
      { clean: "second", robust: "second" },
    ]);
  });

  it("mark the numbers that contradict themselves", () => {
    const marked = (["cifar10", "cifar100", "tiny-imagenet"] as const).flatMap((dataset) =>
      [3, 4, 5, 6].flatMap((number) =>
        tablePlan(number, dataset).rows.flatMap(({ label, cells }) =>
          cells.flat().flatMap(({ paper, paperMean }) => (paperMean === null ? [] : [[label, paper]])),
        ),
      ),
    );
    expect(marked).toEqual([
      ["TRADES", 61.66],
      ["ARD", 56.08],
      ["SCORE", 50.34],
      ["TRADES", 28.66],
      ["ARD", 33.21],
    ]);
  });

  it("2 has both teachers of a data set, 9 B-MTARD under two attacks", () => {
    const { rows, sections } = tablePlan(2, "cifar100");
    expect(sections.map(({ title }) => title)).toContain("AutoAttack");
    expect(rows.map(({ cells }) => cells[0]?.[0]?.of)).toEqual([{ teacher: "clean" }, { teacher: "robust" }]);
    expect(rows[1]?.cells.map(([cell]) => cell?.paper)).toEqual([60.96, 35.89, 33.58, 33.99, 31.05, 30.03]);
    const cells = tablePlan(9, "tiny-imagenet").rows.map((row) => row.cells[0]?.[0]);
    expect(cells.map((cell) => [cell?.measure, cell?.paper])).toEqual([
      [{ kind: "robust", attack: "pgd-trades" }, 24.94],
      [{ kind: "robust", attack: "gradient-estimation" }, 30.83],
    ]);
  });

  it("5 and 6 look 100 times at an image", () => {
    for (const number of [5, 6])
      expect(tablePlan(number, "cifar10").attackChanges).toEqual({
        square: { queries: 100 },
        rays: { queries: 100 },
      });
    expect(tablePlan(3, "cifar10").attackChanges).toEqual({});
  });
});

describe("the figures", () => {
  it("are 3 to 6, of the runs the paper shows", () => {
    expect(figureNumbers).toEqual([3, 4, 5, 6]);
    const methods = (number: number) => figurePlan(number).runs.map(({ method }) => method);
    expect(methods(3)).toEqual(["baseline", "mtard", "baseline-ebb", "b-mtard"]);
    expect(methods(4)).toEqual(["rslad", "baseline", "mtard"]);
    expect(methods(5)).toEqual(["baseline", "mtard"]);
    expect(methods(6)).toEqual(["mtard", "b-mtard"]);
    expect(() => figurePlan(2)).toThrow("figure 2 is not made here");
  });
});
