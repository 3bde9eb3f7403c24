import { join, resolve } from "node:path";
import { describe, expect, it } from "vitest";
import { fileName } from "#mtard/evaluation/model-store.js";

describe("fileName", () => {
  it.each(["demo-robust", "model", "a.b_c-D9", "..a", "a..", "-", "x".repeat(200)])(
    "leaves %j as it is",
    (name) => expect(fileName(name)).toBe(name),
  );

  it.each(["", ".", "..", "...", "../x", "a/../b", "/", "a\\b", "a b"])(
    "makes a plain name inside the folder of %j",
    (name) => {
      const made = fileName(name);
      expect(made).toMatch(/^[A-Za-z0-9._-]*-[0-9a-f]{8}$/);
      expect(resolve("/runs/evaluations", made)).toBe(join("/runs/evaluations", made));
    },
  );

  it("ends in the first digits of the name's SHA-256", () => {
    expect(fileName("a b")).toBe("a-b-c8687a08");
  });

  it("keeps names apart that differ in what was replaced", () => {
    const names = ["..", ".", "", "-", "ü", "ж", "жж", "a b", "a/b", "a-b", "a  b", `${"x y".repeat(90)}1`];
    expect(new Set([...names, `${"x y".repeat(90)}2`].map(fileName)).size).toBe(names.length + 1);
  });

  it("is short enough for a file system", () => {
    expect(fileName(" x".repeat(150)).length).toBeLessThan(150);
  });
});
