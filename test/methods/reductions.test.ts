import { expect, it } from "vitest";
import { logitGradients } from "#mtard/methods/logit-gradients.js";
import { type MethodId, methods } from "#mtard/methods/methods.js";
import type { Method, MethodSettings, StepReport } from "#mtard/methods/method.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { Random } from "#mtard/runtime/random.js";
import { tf } from "#mtard/runtime/tensorflow.js";

/* Where one method's settings make it another. */

const ROWS = 8;
const CLASSES = 6;
const STEPS = 20;

interface Outcome {
  readonly total: number;
  readonly nat: Float32Array;
  readonly adv: Float32Array;
  readonly report: StepReport;
}

/** The losses and gradients of 20 steps on the same random logits. */
function trained(id: MethodId, changes: Partial<MethodSettings> = {}): Outcome[] {
  const random = Random.fromSeed(21);
  const values = (): Float32Array =>
    Float32Array.from({ length: ROWS * CLASSES }, () => 8 * (random.uniform() - 0.5));
  const settings = { ...recipe({ dataset: "cifar10", method: id, student: "resnet-18" }), ...changes };
  const method: Method = methods[id];
  let state = method.initialState(settings, CLASSES);
  return Array.from({ length: STEPS }, () =>
    tf.tidy(() => {
      const [nat, adv] = [values(), values()].map((each) => tf.tensor2d(each, [ROWS, CLASSES]));
      const [clean, robust, robustAdv] = [values(), values(), values()].map((each) => ({
        values: each,
        classes: CLASSES,
      }));
      const found = logitGradients(
        method,
        state,
        {
          studentNat: method.passes.includes("nat") ? (nat ?? null) : null,
          studentAdv: method.passes.includes("adv") ? (adv ?? null) : null,
          teachers: {
            cleanTeacherNat: clean ?? null,
            robustTeacherNat: robust ?? null,
            robustTeacherAdv: robustAdv ?? null,
          },
          labels: tf.tensor1d(
            Array.from({ length: ROWS }, (_, n) => n % CLASSES),
            "int32",
          ),
          rightIterates: new Int32Array(ROWS),
        },
        settings,
      );
      state = found.next;
      const zeros = new Float32Array(ROWS * CLASSES);
      return {
        total: found.total,
        nat: found.nat?.dataSync<"float32">() ?? zeros,
        adv: found.adv?.dataSync<"float32">() ?? zeros,
        report: found.report,
      } as never;
    }),
  );
}

function numbers(outcomes: readonly Outcome[]): unknown {
  return outcomes.map(({ total, nat, adv }) => ({ total, nat, adv }));
}

it("B-MTARD with fixed temperatures is MTARD", () => {
  const fixed = trained("b-mtard", { temperatureRate: 0 });
  expect(fixed.map(({ report }) => report)).toEqual(trained("mtard").map(({ report }) => report));
  expect(numbers(fixed)).toEqual(numbers(trained("mtard")));
  expect(numbers(trained("b-mtard"))).not.toEqual(numbers(fixed));
});

it("MTARD with fixed weights is Baseline", () => {
  const fixed = trained("mtard", { weightRate: 0 });
  expect(numbers(fixed)).toEqual(numbers(trained("baseline")));
  expect(numbers(trained("mtard"))).not.toEqual(numbers(fixed));
});

it("B-MTARD with fixed weights is Baseline + EBB", () => {
  expect(numbers(trained("b-mtard", { weightRate: 0 }))).toEqual(numbers(trained("baseline-ebb")));
});

it("TRADES with beta 0 is Natural, and leaves the adversarial images alone", () => {
  const none = trained("trades", { beta: 0 });
  for (const [step, natural] of trained("natural").entries()) {
    expect(none[step]?.total).toBe(natural.total);
    expect(none[step]?.nat).toEqual(natural.nat);
    expect(none[step]?.adv.every((value) => value === 0)).toBe(true);
  }
});

it("ARD with alpha 0 is Natural", () => {
  const none = trained("ard", { alpha: 0 });
  for (const [step, natural] of trained("natural").entries()) {
    expect(none[step]?.total).toBeCloseTo(natural.total, 6);
    expect(none[step]?.nat).toEqual(natural.nat);
    expect(none[step]?.adv.every((value) => value === 0)).toBe(true);
  }
});

it("ARD with alpha 1 does not look at the labels", () => {
  for (const { nat, adv } of trained("ard", { alpha: 1 })) {
    expect(nat.every((value) => value === 0)).toBe(true);
    expect(Math.max(...adv)).toBeGreaterThan(1e-4);
  }
});

it("Fair-ARD with equal weights is ARD", () => {
  const settings = { alpha: 0.9, temperature: 5 };
  for (const [step, { nat, adv }] of trained("fair-ard", settings).entries()) {
    const ard = trained("ard", settings)[step];
    for (const [index, value] of nat.entries()) expect(value).toBeCloseTo(ard?.nat[index] ?? NaN, 7);
    for (const [index, value] of adv.entries()) expect(value).toBeCloseTo(ard?.adv[index] ?? NaN, 7);
  }
});

it("RSLAD with alpha 0 or 1 sees only clean or only adversarial images", () => {
  for (const { nat, adv } of trained("rslad", { alpha: 0 })) {
    expect(adv.every((value) => value === 0)).toBe(true);
    expect(Math.max(...nat)).toBeGreaterThan(1e-4);
  }
  for (const { nat, adv } of trained("rslad", { alpha: 1 })) {
    expect(nat.every((value) => value === 0)).toBe(true);
    expect(Math.max(...adv)).toBeGreaterThan(1e-4);
  }
});

it("ABSLD in its first epoch is RSLAD", () => {
  expect(numbers(trained("absld"))).toEqual(numbers(trained("rslad")));
});

it("SCORE with beta 0 and no clipping is the squared error on clean images", () => {
  const none = trained("score", { beta: 0, lossClip: 0 });
  for (const { adv } of none) expect(adv.every((value) => value === 0)).toBe(true);
});
