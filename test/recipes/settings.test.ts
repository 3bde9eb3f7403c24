import { describe, expect, it } from "vitest";
import { parseOverrides } from "#mtard/recipes/settings.js";
import { tinySettings } from "../training/tiny-run.js";

describe("--set", () => {
  it("reads numbers, fractions, lists and names", () => {
    const changes = parseOverrides([
      "epsilon=4/255",
      "milestones=[2,3]",
      "selection=held-out",
      "augmentation=false",
    ]);
    expect(tinySettings(changes as never)).toMatchObject({
      epsilon: 4 / 255,
      milestones: [2, 3],
      selection: "held-out",
      augmentation: false,
    });
  });

  it.each(["epsilon", "nosuch=1", "=3"])("refuses %s, naming what there is", (override) => {
    expect(() => parseOverrides([override])).toThrow(/names no setting/);
  });
});
