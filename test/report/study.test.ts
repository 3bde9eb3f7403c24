import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { summarize, type ExampleOutcome } from "#mtard/evaluation/summary.js";
import type { MethodId } from "#mtard/methods/methods.js";
import { plainRun } from "#mtard/paper/plan.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { parseSettings } from "#mtard/recipes/settings.js";
import { studyCsv, studyFacts, studyMarkdown, studyTables } from "#mtard/report/render-study.js";
import { studyPageHtml } from "#mtard/report/study-page.js";
import { buildStudy as build } from "#mtard/report/study.js";
import { accuracyCurves, readStudyMetrics } from "#mtard/report/study-curves.js";
import { studyFigures } from "#mtard/report/study-figures.js";
import type { Outcome, RunOutcome } from "#mtard/reproduction/run-request.js";
import { studyScale, usualStudy, type StudyPlan } from "#mtard/reproduction/studies.js";

const work = mkdtempSync(join(tmpdir(), "mtard-study-"));
afterAll(() => rmSync(work, { recursive: true }));

const plan: StudyPlan = {
  ...usualStudy,
  title: "A study",
  dataset: "demo",
  methods: ["sat", "b-mtard"],
  seeds: [0, 1, 2],
  attacks: ["fgsm"],
};
const scale = studyScale("own", plan, { changes: {}, teachers: { clean: {}, robust: {} } }, null);

const isRun = (each: Outcome): each is RunOutcome => "settings" in each;
const buildStudy = (name: string, of: StudyPlan, at: typeof scale, found: readonly Outcome[]) =>
  build(name, of, at, found, readStudyMetrics(found.filter(isRun)));

/** An evaluation in which the images of `robust` withstand, those up to `clean` are right when clean; out of 20. */
function evaluation(clean: number, robust: readonly number[]) {
  const perExample = Array.from({ length: 20 }, (_, index): ExampleOutcome => ({
    index,
    label: 1,
    clean: index < clean ? 1 : 0,
    attacks: { fgsm: robust.includes(index) ? 1 : 0 },
  }));
  return { ...summarize(perExample, ["fgsm"]), perExample };
}

/** Evaluations of W-Robust 0.1, 0.2, ... by which students were chosen, and a loss that halves with each epoch. */
function folderOf(name: string, epochs: number): string {
  const folder = mkdtempSync(join(work, name));
  const lines = Array.from({ length: epochs }, (_, index) => [
    { epoch: index + 1, step: index + 1, lossTotal: 2 ** -index },
    { epoch: index + 1, step: index + 1, clean: 0.5, robust: 0.4, wRobust: (index + 1) / 10, best: true },
  ]).flat();
  writeFileSync(join(folder, "metrics.jsonl"), lines.map((line) => `${JSON.stringify(line)}\n`).join(""));
  return folder;
}

function run(method: MethodId, seed: number, clean: number, robust: readonly number[]): RunOutcome {
  const student = "resnet-8";
  return {
    plan: plainRun(method),
    seed,
    checkpoint: "best",
    evaluations: new Map([["fgsm", evaluation(clean, robust)]]),
    folder: folderOf(`${method}-${seed}-`, 8),
    warnings: [],
    shortfall: null,
    trained: false,
    measured: 0,
    departures: [],
    settings: parseSettings({
      ...recipe({ dataset: "demo", method, student }, 8),
      ...{ dataset: "demo", method, student, seed, reading: "paper" },
      ...{ cleanTeacher: null, robustTeacher: null, limitTrain: null, limitTest: null },
    }),
  };
}

const upTo = (count: number): number[] => Array.from({ length: count }, (_, index) => index);
const outcomes: Outcome[] = [
  {
    plan: { teacher: "robust" },
    seed: 0,
    evaluations: new Map([["fgsm", evaluation(16, upTo(12))]]),
    folder: work,
    warnings: ["it is a <b>teacher</b>"],
    shortfall: null,
    trained: false,
    measured: 0,
  },
  run("sat", 0, 14, upTo(8)),
  run("sat", 1, 12, upTo(9)),
  run("sat", 2, 13, upTo(10)),
  // Of the first seed's images, 0..7 withstand with both, 8..19 only with this.
  run("b-mtard", 0, 20, upTo(20)),
  run("b-mtard", 1, 18, upTo(12)),
  run("b-mtard", 2, 19, [15, 16, 17, 18, 19]),
];
const study = buildStudy("own", plan, scale, outcomes);

