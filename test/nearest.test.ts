import { expect, it } from "vitest";
import { didYouMean, nearest } from "#mtard/nearest.js";

const names = ["natural", "sat", "trades", "ard", "rslad", "mtard", "b-mtard"];

it.each([
  ["b-mtrad", "b-mtard"],
  ["b_mtard", "b-mtard"],
  ["B-MTARD", "b-mtard"],
  ["trade", "trades"],
  ["rslads", "rslad"],
  ["nautral", "natural"],
  ["sta", "sat"],
  ["adr", "ard"],
])("%s was probably %s", (typed, meant) => {
  expect(nearest(typed, names)).toBe(meant);
});

it.each(["", "xyz", "pgd", "banana", "x".repeat(100_000)])("nothing is near %.10s", (typed) => {
  expect(nearest(typed, names)).toBeNull();
  expect(didYouMean(typed, names)).toBe("");
});

it("more than a third of the letters off is not near, and the nearest wins", () => {
  expect(nearest("abcxyf", ["abcdef"])).toBe("abcdef");
  expect(nearest("abxyzf", ["abcdef"])).toBeNull();
  expect(nearest("resnet-1", ["resnet-110", "resnet-18", "resnet-14"])).toBe("resnet-18");
  expect(didYouMean("mtrad", names)).toBe('; did you mean "mtard"?');
});
