import { describe, expect, it } from "vitest";
import type { RunMetrics } from "#mtard/run/metrics.js";
import type { Examples } from "#mtard/report/run-report/examples.js";
import type { RunPictures } from "#mtard/report/run-report/figures.js";
import { runNumbers, runReportJson } from "#mtard/report/run-report/numbers.js";
import { runPageHtml } from "#mtard/report/run-report/page.js";
import { runPanels } from "#mtard/report/run-report/panels.js";
import type { RunReport } from "#mtard/report/run-report/read.js";
import { tinySettings } from "../../training/tiny-run.js";
import { kept, student } from "./records.js";

const step = { lossNat: 2, lossAdv: 1, lossTotal: 1.5, weightNat: 0.4, weightAdv: 0.6, entropyNat: 0.1 };
const metrics: RunMetrics = {
  steps: [
    { epoch: 1, step: 1, ...step },
    { epoch: 1, step: 2, ...step, lossNat: 4 },
  ],
  evaluations: [
    { epoch: 1, step: 2, clean: 0.5, robust: 0.25, wRobust: 0.375, best: true },
    { epoch: 2, step: 4, clean: 0.5, robust: 0.2, wRobust: 0.35, best: false },
  ],
};
const settings = tinySettings({ cleanTeacher: `<b>"x"&y`, beta: 4 });
const example = {
  ...{ index: 7, label: 4, linf: 8 / 255 },
  before: { answer: 4, confidence: 0.9 },
  after: { answer: 0, confidence: 0.75 },
  pictures: { clean: "Y2xlYW4=", difference: "ZGlmZg==", adversarial: "YWR2" },
};
const examples: Examples = {
  ...{ format: 1, model: "a".repeat(64), data: "b".repeat(64), attack: "pgd-trades" },
  ...{ epsilon: 8 / 255, gain: 12, examples: [example] },
};
const report: RunReport = {
  name: "<script>alert(1)</script>",
  folder: "runs/it's",
  run: {
    settings,
    inputs: { data: "d", cleanTeacher: "c", robustTeacher: null },
    recipe: { beta: 1 },
  },
  metrics: { ...metrics, problems: [], torn: false },
  finished: false,
  students: [student([kept("fgsm", { batchSize: settings.evaluationBatch })])],
  classNames: ["<i>cat</i>", ...Array.from({ length: 9 }, (_, index) => `class_${index + 1}`)],
  testImages: 40,
  examples,
  warnings: ["<it> may mislead"],
};
const none = { accuracies: null, classes: null, confusion: null, radius: null, steps: null };
const pictures: RunPictures = { ...none, training: [{ title: "Losses", svg: "<svg>one</svg>" }] };
const pageOf = (changes: Partial<RunReport> = {}): string => {
  const changed = { ...report, ...changes };
  return runPageHtml(changed, runNumbers(changed), pictures);
};

/** The rows of a page's tables, cells in order, tags taken off. */
function rowsOf(html: string): string[][] {
  return [...html.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row = ""]) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/g)].map(([, cell]) => cell ?? ""),
  );
}

