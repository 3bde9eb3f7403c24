import { describe, expect, it } from "vitest";
import type { AttackId } from "#mtard/attacks/attacks.js";
import { attackKey } from "#mtard/evaluation/key.js";
import type { EvaluationSettings } from "#mtard/evaluation/settings.js";
import { type ExampleOutcome, summarize } from "#mtard/evaluation/summary.js";
import type { RunMetrics } from "#mtard/run/metrics.js";
import { type KeyedEvaluation, runPageHtml, type RunPage } from "#mtard/report/run-page.js";
import { runPanels } from "#mtard/report/run-panels.js";
import { tinySettings } from "../training/tiny-run.js";

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

/** An attack on two images, one of which withstands it, or on as many as are named. */
function measured(
  attack: AttackId,
  changes: Partial<EvaluationSettings> & { surrogate?: string; images?: number } = {},
): KeyedEvaluation {
  const { images = 2, batchSize = settings.evaluationBatch, surrogate = null, ...others } = changes;
  const key = attackKey(
    { model: "a".repeat(64), data: "b".repeat(64), images, batchSize },
    attack,
    { epsilon: settings.evaluationEpsilon, seed: 0, ...others },
    surrogate,
  );
  const perExample = Array.from({ length: images }, (_, index): ExampleOutcome => ({
    ...{ index, label: 4, clean: 4 },
    attacks: { [attack]: index % 2 === 0 ? 4 : 1 },
  }));
  return { key, evaluation: { ...summarize(perExample, [attack]), perExample } };
}

const page: RunPage = {
  name: "runs/<script>alert(1)</script>",
  run: {
    settings,
    inputs: { data: "d", cleanTeacher: "c", robustTeacher: null },
    recipe: { beta: 1 },
  },
  warnings: ["<it> may mislead"],
  metrics,
  finished: false,
  evaluations: [measured("fgsm")],
  pictures: [{ title: "Losses", svg: "<svg>one</svg>" }],
};

/** The rows of a page's tables, cells in order, tags taken off. */
function rowsOf(html: string): string[][] {
  return [...html.matchAll(/<tr>(.*?)<\/tr>/g)].map(([, row = ""]) =>
    [...row.matchAll(/<t[hd][^>]*>(.*?)<\/t[hd]>/g)].map(([, cell]) => cell ?? ""),
  );
}

