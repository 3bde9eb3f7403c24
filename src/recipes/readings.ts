import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";

/** What a recipe follows where a compared method's own paper, its released code and B-MTARD's settings disagree. */
export const readings = {
  paper: "each method as its own paper and scripts train it, with the changes B-MTARD's section 4.1 names",
  "released-code": "the same, but exactly what the released script computes, its oddities included",
  "b-mtard": "every method with the optimiser and the schedule of B-MTARD",
} as const;

export type Reading = keyof typeof readings;

export const readingNames = Object.keys(readings) as Reading[];

/** @throws {InputError} if no reading has this name. */
export function requireReading(name: string): Reading {
  if (Object.hasOwn(readings, name)) return name as Reading;
  throw new InputError(`unknown reading "${name}"${didYouMean(name, readingNames)}`, {
    expected: `one of ${readingNames.join(", ")}`,
    found: name,
  });
}