describe("a study", () => {
  const [section] = study.sections;
  const [sat, bMtard] = section?.rows ?? [];

  it("has the mean and deviation over seeds of each number", () => {
    // numpy: [70, 60, 65], [40, 45, 50], [55, 52.5, 57.5]
    expect(sat?.values["clean"]).toMatchObject({
      values: [70, 60, 65],
      sample: { mean: 65, deviation: 5, runs: 3 },
    });
    expect(sat?.values["robust:fgsm"]).toMatchObject({
      values: [40, 45, 50],
      sample: { mean: 45, deviation: 5 },
    });
    const wRobust = sat?.values["wRobust:fgsm"]?.sample;
    expect(wRobust?.mean).toBeCloseTo(55, 9);
    expect(wRobust?.deviation).toBeCloseTo(2.5, 9);
    expect(bMtard?.values["clean"]?.sample.mean).toBe(95);
  });

  it("has the paired differences from the compared method with SciPy's intervals", () => {
    // scipy.stats.t.interval(0.95, 2, loc=mean, scale=sem) of [-60, -15, 25].
    const difference = sat?.values["robust:fgsm"]?.difference;
    expect(difference?.mean).toBeCloseTo(-50 / 3, 9);
    expect(difference?.interval?.low).toBeCloseTo(-122.30339, 4);
    expect(difference?.interval?.high).toBeCloseTo(88.97005, 4);
    expect(bMtard?.values["robust:fgsm"]?.difference).toBeNull();
  });

  it("has McNemar's test of each seed's images", () => {
    expect(sat?.values["robust:fgsm"]?.tests).toEqual([
      {
        seed: 0,
        onlyThis: 0,
        onlyOther: 12,
        p: expect.closeTo(2 ** -11, 12) as number,
        adjusted: expect.closeTo(2 ** -11, 12) as number,
      },
      {
        seed: 1,
        onlyThis: 0,
        onlyOther: 3,
        p: expect.closeTo(0.25, 12) as number,
        adjusted: expect.closeTo(0.25, 12) as number,
      },
      // 2 P(at most 5 of 15) = 2 (1 + 15 + 105 + 455 + 1365 + 3003) / 2^15
      {
        seed: 2,
        onlyThis: 10,
        onlyOther: 5,
        p: expect.closeTo((2 * 4944) / 2 ** 15, 12) as number,
        adjusted: expect.closeTo((2 * 4944) / 2 ** 15, 12) as number,
      },
    ]);
    expect(sat?.values["wRobust:fgsm"]?.tests).toEqual([]);
  });

  it("has the teachers with Wilson's intervals", () => {
    // statsmodels: proportion_confint(12, 20, method="wilson")
    expect(study.teachers).toMatchObject([
      { label: "robust teacher", values: { "robust:fgsm": { value: 60 } } },
    ]);
    expect(study.teachers[0]?.values["robust:fgsm"]?.interval?.low).toBeCloseTo(38.65815, 3);
    expect(study.teachers[0]?.values["robust:fgsm"]?.interval?.high).toBeCloseTo(78.11935, 3);
  });

  it("says how much students still moved in the last quarter and in the last eighth", () => {
    // Quarters: W-Robust 70 and 80 after 50 and 60; the loss 1/64 and 1/128 after 1/16 and 1/32. Eighths: the last epoch after the one before.
    expect(study.settled).toHaveLength(2);
    for (const { lastQuarter, lastEighth } of study.settled) {
      expect(lastQuarter.wRobust?.mean).toBeCloseTo(20, 9);
      expect(lastQuarter.loss?.mean).toBeCloseTo(-0.75, 9);
      expect(lastEighth.wRobust?.mean).toBeCloseTo(10, 9);
      expect(lastEighth.loss?.mean).toBeCloseTo(-0.5, 9);
    }
    const moved = studyTables(study).find(({ title }) => title.startsWith("What still moved"));
    expect(moved?.rows[0]).toEqual([
      "SAT",
      "+20.00 ± 0.00",
      "−75.00 ± 0.00",
      "+10.00 ± 0.00",
      "−50.00 ± 0.00",
    ]);
    const runs = outcomes.filter(isRun);
    const [first] = accuracyCurves(plan.methods, runs, readStudyMetrics(runs));
    expect(first?.points[0]).toEqual({ x: 1, y: 50, low: 50, high: 50 });
  });

  it("marks significant seeds in its tables, and writes every number of every run as CSV", () => {
    const tests = studyTables(study).find(({ title }) => title.includes("McNemar"));
    expect(tests?.rows).toEqual([["SAT", "0 / 18 ***", "10 / 20 *"]]);
    const lines = studyCsv(study).trim().split("\r\n");
    expect(lines).toHaveLength(1 + 3 + 2 * 3 * 3);
    expect(lines[0]).toBe("study,student,method,seed,measure,images,value,run");
    expect(lines).toContainEqual(expect.stringMatching(/^own,best,SAT,1,robust:fgsm,20,45,/));
  });

  it("is harmless as Markdown and HTML, and names its warnings", () => {
    expect(studyFacts(study).join()).toContain("Warning, robust teacher: it is a <b>teacher</b>.");
    for (const written of [studyMarkdown(study), studyPageHtml(study, [])])
      expect(written).toContain("&lt;b&gt;teacher&lt;/b&gt;");
  });

  it("says one epoch as one", () => {
    for (const [epochs, text] of [
      [[1], "demo, 1 epoch,"],
      [[1, 2], "demo, 1 or 2 epochs,"],
    ] as const) {
      const short = { ...study, epochs };
      expect(studyFacts(short)[0]).toContain(text);
      const [picture] = studyFigures(short, { accuracies: [], losses: [] });
      expect(picture?.figure).toMatchObject({ subtitle: expect.stringContaining(text) as string });
    }
  });

  it("has pictures of the trade-off and of the differences", () => {
    const figures = studyFigures(study, { accuracies: [], losses: [] });
    expect(figures.map(({ name }) => name)).toEqual(["trade-off", "differences"]);
    expect(figures[0]?.figure).toMatchObject({
      kind: "points",
      points: [
        { name: "SAT", x: 65, y: 45, xError: 5, yError: 5, group: "other students" },
        { name: "B-MTARD", x: 95, group: "B-MTARD" },
        { name: "robust teacher", x: 80, y: 60, xError: null, group: "teachers" },
      ],
    });
  });
});