describe("a run's page", () => {
  const html = runPageHtml(page);

  it("says how far the run is, and how good", () => {
    expect(html).toContain("Not finished: step 2, in epoch 1 of 2.");
    expect(html).toContain("Best by W-Robust 37.50% on test images in epoch 1.");
    expect(runPageHtml({ ...page, finished: true })).toContain("Finished after 2 epochs (2 steps).");
    expect(rowsOf(html)).toEqual(
      expect.arrayContaining([
        ["fgsm", "2", "100.00%", "50.00%", "75.00%"],
        ["pgd-trades, when it was chosen (test)", "", "50.00%", "25.00%", "37.50%"],
      ]),
    );
  });

  /** The attack and the number of images in each row, without the row of the training. */
  const labelsOf = (evaluations: readonly KeyedEvaluation[]): string[] =>
    rowsOf(runPageHtml({ ...page, evaluations }))
      .filter(([first, images = ""]) => first !== "attack" && /^\d+$/.test(images))
      .filter((row) => row.length === 5)
      .map(([label, images]) => `${label}: ${images}`);

  it("shows raw and averaged weights beside each other where the run keeps both", () => {
    const averaged = { clean: 0.6, robust: 0.3, wRobust: 0.45 };
    const evaluations = metrics.evaluations.map((line, index) => ({
      ...line,
      averaged: { ...averaged, best: index === 1 },
    }));
    const both = runPageHtml({
      ...page,
      run: { ...page.run, settings: tinySettings({ ema: 0.995 }) },
      metrics: { ...metrics, evaluations },
      evaluations: [{ ...measured("fgsm"), averaged: true }, measured("pgd-sat"), measured("fgsm")],
    });
    expect(both).toContain(
      "W-Robust 37.50% on test images in epoch 1. Of averaged weights 45.00% in epoch 2.",
    );
    const rows = rowsOf(both);
    const begin = rows.findIndex(([first]) => first === "attack");
    expect(rows.slice(begin, begin + 6)).toEqual([
      ["attack", "weights", "images", "clean", "robust", "W-Robust"],
      ["fgsm", "raw", "2", "100.00%", "50.00%", "75.00%"],
      ["fgsm", "averaged", "2", "100.00%", "50.00%", "75.00%"],
      ["pgd-sat", "raw", "2", "100.00%", "50.00%", "75.00%"],
      ["pgd-trades, when it was chosen (test)", "raw", "", "50.00%", "25.00%", "37.50%"],
      ["pgd-trades, when it was chosen (test)", "averaged", "", "60.00%", "30.00%", "45.00%"],
    ]);
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

  it("says what is unusual about an attack, and shows the usual ones first", () => {
    const found = labelsOf([
      measured("square", { changes: { square: { queries: 100 } } }),
      measured("pgd-sat", { restarts: 3, batchSize: 7 }),
      measured("fgsm", { epsilon: 16 / 255 }),
      measured("aa", { restarts: 2, changes: { aa: { steps: 9 } } }),
      measured("pgd-sat", { changes: { "pgd-sat": { stepSize: 1 / 255, steps: 5 } } }),
      measured("fgsm", { epsilon: 4 / 255 }),
      measured("pgd-sat", { images: 1 }),
      measured("pgd-sat", { seed: 3 }),
      measured("pgd-sat"),
      measured("fgsm", { epsilon: 0.02 }),
      measured("fgsm", { seed: 3 }),
    ]);
    expect(found).toEqual([
      "fgsm: 2",
      "pgd-sat: 2",
      "pgd-sat: 1",
      "fgsm (epsilon 4/255): 2",
      "fgsm (epsilon 0.02): 2",
      "fgsm (epsilon 16/255): 2",
      "pgd-sat (batch size 7, restarts 3): 2",
      "pgd-sat (seed 3): 2",
      "pgd-sat (step size 1/255, steps 5): 2",
      "square (queries 100): 2",
      "aa (steps 9, restarts 2): 2",
    ]);
  });

  it("names a surrogate where there are several for an attack", () => {
    const [one, other] = ["c".repeat(64), "d".repeat(64)];
    const first = measured("transfer-cw", { surrogate: one });
    expect(labelsOf([first, measured("transfer-pgd-trades", { surrogate: other })])).toEqual([
      "transfer-pgd-trades: 2",
      "transfer-cw: 2",
    ]);
    expect(labelsOf([first, measured("transfer-cw", { surrogate: other })])).toEqual([
      "transfer-cw (surrogate cccccccccccc...): 2",
      "transfer-cw (surrogate dddddddddddd...): 2",
    ]);
  });

  it("takes the run's own epsilon and batch size as the usual ones", () => {
    const own = tinySettings({ evaluationEpsilon: 4 / 255, evaluationBatch: 7 });
    const evaluations = [measured("fgsm"), measured("fgsm", { epsilon: 4 / 255, batchSize: 7 })];
    const html = runPageHtml({ ...page, run: { ...page.run, settings: own }, evaluations });
    expect(rowsOf(html).map(([first]) => first)).toEqual(
      expect.arrayContaining(["fgsm", `fgsm (batch size ${settings.evaluationBatch}, epsilon 8/255)`]),
    );
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
    expect(html).not.toMatch(/<script|<b>|\shref=|src="(?!data:)/);
    expect(html).toContain("default-src 'none'");
    const [, data = ""] = /src="data:image\/svg\+xml;base64,([^"]+)"/.exec(html) ?? [];
    expect(Buffer.from(data, "base64").toString()).toBe("<svg>one</svg>");
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
