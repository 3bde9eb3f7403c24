import { describe, expect, it } from "vitest";
import { formatRows, formatTable } from "#mtard/cli/text-table.js";

const rows = [
  ["NAME", "DATASET", "WHAT IT IS"],
  ["one", "cifar10", "a network of some sort, from somewhere"],
  ["second-one", "demo", ""],
];

describe("a table", () => {
  it("has aligned columns, however long, where nothing limits it", () => {
    expect(formatTable(rows, Infinity)).toBe(
      "NAME        DATASET  WHAT IT IS\n" +
        "one         cifar10  a network of some sort, from somewhere\n" +
        "second-one  demo",
    );
  });

  it("wraps its widest column between words in a narrow terminal", () => {
    expect(formatTable(rows, 44)).toBe(
      "NAME        DATASET  WHAT IT IS\n" +
        "one         cifar10  a network of some sort,\n" +
        "                     from somewhere\n" +
        "second-one  demo",
    );
  });

  it("becomes a list a row where wrapping is not enough, and loses no word", () => {
    const narrow = formatTable(rows, 25);
    expect(narrow).toBe(
      "NAME\none\n  DATASET     cifar10\n  WHAT IT IS  a network of some sort, from somewhere\nsecond-one\n  DATASET     demo",
    );
  });

  it.each([30, 40, 44, 60, 80])("keeps every word at %i columns", (width) => {
    const words = (text: string): string[] => text.split(/\s+/).filter(Boolean).sort();
    expect(words(formatTable(rows, width))).toEqual(words(rows.flat().join(" ")));
    for (const line of formatTable(rows, width).split("\n")) expect(line.length).toBeLessThanOrEqual(width);
  });
});

it("rows without a heading are wrapped in the same way, and never become lists", () => {
  expect(formatRows([["ok", "a long story told in words"]], 20)).toBe("ok  a long story\n    told in words");
  expect(formatRows([["unbreakable", "x"]], 5)).toBe("unbreakable  x");
});
