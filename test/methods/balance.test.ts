import { describe, expect, it } from "vitest";
import { logitGradients } from "#mtard/methods/logit-gradients.js";
import { type MethodId, methods } from "#mtard/methods/methods.js";
import type { Method, MethodSettings } from "#mtard/methods/method.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { goldenJson, goldenTensors, largestDifference } from "../golden.js";
import { hasShared } from "../shared.js";

interface GoldenStep {
  loss_nat: number;
  loss_adv: number;
  entropy_nat: number;
  entropy_adv: number;
  relative_nat: number;
  relative_adv: number;
  temperature_nat: number;
  temperature_adv: number;
  weight_nat: number;
  weight_adv: number;
  total: number;
}

interface GoldenCase {
  settings: {
    ebb: boolean;
    nlb: boolean;
    beta: number;
    klScale: number;
    initialTemperature: number;
    ratesDividedBy10AtStep: number;
    weightRate: number;
    temperatureRate: number;
  };
  steps: GoldenStep[];
}

const CASES = ["b-mtard", "mtard", "baseline-ebb", "beta4", "b-mtard-scale10-tau2"] as const;
const ROWS = 16;
const CLASSES = 10;

function methodOf({ nlb, ebb }: GoldenCase["settings"]): MethodId {
  if (nlb) return ebb ? "b-mtard" : "mtard";
  return ebb ? "baseline-ebb" : "baseline";
}

describe.each(CASES)("the balance of case %s", (name) => {
  it.skipIf(!hasShared)("equals golden/balance.json at every step, gradients included", async () => {
    const { settings, steps } = goldenJson<Record<string, GoldenCase>>("balance.json")[name] as GoldenCase;
    const logits = await goldenTensors("balance.safetensors");
    const gradients = await goldenTensors("balance-gradients.safetensors");
    const batch = (tensor: string, step: number): Float32Array =>
      logits(tensor).data.subarray(step * ROWS * CLASSES, (step + 1) * ROWS * CLASSES);

    const base: MethodSettings = {
      ...recipe({ dataset: "cifar10", method: "b-mtard", student: "resnet-18" }),
      klScale: settings.klScale,
      weightRate: settings.weightRate,
      beta: settings.beta,
      temperatureRate: settings.temperatureRate,
      initialTemperature: settings.initialTemperature,
    };
    const method = methods[methodOf(settings)] as Method;
    let state = method.initialState(base, CLASSES);
    const labels = tf.tensor1d(new Int32Array(ROWS), "int32");
    expect(steps).toHaveLength(120);

    for (const [step, golden] of steps.entries()) {
      const scale = step >= settings.ratesDividedBy10AtStep ? 0.1 : 1;
      const now = {
        ...base,
        weightRate: base.weightRate * scale,
        temperatureRate: base.temperatureRate * scale,
      };
      const studentNat = tf.tensor2d(batch("student_nat", step), [ROWS, CLASSES]);
      const studentAdv = tf.tensor2d(batch("student_adv", step), [ROWS, CLASSES]);
      const { nat, adv, total, report, next } = logitGradients(
        method,
        state,
        {
          studentNat,
          studentAdv,
          teachers: {
            cleanTeacherNat: { values: batch("teacher_nat", step), classes: CLASSES },
            robustTeacherAdv: { values: batch("teacher_adv", step), classes: CLASSES },
          },
          labels,
          rightIterates: null,
        },
        now,
      );
      state = next;

      const found = {
        loss_nat: report["lossNat"],
        loss_adv: report["lossAdv"],
        entropy_nat: report["entropyNat"],
        entropy_adv: report["entropyAdv"],
        relative_nat: report["relativeLossNat"],
        relative_adv: report["relativeLossAdv"],
        temperature_nat: report["temperatureNat"],
        temperature_adv: report["temperatureAdv"],
        weight_nat: report["weightNat"],
        weight_adv: report["weightAdv"],
        total,
      };
      for (const [key, value] of Object.entries(found)) {
        const expected = golden[key as keyof GoldenStep];
        expect(
          Math.abs((value ?? NaN) - expected) / Math.abs(expected),
          `${key} at step ${step}`,
        ).toBeLessThan(1e-5);
      }
      if (step === 0 || step === 60 || step === 119) {
        const goldenNat = gradients(`${name}.grad_nat.${step}`).data;
        const goldenAdv = gradients(`${name}.grad_adv.${step}`).data;
        expect(largestDifference(nat?.dataSync() as Float32Array, goldenNat)).toBeLessThan(1e-5);
        expect(largestDifference(adv?.dataSync() as Float32Array, goldenAdv)).toBeLessThan(1e-5);
        expect(Math.max(...goldenNat.map(Math.abs))).toBeGreaterThan(1e-4);
      }
      tf.dispose([studentNat, studentAdv, nat, adv].filter((tensor) => tensor !== null));
    }
  });
});
