import { describe, expect, it } from "vitest";
import { requireStep } from "#mtard/jobs/time-limit.js";

describe("the limit of a try", () => {
  it("must have time to begin, for a step, and to save", () => {
    // 20 s to begin and 10 s before the limit leave 30 of a minute.
    expect(() => requireStep("sat", 30, 60, null)).not.toThrow();
    expect(() => requireStep("sat", 31, 60, null)).toThrow("too short for one checkpoint");
    expect(() => requireStep("sat", 31, 61, null)).not.toThrow();
    expect(() => requireStep("sat", 15, 60, 30)).toThrow();
  });

  it("is refused with one that is long enough", () => {
    try {
      requireStep("sat", 100, 60, null);
      expect.unreachable();
    } catch (error) {
      expect(error).toMatchObject({ detail: { found: "60 s, for sat", fix: "--time 3" } });
    }
  });
});
