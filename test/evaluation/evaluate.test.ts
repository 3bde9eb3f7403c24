import { expect, it } from "vitest";
import { summarize } from "#mtard/evaluation/summary.js";

it("W-Robust is the mean of clean and robust accuracy, and counts apart what is right under the attack alone", () => {
  const outcome = (label: number, clean: number, attacked: number) => ({
    index: 0,
    label,
    clean,
    attacks: { fgsm: attacked },
  });
  const { clean, attacks } = summarize(
    [outcome(1, 1, 1), outcome(1, 1, 2), outcome(1, 2, 2), outcome(3, 3, 3)],
    ["fgsm"],
  );
  expect(clean).toEqual({ correct: 3, accuracy: 0.75 });
  expect(attacks.fgsm).toEqual({ robust: 2, accuracy: 0.5, wRobust: 0.625 });
  // Where every image is attacked, the third may end right.
  const final = [outcome(1, 1, 1), outcome(1, 1, 2), outcome(1, 2, 1), outcome(3, 3, 3)];
  expect(summarize(final, ["fgsm"])).toMatchObject({
    clean: { correct: 3, accuracy: 0.75 },
    attacks: { fgsm: { robust: 3, wrongWhenClean: 1, accuracy: 0.75, wRobust: 0.75 } },
  });
});
