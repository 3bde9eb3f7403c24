import { expect, it } from "vitest";
import { unusualNumbers, unusualParts } from "#mtard/report/unusual.js";
import { kept } from "./run-report/records.js";

it("an attack's own numbers are those of its norm, and lengths in L2 are no levels", () => {
  const numbersOf = (changes: Parameters<typeof kept>[1]): string[] => {
    const { key } = kept("pgd-trades", changes);
    return unusualNumbers({ ...key, attack: "pgd-trades" });
  };
  const l2 = { norm: "l2", epsilon: 0.5 } as const;
  expect(numbersOf({ seed: 3 })).toEqual([]);
  expect(numbersOf({ ...l2, seed: 3 })).toEqual([]);
  const stepSize = 1 / 255;
  expect(numbersOf({ changes: { "pgd-trades": { stepSize } } })).toEqual(["step size 1/255"]);
  expect(numbersOf({ ...l2, changes: { "pgd-trades": { stepSize } } })).toEqual([`step size ${stepSize}`]);
});

it("what measurements beside each other share is not named where nothing is usual", () => {
  const [{ key }, { key: other }] = [kept("fgsm", { data: "e", batchSize: 9 }), kept("fgsm")];
  expect(unusualParts(key, null, [key])).toEqual([]);
  expect(unusualParts(key, 250, [key])).toEqual(["batch size 9"]);
  expect(unusualParts(key, null, [key, other])).toEqual(["data eeeeeeeeeeee...", "batch size 9"]);
});
