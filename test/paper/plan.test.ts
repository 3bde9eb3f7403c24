import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { recipe } from "#mtard/recipes/recipes.js";
import { budgetNames, requireBudget } from "#mtard/recipes/budgets.js";
import { figureNumbers, figurePlan } from "#mtard/paper/figures.js";
import { plainRun, type RunPlan } from "#mtard/paper/plan.js";
import { scaleOf, settingsOf, teacherOf, type ScaleOptions } from "#mtard/reproduction/scale.js";
import { shortfallOf } from "#mtard/reproduction/shortfall.js";
import { tableNumbers, tablePlan } from "#mtard/paper/tables.js";
import { formatManifest } from "#mtard/teacher/manifest.js";

const teachers = mkdtempSync(join(tmpdir(), "mtard-plan-"));
afterAll(() => rmSync(teachers, { recursive: true }));

const options = (changes: Partial<ScaleOptions> = {}): ScaleOptions => ({
  changes: {},
  teachers: { clean: {}, robust: {} },
  ...changes,
});

function addTeacher(name: string, network: string): void {
  const sha256 = "0".repeat(64);
  mkdirSync(join(teachers, name), { recursive: true });
  const manifest = {
    name,
    dataset: "cifar10",
    classes: 10,
    image: { height: 32, width: 32, channels: 3 },
    file: "model.onnx",
    sha256,
    source: { file: "x", sha256, format: "onnx" },
    network,
    normalization: null,
    createdBy: "0",
  };
  writeFileSync(join(teachers, name, "teacher.json"), formatManifest(manifest));
}

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

describe("a scale", () => {
  it("full is the paper's recipe, and says nothing is less", () => {
    const scale = scaleOf("full", "cifar10", "resnet-18", options());
    const plan = plainRun("b-mtard");
    const settings = settingsOf(plan, 3, scale, { clean: "c", robust: "r" });
    expect(settings).toEqual({
      ...recipe({ dataset: "cifar10", method: "b-mtard", student: "resnet-18" }),
      dataset: "cifar10",
      method: "b-mtard",
      student: "resnet-18",
      reading: "paper",
      cleanTeacher: "c",
      robustTeacher: "r",
      seed: 3,
      limitTrain: null,
      limitTest: null,
    });
    const used = [{ name: "c", network: "resnet-56", paperNetwork: "resnet-56" }];
    expect(shortfallOf(plan, settings, scale, { train: 50_000, test: 10_000 }, used)).toBeNull();
  });

  it("subset cuts data, network and epochs, and says so", () => {
    const scale = scaleOf(
      "subset",
      "cifar10",
      "resnet-18",
      options({ epochs: 3, changes: { learningRate: 0.05 } }),
    );
    const plan = plainRun("b-mtard", { beta: 4 });
    const settings = settingsOf(plan, 0, scale, { clean: "c", robust: "r" });
    expect(settings).toMatchObject({
      student: "resnet-20",
      epochs: 3,
      milestones: [2, 3],
      limitTrain: 10_000,
      beta: 4,
    });
    const used = [
      { name: "c", network: "resnet-56", paperNetwork: "resnet-56" },
      { name: "r", network: "resnet-20", paperNetwork: "wide-resnet-34-10" },
    ];
    expect(shortfallOf(plan, settings, scale, { train: 50_000, test: 2000 }, used)).toEqual({
      brief: "resnet-20, 3 of 300 epochs, 10,000 of 50,000 images",
      others: "1,000 of 10,000 test images, teacher r, learningRate 0.05, temperatureRate 0.01",
    });
  });

  it("smoke has the demo data under any of the paper's", () => {
    const scale = scaleOf("smoke", "tiny-imagenet", "preact-resnet-18", options());
    const settings = settingsOf(plainRun("natural"), 0, scale, { clean: null, robust: null });
    expect(settings).toMatchObject({ dataset: "demo", student: "resnet-8" });
    expect(shortfallOf(plainRun("natural"), settings, scale, { train: 4000, test: 1000 }, [])?.brief).toMatch(
      /^demo data, resnet-8, \d of 100 epochs, [\d,]+ of 100,000 images$/,
    );
  });

  it("runs every attack, or those that are named; long ones on fewer images", () => {
    const attacks = ["fgsm", "pgd-sat", "rays", "aa"] as const;
    const smoke = scaleOf("smoke", "cifar10", "resnet-18", options());
    expect(attacks.filter(smoke.evaluates)).toEqual(attacks);
    expect(attacks.map(smoke.imagesOf)).toEqual([null, null, null, 16]);
    const full = scaleOf("full", "cifar10", "resnet-18", options({ attackImages: { "pgd-sat": 7 } }));
    expect(attacks.map(full.imagesOf)).toEqual([null, 7, null, null]);
    const named = scaleOf("smoke", "cifar10", "resnet-18", options({ attacks: ["pgd-sat"] }));
    expect(attacks.filter(named.evaluates)).toEqual(["pgd-sat"]);
  });

  it("is one of three", () => {
    expect(budgetNames).toEqual(["smoke", "subset", "full"]);
    expect(() => requireBudget("huge")).toThrow('there is no budget "huge"');
    expect(() => requireBudget("constructor")).toThrow("there is no budget");
  });
});

