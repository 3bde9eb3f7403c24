import { describe, expect, it } from "vitest";
import { looksAt } from "#mtard/evaluation/obfuscation.js";
import { radiusCurves, stepCurves } from "#mtard/report/run-report/curves.js";
import { classAccuracies, confusionOf, frequentMistakes } from "#mtard/report/run-report/classes.js";
import { kept } from "./records.js";

describe("accuracy against a setting", () => {
  const EPSILON = 8 / 255;

  it("is read from what mtard obfuscation measures: steps, and radii whose step grows with them", () => {
    const records = looksAt(EPSILON, false).map(({ attack, changes, epsilon }) =>
      kept(attack, { epsilon, changes: { [attack]: changes } }),
    );
    const [radius, ...others] = radiusCurves(records);
    expect(others).toEqual([]);
    expect(radius?.name).toBe("PGD-sat");
    // 0 is clean, and 20 steps of a quarter of the run's epsilon are on the curve as well.
    expect(radius?.points.map(({ x, robust }) => [Math.round(x), robust.hits])).toEqual([
      [0, 2],
      [8, 1],
      [16, 1],
      [32, 1],
      [64, 1],
      [128, 1],
    ]);
    expect(stepCurves(records).map(({ name, points }) => [name, points.map(({ x }) => x)])).toEqual([
      ["PGD-sat", [5, 20, 100]],
    ]);
  });

  it("is of measurements that differ in that setting alone, and the name says in what others do", () => {
    const records = [4, 8].flatMap((levels) => [
      kept("pgd-trades", { epsilon: levels / 255 }),
      kept("pgd-trades", { epsilon: levels / 255, images: 3 }),
      kept("fgsm", { epsilon: levels / 255, batchSize: levels }),
    ]);
    expect(radiusCurves(records).map(({ name, images }) => [name, images])).toEqual([
      ["PGD-trades (2 images)", 2],
      ["PGD-trades (3 images)", 3],
    ]);
    expect(radiusCurves([kept("fgsm")])).toEqual([]);
    expect(stepCurves([kept("pgd-sat"), kept("cw"), kept("aa")])).toEqual([]);
  });
});

describe("the classes of a measurement", () => {
  const labels = [0, 0, 0, 1, 1, 2];
  const record = kept("pgd-trades", {
    labels,
    clean: [0, 0, 1, 1, 1, 0],
    answers: [0, 2, 1, 2, 2, 0],
  });
  const names = ["cat", "dog", "ship", "never"];

  it("have accuracies of their own, those without images none", () => {
    const found = classAccuracies(record, names).map(({ name, clean, attacked }) => [
      name,
      `${clean.hits} ${attacked.hits} ${clean.count}`,
    ]);
    expect(found).toEqual([
      ["cat", "2 1 3"],
      ["dog", "2 0 2"],
      ["ship", "0 0 1"],
    ]);
  });

  it("are counted by what they are taken for under the attack", () => {
    const confusion = confusionOf(record, names);
    expect(confusion.counts).toEqual([
      [1, 1, 1, 0],
      [0, 0, 2, 0],
      [1, 0, 0, 0],
      [0, 0, 0, 0],
    ]);
    expect(
      frequentMistakes(confusion, 2).map(({ label, answer, share }) => [label, answer, share.share]),
    ).toEqual([
      ["dog", "ship", 1],
      ["ship", "cat", 1],
    ]);
  });
});
