import { describe, expect, it } from "vitest";
import { namedSetting, parseOverrides, parseSettingText } from "#mtard/recipes/setting-text.js";
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

describe("a setting's text", () => {
  it("is JSON, a fraction or a word", () => {
    expect(parseSettingText("milestones", "[2,3]", "--grid")).toEqual([2, 3]);
    expect(parseSettingText("epsilon", "8/255", "--grid")).toBe(8 / 255);
    expect(parseSettingText("innerStart", "uniform", "--grid")).toBe("uniform");
    expect(() => parseSettingText("epsilon", "2", "--grid epsilon")).toThrow(/--grid epsilon is wrong/);
  });

  it("names the option it stands for", () => {
    expect(namedSetting("batchSize=1,2", "--grid")).toEqual({ name: "batchSize", value: "1,2" });
    expect(() => namedSetting("student=x", "--grid")).toThrow(/--grid does not change student/);
  });
});
