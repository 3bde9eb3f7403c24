import { describe, expect, it } from "vitest";
import { accuracyRows, conventionNotes, mainRow } from "#mtard/report/run-report/accuracies.js";
import type { KeptRecord } from "#mtard/evaluation/store.js";
import { kept, student } from "./records.js";

const usual = { evaluationBatch: 250, evaluationEpsilon: 8 / 255 };

function labelsOf(records: readonly KeptRecord[], settings = usual): string[] {
  return accuracyRows([student(records)], settings).map(({ label, images }) => `${label}: ${images}`);
}

describe("rows of accuracies", () => {
  it("say what is unusual about an attack, and begin with the usual ones", () => {
    const found = labelsOf([
      kept("square", { changes: { square: { queries: 100 } } }),
      kept("pgd-sat", { restarts: 3, batchSize: 7 }),
      kept("fgsm", { epsilon: 16 / 255 }),
      kept("aa", { restarts: 2, changes: { aa: { steps: 9 } } }),
      kept("pgd-sat", { changes: { "pgd-sat": { stepSize: 1 / 255, steps: 5 } } }),
      kept("fgsm", { epsilon: 4 / 255 }),
      kept("pgd-sat", { seed: 3 }),
      kept("pgd-sat"),
      kept("fgsm", { epsilon: 0.02 }),
    ]);
    expect(found).toEqual([
      "PGD-sat: 2",
      "FGSM (epsilon 4/255): 2",
      "FGSM (epsilon 0.02): 2",
      "FGSM (epsilon 16/255): 2",
      "PGD-sat (batch size 7, restarts 3): 2",
      "PGD-sat (seed 3): 2",
      "PGD-sat (step size 1/255, steps 5): 2",
      "Square (queries 100): 2",
      "AutoAttack (steps 9, restarts 2): 2",
    ]);
  });

  it("name an attack on fewer images than it was run on elsewhere", () => {
    const settings = { ...usual, evaluationBatch: 10 };
    const many = kept("pgd-sat", { images: 100, batchSize: 10 });
    const few = kept("pgd-sat", { images: 50, batchSize: 10 });
    expect(labelsOf([few, many, kept("fgsm", { images: 50, batchSize: 10 })], settings)).toEqual([
      "FGSM: 50",
      "PGD-sat: 100",
      "PGD-sat (the first 50 images): 50",
    ]);
  });

  it("name surrogates and conventions where there are several for an attack", () => {
    const [one, other] = ["c".repeat(64), "d".repeat(64)];
    const first = kept("transfer-cw", { surrogate: one });
    expect(labelsOf([first, kept("transfer-pgd-trades", { surrogate: other })])).toEqual([
      "PGD-trades (transfer): 2",
      "CW (transfer): 2",
    ]);
    expect(labelsOf([first, kept("transfer-cw", { surrogate: other })])).toEqual([
      "CW (transfer) (surrogate cccccccccccc...): 2",
      "CW (transfer) (surrogate dddddddddddd...): 2",
    ]);
    const final = kept("fgsm", { wrongWhenClean: "final-answer" });
    expect(labelsOf([final, kept("cw")])).toEqual(["FGSM: 2", "CW: 2"]);
    expect(labelsOf([final, kept("fgsm")])).toEqual(["FGSM: 2", "FGSM (wrong when clean final-answer): 2"]);
    const [note, ...more] = conventionNotes(accuracyRows([student([final, kept("cw")])], usual));
    expect(note).toMatch(/^FGSM: an image that is wrong when clean is attacked as any other/);
    expect(more).toEqual([]);
  });

  it("have Wilson's intervals, statsmodels' for 30 of 100", () => {
    const labels = Array<number>(100).fill(4);
    const answers = labels.map((label, image) => (image < 30 ? label : 1));
    const [row] = accuracyRows([student([kept("fgsm", { labels, answers })])], usual);
    expect(row?.robust).toMatchObject({ hits: 30, count: 100, share: 0.3 });
    expect(row?.robust.low).toBeCloseTo(0.218948, 5);
    expect(row?.robust.high).toBeCloseTo(0.395849, 5);
    expect(row?.wRobust).toBe(0.65);
  });

  it("are read by PGD-trades at the run's epsilon for classes, whatever is on more images", () => {
    const records = [
      kept("fgsm", { images: 9 }),
      kept("pgd-trades", { images: 9, epsilon: 16 / 255 }),
      kept("pgd-trades", { images: 3 }),
      kept("pgd-trades", { images: 5 }),
    ];
    const main = (given: readonly KeptRecord[]) =>
      mainRow(accuracyRows([student(given)], usual), "best", usual);
    expect(main(records)).toMatchObject({ attack: "pgd-trades", images: 5, epsilon: 8 / 255 });
    expect(main(records.slice(0, 2))).toMatchObject({ attack: "fgsm" });
    expect(main([])).toBeUndefined();
  });

  it("are read by usual settings before many images, and then by the strongest attack", () => {
    const main = (...records: readonly KeptRecord[]) =>
      mainRow(accuracyRows([student(records)], usual), "best", usual);
    const quick = kept("pgd-trades", { images: 9, changes: { "pgd-trades": { steps: 1 } } });
    expect(main(quick, kept("pgd-trades", { images: 5 }))).toMatchObject({ label: "PGD-trades", images: 5 });
    expect(main(kept("fgsm", { images: 9 }), kept("aa", { images: 5 }))).toMatchObject({ attack: "aa" });
    expect(main(quick)?.label).toBe("PGD-trades (steps 1)");
  });
});
