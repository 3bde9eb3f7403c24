import { describe, expect, it } from "vitest";
import {
  evaluatedSince,
  evaluationCost,
  openLedger,
  trainingCost,
  trainingLooks,
} from "#mtard/reproduction/ledger.js";
import { tinySettings } from "../training/tiny-run.js";

describe("the cost of the work", () => {
  it("of training is the attack's steps, the passes that learn, and the evaluations that choose", () => {
    const settings = tinySettings({ epochs: 4, milestones: [3], evaluateEvery: 10, innerSteps: 10 });
    // Three looks for each of ten steps, and for each of the two batches that are learned from.
    expect(trainingCost(settings)).toBe(36);
    // Evaluated after epochs 1, 3 and 4, by an attack of 20 steps.
    expect(trainingLooks(settings, 100, 10)).toBe(36 * 100 * 4 + 60 * 10 * 3);
    expect(trainingCost({ ...settings, method: "natural" })).toBe(3);
  });

  it("counts each image of an evaluation once, whatever is told twice", () => {
    // As evaluations tell it: the raw weights' 400 images, then the averaged ones'.
    const told = [4, 7, 7, 19, 400, 400, 3, 3, 250, 400];
    const counted = told.map((done, index) => evaluatedSince(done, told[index - 1] ?? 0));
    expect(counted.reduce((sum, images) => sum + images, 0)).toBe(800);
  });

  it("of an evaluation grows with the attack", () => {
    expect(evaluationCost(null)).toBeLessThan(evaluationCost("fgsm"));
    expect(evaluationCost("fgsm")).toBeLessThan(evaluationCost("pgd-sat"));
    expect(evaluationCost("square")).toBe(5000);
    expect(evaluationCost("square", { queries: 100 })).toBe(100);
    // A third of the images is left for all but the first of its attacks.
    expect(evaluationCost("aa")).toBe(300 + (2700 + 2700 + 5000) / 3);
  });
});

describe("the time left", () => {
  it("is what is left at the pace of this session alone", () => {
    let now = 0;
    const ledger = openLedger(() => now);
    ledger.expect(1000);
    expect(ledger.secondsLeft()).toBeNull();
    ledger.strike(400);
    expect(ledger.secondsLeft()).toBeNull();
    ledger.work(0);
    now = 2000;
    ledger.work(100);
    // 500 are left, 100 took 2 s.
    expect(ledger.secondsLeft()).toBe(10);
    now = 4000;
    ledger.work(100);
    expect(ledger.secondsLeft()).toBe(8);
    ledger.strike(500);
    expect(ledger.secondsLeft()).toBe(0);
  });
});