describe("the teachers of a run", () => {
  const subset = (given: Partial<ScaleOptions> = {}) =>
    scaleOf("subset", "cifar10", "resnet-18", options(given));
  const mtard = plainRun("mtard");
  const second = { ...mtard, teachers: { clean: "second", robust: "second" } } as const;

  it("are none where the method asks none, and those that are named where they are", () => {
    expect(teacherOf(plainRun("sat"), "robust", subset(), teachers)).toBeNull();
    expect(teacherOf(plainRun("rslad"), "clean", subset(), teachers)).toBeNull();
    const named = subset({ teachers: { clean: { first: "a", second: "b" }, robust: {} } });
    expect(teacherOf(mtard, "clean", named, teachers)).toBe("a");
    expect(teacherOf(second, "clean", named, teachers)).toBe("b");
  });

  it("are found in the store by network, then by name, and missed with what to do", () => {
    const rslad = plainRun("rslad");
    expect(() => teacherOf(mtard, "robust", subset(), teachers)).toThrow(
      expect.objectContaining({
        message: "no clean and no robust teacher is named, and the usual ones are not here",
        detail: expect.objectContaining({
          found: `no teacher for cifar10 in ${teachers}`,
          fix: expect.stringMatching(
            /^mtard teacher fetch cifar10-resnet-56; and get .*, then mtard teacher fetch cifar10-wide-resnet-34-10 /,
          ) as string,
        }) as object,
      }),
    );
    addTeacher("wide", "wide-resnet-34-10");
    addTeacher("small", "resnet-20");
    expect(teacherOf(rslad, "robust", subset(), teachers)).toBe("wide");
    const named = subset({ teachers: { clean: { first: "a" }, robust: {} } });
    expect(teacherOf(mtard, "robust", named, teachers)).toBe("wide");
    addTeacher("wide-too", "wide-resnet-34-10");
    expect(() => teacherOf(rslad, "robust", subset(), teachers)).toThrow(
      expect.objectContaining({
        message: "no robust teacher is named, and the usual one is not here",
        detail: expect.objectContaining({ found: "for cifar10: small, wide, wide-too" }) as object,
      }),
    );
    addTeacher("cifar10-wide-resnet-34-10", "wide-resnet-34-10");
    expect(teacherOf(rslad, "robust", subset(), teachers)).toBe("cifar10-wide-resnet-34-10");
    addTeacher("cifar10-robust", "resnet-20");
    expect(teacherOf(rslad, "robust", subset(), teachers)).toBe("cifar10-robust");
    expect(() => teacherOf(second, "robust", subset(), teachers)).toThrow(
      "the second robust teacher is not named",
    );
  });

  it("of the demo data beyond its two are students of its runs", () => {
    const smoke = scaleOf("smoke", "cifar10", "resnet-18", options());
    expect(teacherOf(second, "clean", smoke, teachers)).toEqual(plainRun("natural"));
    expect(teacherOf(second, "robust", smoke, teachers)).toEqual(plainRun("sat"));
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
