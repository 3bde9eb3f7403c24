import { describe, expect, it } from "vitest";
import type { AttackId } from "#mtard/attacks/attacks.js";
import { doubtsOf } from "#mtard/evaluation/doubts.js";
import { type Evaluation, type ExampleOutcome, summarize } from "#mtard/evaluation/summary.js";

/** An attack on images of class 0 that are answered right when clean: which of them it fooled, and by which of its parts. */
function evaluation(attack: AttackId, fooled: readonly number[], total = 4, part?: AttackId): Evaluation {
  const perExample = Array.from({ length: total }, (_, index): ExampleOutcome => {
    const isFooled = fooled.includes(index);
    const by = isFooled && part !== undefined ? { fooledBy: { [attack]: part } } : {};
    return { index, label: 0, clean: 0, attacks: { [attack]: isFooled ? 1 : 0 }, ...by };
  });
  return { ...summarize(perExample, [attack]), perExample };
}

const doubt = (attack: string, count: number) =>
  expect.stringMatching(`^${attack} fooled the model on ${count} images that withstood`) as string;

describe("doubts", () => {
  it("arise where a black-box attack fooled what gradient attacks measured elsewhere did not", () => {
    const gradients = [evaluation("pgd-sat", [0]), evaluation("cw", [1])];
    expect(doubtsOf([...gradients, evaluation("square", [0, 1, 2, 3])])).toEqual([doubt("square", 2)]);
    expect(doubtsOf([...gradients, evaluation("square", [0, 1])])).toEqual([]);
    expect(doubtsOf([evaluation("square", [0, 1])]), "nothing to compare with").toEqual([]);
    expect(doubtsOf([])).toEqual([]);
  });

  it("do not arise from attacks on other images", () => {
    expect(doubtsOf([evaluation("pgd-sat", [], 3), evaluation("square", [0, 1])])).toEqual([]);
  });

  it.each([
    ["first", (weak: Evaluation, strong: Evaluation) => [weak, strong]],
    ["last", (weak: Evaluation, strong: Evaluation) => [strong, weak]],
  ])("take what an attack found with any seed, the weaker one %s", (_, inOrder) => {
    const pgd = inOrder(evaluation("pgd-sat", [0]), evaluation("pgd-sat", [1, 2]));
    expect(doubtsOf([...pgd, evaluation("square", [0, 1, 2])])).toEqual([]);
    const square = inOrder(evaluation("square", [0]), evaluation("square", [1, 2]));
    expect(doubtsOf([evaluation("pgd-sat", [0]), ...square])).toEqual([doubt("square", 2)]);
    const ensemble = inOrder(evaluation("aa", [0, 1], 4, "square"), evaluation("aa", [1], 4, "apgd-t"));
    expect(doubtsOf(ensemble)).toEqual([doubt("in aa, square", 1)]);
  });
});