describe("a study's warnings", () => {
  const [first, ...others] = outcomes.filter(isRun);
  const withMetrics = (text: string): RunOutcome => {
    const folder = mkdtempSync(join(work, "metrics-"));
    writeFileSync(join(folder, "metrics.jsonl"), text);
    return { ...(first as RunOutcome), folder };
  };
  const line = (values: object): string => `${JSON.stringify(values)}\n`;

  it("name a run whose metrics cannot be read, and leave it out of the curves", () => {
    const damaged = withMetrics(line({ epoch: 1, step: 2, lossTotal: 1 }));
    const { warnings, sections } = buildStudy("own", plan, scale, [damaged, ...others]);
    expect(warnings).toContainEqual(expect.stringMatching(/^SAT, seed 0: its metrics cannot be read/));
    expect(sections[0]?.rows[0]?.values["clean"]?.values).toHaveLength(3);
  });

  it("name a run whose balance was one-sided from its first step on", () => {
    const [balanced] = others.filter(({ plan: { method } }) => method === "b-mtard");
    const { folder } = withMetrics(line({ epoch: 1, step: 1, lossNat: 0.001, lossAdv: 1.9 }));
    const { warnings } = buildStudy("own", plan, scale, [
      { ...(balanced as RunOutcome), folder },
      ...outcomes,
    ]);
    expect(warnings).toContainEqual(
      expect.stringMatching(/^B-MTARD, seed 0: the loss on clean images begins at 0.001/),
    );
  });

  it("take quarters of the training, however its evaluations lie in it", () => {
    // Epochs 1, 5 and 6 to 8 of 8: the quarter before the last has 5 and 6, the last 7 and 8.
    const uneven = [1, 5, 6, 7, 8].map((epoch) =>
      line({ epoch, step: epoch, clean: 0.5, robust: 0.5, wRobust: epoch / 10, best: true }),
    );
    const { settled } = buildStudy("own", plan, scale, [withMetrics(uneven.join("")), ...others.slice(2)]);
    expect(settled[0]?.lastQuarter.wRobust?.mean).toBeCloseTo(20, 9);
  });
});

describe("averaged weights", () => {
  it("are compared with the raw ones seed by seed", () => {
    const raw = outcomes.filter(isRun);
    const averaged = raw.map((each): RunOutcome => ({
      ...each,
      checkpoint: "best-averaged",
      evaluations: new Map([["fgsm", evaluation(20, upTo(15))]]),
    }));
    const both = { ...plan, students: ["best", "best-averaged"] } as const;
    const { averaging, sections } = buildStudy("own", both, scale, [...raw, ...averaged]);
    expect(sections.map(({ student }) => student)).toEqual(["best", "best-averaged"]);
    // 75 - [40, 45, 50]: mean 30, scipy's interval 30 -+ 4.302652729749462 * 5 / sqrt(3)
    expect(averaging[0]).toMatchObject({ label: "SAT", student: "best" });
    expect(averaging[0]?.values["robust:fgsm"]?.mean).toBe(30);
    expect(averaging[0]?.values["robust:fgsm"]?.interval?.high).toBeCloseTo(30 + 12.42068, 4);
  });
});
