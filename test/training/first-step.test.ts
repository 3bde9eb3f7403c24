import { describe, expect, it } from "vitest";
import { methods } from "#mtard/methods/methods.js";
import { firstStepWarnings } from "#mtard/training/first-step.js";

describe("the first step of a run", () => {
  // What B-MTARD began with from a clean student (docs/results.md), whose clean weight went to 0.98.
  const uneven = { lossNat: 0.00102, lossAdv: 1.8936 };

  it("says which loss will take nearly all weight", () => {
    for (const method of [methods["b-mtard"], methods.mtard]) {
      const [warning, ...others] = firstStepWarnings(1, method, uneven);
      expect(warning).toContain(
        "the loss on clean images begins at 0.001, that on adversarial ones at 1.9; the balance weighs each by its first value, so nearly all weight will go to clean images",
      );
      expect(others).toEqual([]);
    }
    const [swapped] = firstStepWarnings(1, methods.mtard, { lossNat: 2, lossAdv: 0.004 });
    expect(swapped).toContain("nearly all weight will go to adversarial images");
  });

  it("says nothing of losses of one size, of methods without balanced weights, and later", () => {
    expect(firstStepWarnings(1, methods["b-mtard"], { lossNat: 3.2, lossAdv: 2.8 })).toEqual([]);
    expect(firstStepWarnings(1, methods.baseline, uneven)).toEqual([]);
    expect(firstStepWarnings(1, methods.natural, { lossNat: 2.3 })).toEqual([]);
    expect(firstStepWarnings(2, methods["b-mtard"], uneven)).toEqual([]);
  });
});
