import { expect, it } from "vitest";
import { wrapped, wrapProse } from "#mtard/cli/wrap.js";

const terminal = (columns: number) => ({ isTTY: true, columns }) as unknown as NodeJS.WriteStream;

it("text is broken between words, and a long word has a line of its own", () => {
  expect(wrapped("one two three", 7)).toEqual(["one two", "three"]);
  expect(wrapped("a unbreakable b", 5)).toEqual(["a", "unbreakable", "b"]);
  expect(wrapped("short", 80)).toEqual(["short"]);
});

it("prose is indented where it goes on, on a terminal only", () => {
  expect(wrapProse("note: one two three four five six seven", 6, terminal(26))).toBe(
    "note: one two three four\n      five six seven",
  );
  expect(wrapProse("  a b\n  c d", 4, terminal(80))).toBe("  a b\n  c d");
  const file = { isTTY: false } as unknown as NodeJS.WriteStream;
  expect(wrapProse("one two", 2, file)).toBe("one two");
});
