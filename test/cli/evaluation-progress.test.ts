import { expect, it } from "vitest";
import { progressTexts } from "#mtard/cli/evaluation-progress.js";
import type { EvaluationPass } from "#mtard/evaluation/progress.js";
import { roundsOf } from "#mtard/evaluation/rounds.js";

/** The texts as told at a time in seconds. */
function clock() {
  let seconds = 0;
  const textsOf = progressTexts(() => seconds);
  return (time: number, share: number, pass: EvaluationPass) => {
    seconds = time;
    return textsOf({ share, pass, done: 0, total: 0 });
  };
}

const [round, again] = roundsOf("square", { restarts: 2 });
if (!round || !again) throw new Error("no rounds");
const square: EvaluationPass = {
  ...{ attack: "square", round: { ...round, restarts: 1 }, done: 0, total: 40, robust: 40 },
  ...{ inHand: 20, step: { step: 0, steps: 100 }, queries: null },
};

it("says attack, images, rate and the time left, then what can be left out: images left robust, steps, queries", () => {
  const at = clock();
  expect(at(0, 0.1, square)).toEqual({
    now: "square: 0/40 images  40 robust  step 0/100",
    ended: null,
  });
  // Half of 20 images in 10 s is an image a second; a fifth of the work in 10 s leaves 35 s for the rest.
  const half = { ...square, robust: 33, step: { step: 50, steps: 100 }, queries: 1234 };
  expect(at(10, 0.3, half)).toEqual({
    now: "square: 0/40 images, 1.0 images/s, 35 s left  33 robust  step 50/100  1,234 queries",
    ended: null,
  });
});

it("says what is left robust when a round ends", () => {
  const over = { ...square, done: 40, robust: 12, inHand: 0, step: null, queries: 20_000 };
  expect(clock()(1, 1, over).ended).toBe("square: 12 of 40 left robust, 20,000 queries");
});

it("names restarts and the parts of an ensemble", () => {
  const at = clock();
  const name = (pass: Partial<EvaluationPass>): string =>
    at(1, 0.5, { ...square, ...pass }).now.split(":")[0] ?? "";
  expect(name({ attack: null, round: null })).toBe("clean");
  expect(name({ round: again })).toBe("square, run 2 of 2");
  expect(name({ attack: "transfer-pgd-trades", round: { ...round, restarts: 1, isTransfer: true } })).toBe(
    "transfer-pgd-trades",
  );
  expect(name({ attack: "fgsm" })).toBe("fgsm, square");
});
