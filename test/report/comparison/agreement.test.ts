import { describe, expect, it } from "vitest";
import { agreementsOf, type LabelledRecord } from "#mtard/report/comparison/agreement.js";
import type { KeptRecord } from "#mtard/evaluation/store.js";
import { comparisonFigures } from "#mtard/report/comparison/figures.js";
import { differencesOf, usualOf } from "#mtard/report/comparison/read.js";
import { accuracyRows, type Usual } from "#mtard/report/run-report/accuracies.js";
import { tinySettings } from "../../training/tiny-run.js";
import { kept, student, type Found } from "../run-report/records.js";

const labels = Array<number>(12).fill(4);
const right = (pattern: string): number[] => Array.from(pattern, (each) => (each === "x" ? 4 : 1));
const fgsm = (pattern: string, found: Found = {}): LabelledRecord => ({
  label: "fgsm",
  kept: kept("fgsm", { labels: labels.slice(0, pattern.length), answers: right(pattern), ...found }),
});

describe("the agreement of two models", () => {
  it("is counted image by image, with McNemar's p of SciPy's binomtest", () => {
    const found = agreementsOf([[fgsm("xxxxxxxxx...")], [fgsm("xx.......x..")]]);
    expect(
      found.map(({ label, both, onlyFirst, onlySecond, neither }) => [
        label,
        both,
        onlyFirst,
        onlySecond,
        neither,
      ]),
    ).toEqual([
      ["clean", 12, 0, 0, 0],
      ["fgsm", 2, 7, 1, 2],
    ]);
    // binomtest(1, 8).pvalue
    expect(found[1]?.p).toBeCloseTo(0.0703125, 12);
    expect(found[1]?.adjusted).toBeCloseTo(0.0703125, 12);
  });

  it("is of the first images where one saw more, and of the same settings and data only", () => {
    const [small] = agreementsOf([[fgsm("x.x.xx")], [fgsm("xxxxxxxxxxxx")]]).slice(1);
    expect(small).toMatchObject({ images: 6, both: 4, onlyFirst: 0, onlySecond: 2, neither: 0 });
    const other = agreementsOf([[fgsm("xx")], [fgsm("xx", { epsilon: 1 / 255 })]]);
    expect(other.map(({ attack }) => attack)).toEqual([null]);
    expect(agreementsOf([[fgsm("xx")], [fgsm("xx", { data: "e" })]])).toEqual([]);
    expect(agreementsOf([[fgsm("xx")], []])).toEqual([]);
    // Both have it on fewer images too, which is not what is compared.
    const both = [fgsm("xxxxxx"), { ...fgsm("xx"), label: "fgsm (the first 2 images)" }];
    expect(agreementsOf([both, both])[1]).toMatchObject({ label: "fgsm", images: 6 });
  });

  it("is of all pairs where they are few, adjusted together, else with the first alone", () => {
    const runs = ["xxxxxxxxx...", "xx.......x..", "xx.........."].map((pattern) => [fgsm(pattern)]);
    const attacked = agreementsOf(runs).filter(({ attack }) => attack === "fgsm");
    expect(attacked.map(({ first, second }) => [first, second])).toEqual([
      [0, 1],
      [0, 2],
      [1, 2],
    ]);
    // binomtest(0, 7) is 0.015625, three times that is the least of three by Holm.
    expect(attacked.map(({ adjusted }) => adjusted.toFixed(12))).toEqual(
      [2 * 0.0703125, 3 * 0.015625, 1].map((p) => p.toFixed(12)),
    );
    const many = agreementsOf([...runs, ...runs]).filter(({ attack }) => attack === "fgsm");
    expect(many.map(({ first }) => first)).toEqual([0, 0, 0, 0, 0]);
  });
});

it("the settings of runs that differ are named, with the data and teachers", () => {
  const inputs = { data: "d".repeat(64), cleanTeacher: null, robustTeacher: "r".repeat(64) };
  const runs = [
    { settings: tinySettings(), inputs, recipe: {} },
    {
      settings: tinySettings({ seed: 6, method: "rslad" }),
      inputs: { ...inputs, data: "e".repeat(64) },
      recipe: {},
    },
  ];
  expect(differencesOf(runs)).toEqual([
    { name: "method", values: ["b-mtard", "rslad"] },
    { name: "seed", values: [5, 6] },
    { name: "data, SHA-256", values: ["d".repeat(12), "e".repeat(12)] },
  ]);
  expect(differencesOf(runs.slice(0, 1))).toEqual([]);
});

describe("the accuracies of several runs", () => {
  const batch = 250;
  const compared = (settings: readonly Usual[], records: readonly (readonly KeptRecord[])[]) => {
    const keys = records.flat().map(({ key }) => key);
    return records.map((own, place) => ({
      ...{ letter: "AB"[place] ?? "", title: "AB"[place] ?? "", report: {} as never },
      accuracies: accuracyRows([student(own)], usualOf(settings), keys),
    }));
  };
  const panels = (runs: ReturnType<typeof compared>): string[] => {
    const reports = { metrics: { steps: [], evaluations: [], problems: [], torn: false } } as never;
    const bare = runs.map((run) => ({ ...run, report: reports }));
    const { measured } = comparisonFigures({ runs: bare, differences: [], agreements: [] });
    return measured.map(({ title }) => title);
  };
  const usual = (levels: number, evaluationBatch = batch): Usual => ({
    evaluationEpsilon: levels / 255,
    evaluationBatch,
  });
  const labels = (runs: ReturnType<typeof compared>): string[] =>
    runs.flatMap(({ accuracies }) => accuracies.map(({ label }) => label));

  it("name the radius and the batches wherever the runs have several", () => {
    const records = [
      [kept("fgsm", { epsilon: 8 / 255 })],
      [kept("fgsm", { epsilon: 4 / 255, batchSize: 9 })],
    ];
    const runs = compared([usual(8), usual(4, 9)], records);
    expect(labels(runs)).toEqual([
      "FGSM (epsilon 8/255, batch size 250)",
      "FGSM (epsilon 4/255, batch size 9)",
    ]);
    expect(panels(runs)).toEqual([]);
    expect(labels(compared([usual(8), usual(8)], [[kept("fgsm")], [kept("fgsm")]]))).toEqual([
      "FGSM",
      "FGSM",
    ]);
  });

  it("share a panel only on as many images of the same data", () => {
    const two = [usual(8), usual(8)];
    const small = kept("fgsm", { images: 2 });
    expect(panels(compared(two, [[small], [kept("fgsm", { images: 4 })]]))).toEqual([]);
    expect(panels(compared(two, [[small], [kept("fgsm", { data: "e" })]]))).toEqual([]);
    expect(panels(compared(two, [[small, kept("fgsm", { images: 4 })], [small]]))).toEqual([
      "FGSM, 2 images",
    ]);
  });
});
