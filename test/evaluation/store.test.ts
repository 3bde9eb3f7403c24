import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { summarize } from "#mtard/evaluation/summary.js";
import {
  keepByAttack,
  keptEvaluations,
  readEvaluation,
  writeEvaluation,
  type EvaluationKey,
} from "#mtard/evaluation/store.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-evaluations-"));
afterAll(() => rmSync(folder, { recursive: true }));

const key: EvaluationKey = {
  attack: "pgd-sat",
  epsilon: 8 / 255,
  seed: 0,
  batchSize: 2,
  images: 3,
  data: "d",
  student: "s",
};
/** Two of three right when clean, one of them under attack. */
const perExample = [
  { index: 0, label: 4, clean: 4, attacks: { "pgd-sat": 4 } },
  { index: 1, label: 5, clean: 5, attacks: { "pgd-sat": 1 } },
  { index: 2, label: 6, clean: 0, attacks: { "pgd-sat": 6 } },
];
const evaluation = { ...summarize(perExample, ["pgd-sat"]), perExample };

describe("an evaluation with several attacks", () => {
  it("is kept as one an attack, each as if it had been made alone", () => {
    const several = mkdtempSync(join(folder, "several-"));
    const both = [
      { index: 0, label: 4, clean: 4, attacks: { square: 4, rays: 1 }, queries: { square: 100, rays: 7 } },
      {
        index: 1,
        label: 5,
        clean: 5,
        attacks: { square: 1, rays: 5 },
        queries: { square: 3, rays: 90 },
        linf: { square: 0.03 },
      },
      { index: 2, label: 6, clean: 0, attacks: { square: 0, rays: 0 } },
    ];
    const together = { ...summarize(both, ["square", "rays"]), perExample: both };
    keepByAttack(several, key, { evaluation: together, changes: { rays: { queries: 90 } }, surrogate: null });
    const square = readEvaluation(several, { ...key, attack: "square" });
    expect(square?.attacks).toEqual({ square: together.attacks.square });
    expect(square?.perExample[1]).toEqual({
      index: 1,
      label: 5,
      clean: 5,
      attacks: { square: 1 },
      queries: { square: 3 },
      linf: { square: 0.03 },
    });
    expect(readEvaluation(several, { ...key, attack: "rays" })).toBeNull();
    const rays = readEvaluation(several, { ...key, attack: "rays", changes: { queries: 90 } });
    expect(rays?.attacks.rays).toMatchObject({ robust: 1, meanQueries: 48.5 });
    keepByAttack(several, key, {
      evaluation: { ...summarize([], []), perExample: [] },
      changes: {},
      surrogate: null,
    });
    expect(readdirSync(join(several, "evaluations")).some((name) => name.startsWith("clean-"))).toBe(true);
  });
});

describe("a kept evaluation", () => {
  it("comes back as it was", () => {
    expect(readEvaluation(folder, key)).toBeNull();
    writeEvaluation(folder, key, evaluation);
    expect(readEvaluation(folder, key)).toEqual(evaluation);
    expect(evaluation).toMatchObject({
      total: 3,
      clean: { correct: 2 },
      attacks: { "pgd-sat": { robust: 1, wRobust: 0.5 } },
    });
  });

  it("is there for nothing else", () => {
    for (const other of [
      { attack: "fgsm" },
      { attack: null },
      { epsilon: 4 / 255 },
      { seed: 1 },
      { batchSize: 3 },
      { images: 2 },
      { data: "e" },
      { student: "t" },
      { changes: { steps: 5 } },
      { surrogate: "u" },
    ] as const)
      expect(readEvaluation(folder, { ...key, ...other }), JSON.stringify(other)).toBeNull();
  });

  it("that is damaged is none", () => {
    const [name = ""] = readdirSync(join(folder, "evaluations"));
    const path = join(folder, "evaluations", name);
    const whole = readFileSync(path, "utf8");
    expect(name).toMatch(/^pgd-sat-[0-9a-f]{10}\.json$/);
    for (const content of [
      whole.slice(0, -20),
      "{}",
      whole.replace('"index":1', '"index":7'),
      whole.replace('"attacks":{"pgd-sat":1}', '"attacks":{}'),
      JSON.stringify({ ...evaluation, perExample: perExample.slice(0, 2) }),
    ]) {
      writeFileSync(path, content);
      expect(readEvaluation(folder, key)).toBeNull();
    }
    writeFileSync(path, whole);
    expect(readEvaluation(folder, key)).toEqual(evaluation);
  });

  it("is listed with the others of the same student", () => {
    const clean = { ...summarize(perExample, []), perExample };
    writeEvaluation(folder, { ...key, attack: null }, clean);
    writeEvaluation(folder, { ...key, student: "t" }, evaluation);
    writeFileSync(join(folder, "evaluations", "other.json"), "{}");
    expect(keptEvaluations(folder, "s")).toEqual([clean, evaluation]);
    expect(keptEvaluations(join(folder, "nowhere"), "s")).toEqual([]);
  });
});
