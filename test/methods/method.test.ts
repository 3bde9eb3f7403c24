import { describe, expect, it } from "vitest";
import { teacherRolesOf } from "#mtard/methods/method.js";
import { methodIds, methods, requireMethodId } from "#mtard/methods/methods.js";

describe("the teachers that a method asks", () => {
  it("are those of its paper", () => {
    const robust = ["ard", "rslad", "fair-ard", "absld"];
    const both = ["lmtn", "baseline", "baseline-ebb", "mtard", "b-mtard"];
    for (const id of methodIds) {
      const expected = both.includes(id) ? ["clean", "robust"] : robust.includes(id) ? ["robust"] : [];
      expect(teacherRolesOf(methods[id]), id).toEqual(expected);
    }
  });
});

it("a method is named by its id alone", () => {
  expect(requireMethodId("b-mtard")).toBe("b-mtard");
  for (const id of ["B-MTARD", "constructor", ""])
    expect(() => requireMethodId(id)).toThrow(`unknown method "${id}"`);
});