describe("a run's page", () => {
  const html = pageOf();

  it("says how far the run is, and how good, with intervals", () => {
    expect(html).toContain("Not finished: step 2, in epoch 1 of 2.");
    expect(html).toContain("Best by W-Robust 37.50% on test images in epoch 1.");
    expect(pageOf({ finished: true })).toContain("Finished after 2 epochs (2 steps).");
    expect(rowsOf(html)).toEqual(
      expect.arrayContaining([
        ["FGSM", "best", "2", "100.00%", "34.2 to 100.0", "50.00%", "9.5 to 90.5", "75.00%"],
        [
          ...["PGD-trades, when it was chosen (test images)", "best", "40"],
          ...["50.00%", "35.2 to 64.8", "25.00%", "14.2 to 40.2", "37.50%"],
        ],
      ]),
    );
  });

  it("has one row for each student, the last against the best and averaged against raw weights", () => {
    const averaged = { clean: 0.6, robust: 0.3, wRobust: 0.45 };
    const evaluations = metrics.evaluations.map((line, index) => ({
      ...line,
      averaged: { ...averaged, best: index === 1 },
    }));
    const of = (fooled: number) =>
      kept("fgsm", {
        batchSize: settings.evaluationBatch,
        answers: [fooled > 0 ? 1 : 4, fooled > 1 ? 1 : 4],
      });
    const both = pageOf({
      run: { ...report.run, settings: tinySettings({ ema: 0.995 }) },
      metrics: { ...report.metrics, evaluations },
      students: [
        student([of(1)], ["best"]),
        student([], ["last"]),
        student([of(2)], ["best-averaged", "last-averaged"]),
      ],
    });
    expect(both).toContain(
      "W-Robust 37.50% on test images in epoch 1. Of averaged weights 45.00% in epoch 2.",
    );
    expect(rowsOf(both)).toEqual(
      expect.arrayContaining([
        [
          ...["student", "epoch", "clean, training", "robust, training", "W-Robust, training"],
          "FGSM, 2 images",
        ],
        ["best", "1", "50.00%", "25.00%", "37.50%", "50.00% (9.5 to 90.5)"],
        ["last", "2", "50.00%", "20.00%", "35.00%", "-"],
        ["best-averaged, last-averaged", "2", "60.00%", "30.00%", "45.00%", "0.00% (0.0 to 65.8)"],
      ]),
    );
    expect(both).toContain("mtard evaluate &#39;runs/it&#39;\\&#39;&#39;s&#39; --checkpoint last");
    const panels = runPanels({ steps: [], evaluations }).flatMap((figure) =>
      figure.kind === "lines" ? figure.panels.map((panel) => [figure.title, panel.series]) : [],
    );
    expect(panels.slice(1)).toEqual(
      (
        [
          ["clean", [50, 50], 60],
          ["PGD-trades", [25, 20], 30],
          ["W-Robust", [37.5, 35], 45],
        ] as const
      ).map(([name, raw, average]) => [
        `Averaged weights: ${name}`,
        [
          { name: "raw weights", points: raw.map((y, index) => ({ x: index + 1, y })) },
          { name: "averaged weights", points: [1, 2].map((x) => ({ x, y: average })) },
        ],
      ]),
    );
  });

  it("says which command makes what is missing", () => {
    const empty = pageOf({ examples: null });
    for (const command of ["mtard report", "mtard obfuscation", "--eps 4/255", "--steps 50"])
      expect(empty).toContain(command);
    const early = pageOf({ students: [], examples: null });
    expect(early).toContain("There is no best student yet.");
    expect(early).toContain("No student is kept yet");
  });

  it("shows examples with class, answers, confidence and verdict", () => {
    const [, shown = ""] = /<ul class="examples">(.*?)<\/ul>/s.exec(html) ?? [];
    expect(
      shown
        .replace(/<[^>]*>/g, " ")
        .replace(/\s+/g, " ")
        .trim(),
    ).toBe("class 4 fooled class 4 90% at most 8/255 &lt;i&gt;cat&lt;/i&gt; 75%");
    expect([...shown.matchAll(/base64,(\w+)/g)].map(([, data]) => data)).toEqual([
      "Y2xlYW4",
      "ZGlmZg",
      "YWR2",
    ]);
    expect(html).toContain("1 were right when clean, 1 of them are fooled");
  });

  it("has every setting, with what the recipe has where it was changed", () => {
    const rows = rowsOf(html);
    const of = (name: string) => rows.find(([first]) => first === name);
    expect(of("momentum")).toEqual(["momentum", "0.9", expect.stringContaining("section 4.1") as string]);
    expect(of("beta")).toEqual([
      "beta",
      "4",
      expect.stringMatching(/^changed; the recipe has 1 \(/) as string,
    ]);
    expect(of("limitTrain")?.[1]).toBe("90");
    expect(of("clean teacher")).toEqual(["clean teacher", "&lt;b&gt;&quot;x&quot;&amp;y", "c"]);
    expect(of("robust teacher")).toBeUndefined();
  });

  it("runs nothing and loads nothing, whatever the names are", () => {
    expect(html).toContain("&lt;script&gt;alert(1)&lt;/script&gt;");
    expect(html).not.toMatch(/<script|<b>|<i>|\shref="(?!#)|src="(?!data:)/);
    expect(html).toContain("default-src 'none'");
    const data = /src="data:image\/svg\+xml;base64,([^"]+)"/.exec(html)?.[1] ?? "";
    expect(Buffer.from(data, "base64").toString()).toBe("<svg>one</svg>");
    const long = pageOf({ name: "n".repeat(10_000), classNames: Array<string>(10).fill("c".repeat(10_000)) });
    expect(long).not.toMatch(/n{300}|c{300}/);
  });

  it("is also plain data without pictures and records", () => {
    const json = runReportJson(report, runNumbers(report));
    expect(json).toMatchObject({
      accuracies: [{ label: "FGSM", images: 2, robust: { hits: 1, count: 2 }, wRobust: 0.75 }],
      classes: [{ label: 4, clean: { hits: 2 }, attacked: { hits: 1 } }],
      examples: { attack: "pgd-trades", images: [{ index: 7, after: { answer: 0, confidence: 0.75 } }] },
    });
    expect(JSON.stringify(json)).not.toMatch(/kept|pictures|Y2xlYW4/);
  });
});

describe("a run's curves", () => {
  it("are those its method reported, and the accuracies by epoch in percent", () => {
    const panels = runPanels(metrics).flatMap((figure) =>
      figure.kind === "lines" ? figure.panels.map((panel) => ({ ...panel, title: figure.title })) : [],
    );
    expect(panels.map(({ title, series }) => [title, series.map(({ name }) => name)])).toEqual([
      ["Accuracy", ["clean", "PGD-trades", "W-Robust"]],
      ["Losses", ["clean", "adversarial", "total"]],
      ["Loss weights", ["clean", "adversarial"]],
      ["Entropy of the teachers' predictions", ["clean teacher"]],
    ]);
    expect(panels[0]?.series[2]?.points).toEqual([
      { x: 1, y: 37.5 },
      { x: 2, y: 35 },
    ]);
    expect(panels[1]?.series[0]?.points).toEqual([
      { x: 0.5, y: 2 },
      { x: 1, y: 4 },
    ]);
  });
});
