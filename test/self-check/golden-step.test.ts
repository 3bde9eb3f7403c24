import { describe, expect, it } from "vitest";
import { goldenStepDistance, type GoldenStep } from "#mtard/self-check/golden-step.js";
import { LIMITS } from "#mtard/self-check/numbers.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import golden from "../../src/self-check/golden-step.json" with { type: "json" };

const device = "cpu";

describe("the golden step", () => {
  it("is made as PyTorch makes it, and leaves no tensors behind", async () => {
    const { report, weights } = await goldenStepDistance({ device });
    const before = tf.memory().numTensors;
    expect(report.distance).toBeLessThan(LIMITS.report / 10);
    expect(weights.distance).toBeLessThan(LIMITS.weights / 10);
    await goldenStepDistance({ device });
    expect(tf.memory().numTensors).toBe(before);
  });

  it("names the number that is wrong", async () => {
    const wrongLoss: GoldenStep = {
      ...golden,
      report: { ...golden.report, lossAdv: golden.report.lossAdv * 1.001 },
    };
    const { report, weights } = await goldenStepDistance({ device }, wrongLoss);
    expect(report).toMatchObject({ name: "lossAdv", distance: expect.closeTo(1e-3, 5) as number });
    expect(weights.distance).toBeLessThan(LIMITS.weights);
    const [first = 0, ...others] = golden.weights["block.conv2.weight"];
    const wrongWeight: GoldenStep = {
      ...golden,
      weights: { ...golden.weights, "block.conv2.weight": [first + 0.01, ...others] },
    };
    const moved = (await goldenStepDistance({ device }, wrongWeight)).weights;
    expect(moved.name).toBe("block.conv2.weight");
    expect(moved.distance).toBeGreaterThan(LIMITS.weights);
  });

  it("takes what is no number, or is not there, for the furthest", async () => {
    const weights: GoldenStep["weights"] = { ...golden.weights, "bn1.running_var": [] };
    const report = { ...golden.report, lossNat: NaN };
    await expect(goldenStepDistance({ device }, { ...golden, weights })).rejects.toThrow("6 values");
    const distance = await goldenStepDistance({ device }, { ...golden, report });
    expect(distance.report).toEqual({ name: "lossNat", distance: NaN });
  });
});
