import { describe, expect, it } from "vitest";
import { absld, nextClassTemperatures } from "#mtard/methods/absld.js";
import { fairArd, fairWeights } from "#mtard/methods/fair-ard.js";
import { logitGradients } from "#mtard/methods/logit-gradients.js";
import { savedState, type Method } from "#mtard/methods/method.js";
import { methods } from "#mtard/methods/methods.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { goldenJson, goldenTensors } from "../golden.js";
import { hasShared } from "../shared.js";

const fairArdSettings = recipe({ dataset: "cifar10", method: "fair-ard", student: "resnet-18" });
const absldSettings = recipe({ dataset: "cifar10", method: "absld", student: "resnet-18" });

/** Rows of three logits whose cross-entropy to a label is easy: all zeros, log 3. */
function step<State>(
  method: Method<State>,
  settings: typeof fairArdSettings,
  state: State,
  labels: number[],
  logits: { nat: number[]; adv: number[] },
  rightIterates: number[] = [],
): State {
  const shape: [number, number] = [labels.length, 3];
  const tensors = {
    studentNat: tf.tensor2d(logits.nat, shape),
    studentAdv: tf.tensor2d(logits.adv, shape),
    labels: tf.tensor1d(labels, "int32"),
  };
  const robustTeacherNat = { values: new Float32Array(labels.length * 3), classes: 3 };
  const { nat, adv, next } = logitGradients(
    method,
    state,
    { ...tensors, teachers: { robustTeacherNat }, rightIterates: Int32Array.from(rightIterates) },
    settings,
  );
  tf.dispose([...Object.values(tensors), ...[nat, adv].filter((tensor) => tensor !== null)]);
  return next as State;
}

describe("Fair-ARD's class weights", () => {
  it.skipIf(!hasShared)("equal golden/methods.json", async () => {
    const kappa = [...(await goldenTensors("methods.safetensors"))("kappa").data];
    const golden = goldenJson<{ fairClassWeights: number[] }>("methods.json").fairClassWeights;
    const found = fairWeights(
      kappa.map((value) => 5 * value),
      kappa.map(() => 5),
      2,
    );
    for (const [index, value] of found.entries()) expect(value).toBeCloseTo(golden[index] ?? NaN, 6);
  });

  it("are as computed by hand", () => {
    // kappa 1, 2, 4 with beta 1: 1, 1/2, 1/4, times 3 / 1.75: 12/7, 6/7, 3/7, and 3/7 is raised to 5/6.
    const [first, second, third] = fairWeights([2, 4, 12], [2, 2, 3], 1);
    expect(first).toBeCloseTo(12 / 7, 4);
    expect(second).toBeCloseTo(6 / 7, 4);
    expect(third).toBe(5 / 6);
    // kappa 0 against 10: the one takes nearly all, and is held at 5/2.
    expect(fairWeights([0, 20, 20], [2, 2, 2], 2)).toEqual([5 / 2, 5 / 6, 5 / 6]);
  });

  it("leave out a class that no image was of", () => {
    expect(fairWeights([3, 0, 3], [1, 0, 1], 2)).toEqual([1, 1, 1]);
  });

  it("are ones in the first epoch, then follow the attack of the epoch before, which starts anew", () => {
    const method = methods["fair-ard"];
    const settings = { ...fairArdSettings, beta: 1 };
    const first = method.initialState(settings, 3);
    expect(first).toMatchObject({ weights: [1, 1, 1] });
    const zeros = { nat: Array<number>(12).fill(0), adv: Array<number>(12).fill(0) };
    const second = step(method, settings, first, [0, 1, 2, 2], zeros, [1, 1, 4, 5]);
    const third = step(method, settings, second, [0, 1, 1, 2], zeros, [1, 2, 3, 3]);
    // kappa: class 0 (1 + 1) / 2 = 1, class 1 (1 + 2 + 3) / 3 = 2, class 2 (4 + 5 + 3) / 3 = 4.
    expect(third).toEqual({ weights: [1, 1, 1], kappaSums: [2, 6, 12], counts: [2, 3, 3] });
    const { weights, kappaSums, counts } = method.nextEpoch?.(third, settings) ?? third;
    for (const [index, value] of [12 / 7, 6 / 7, 5 / 6].entries())
      expect(weights[index]).toBeCloseTo(value, 4);
    expect([kappaSums, counts]).toEqual([
      [0, 0, 0],
      [0, 0, 0],
    ]);
  });
});

describe("ABSLD's class temperatures", () => {
  it("are as computed by hand", () => {
    // Losses 1, 2, 6: mean 3, gaps -2, -1, 3.
    const moved = nextClassTemperatures([1, 1, 1], [1, 2, 6], 0.3);
    for (const [index, value] of [1.2, 1.1, 0.7].entries()) expect(moved[index]).toBeCloseTo(value, 12);
    expect(nextClassTemperatures([4.95, 1, 0.55], [1, 2, 6], 0.3)).toEqual([5, 1.1, 0.5]);
    expect(nextClassTemperatures([1, 2], [3, 3], 0.1)).toEqual([1, 2]);
  });

  it("move after an epoch by its summed cross-entropies, on x and x' apart", () => {
    const method = methods.absld;
    const far = Math.log(2);
    // Clean: all rows log 3. Adversarial: class 0's row has softmax 1/2 at its label.
    const nat = Array<number>(9).fill(0);
    const adv = [far, 0, 0, 0, 0, 0, 0, 0, 0];
    const first = step(method, absldSettings, method.initialState(absldSettings, 3), [0, 1, 1], { nat, adv });
    const second = step(method, absldSettings, first, [2, 1, 0], { nat, adv: nat });
    const { losses } = second;
    const log3 = Math.log(3);
    for (const [index, value] of [2 * log3, 3 * log3, log3].entries())
      expect(losses.nat[index]).toBeCloseTo(value, 5);
    for (const [index, value] of [log3 + Math.log(2), 3 * log3, log3].entries())
      expect(losses.adv[index]).toBeCloseTo(value, 5);
    const after = method.nextEpoch?.(second, absldSettings) ?? second;
    // Clean gaps 0, log 3, -log 3: T 1, 0.9, 1.1.
    for (const [index, value] of [1, 0.9, 1.1].entries())
      expect(after.temperatures.nat[index]).toBeCloseTo(value, 5);
    const mean = (5 * log3 + Math.log(2)) / 3;
    const gaps = [log3 + Math.log(2) - mean, 3 * log3 - mean, log3 - mean];
    const widest = Math.max(...gaps.map(Math.abs));
    for (const [index, gap] of gaps.entries())
      expect(after.temperatures.adv[index]).toBeCloseTo(1 - (0.1 * gap) / widest, 5);
    expect(after.losses).toEqual({ nat: [0, 0, 0], adv: [0, 0, 0] });
  });

  it("divide by their product where that reading is asked for", () => {
    const temperatures = { nat: [1, 2, 4], adv: [3, 1, 0.5] };
    const zeros = [0, 0, 0];
    const state = { temperatures, losses: { nat: zeros, adv: zeros } };
    const robustTeacherNat = { values: Float32Array.of(1, 2, 4), classes: 3 };
    const probabilities = (classTemperatures: "separate" | "product", label: number): Float32Array => {
      const settings = { ...absldSettings, classTemperatures };
      return tf.tidy(() => {
        const labels = tf.tensor1d([label], "int32");
        const studentNat = tf.tensor2d([0, 0, 0], [1, 3]);
        const loss = absld.attack?.loss({ labels, studentNat, robustTeacherNat }, state, settings);
        if (loss?.kind !== "klTo") throw new Error("absld follows its teacher");
        return loss.probabilities.dataSync<"float32">();
      });
    };
    const softened = (temperature: number): number[] => {
      const powers = [1, 2, 4].map((value) => Math.exp(value / temperature));
      return powers.map((power) => power / powers.reduce((left, right) => left + right));
    };
    for (const [index, value] of probabilities("separate", 0).entries())
      expect(value).toBeCloseTo(softened(3)[index] ?? NaN, 6);
    for (const [index, value] of probabilities("product", 1).entries())
      expect(value).toBeCloseTo(softened(2)[index] ?? NaN, 6);
  });
});

it.each([
  [fairArd, { weights: [1, 1], kappaSums: [0, 0], counts: [0, 0] }],
  [absld, { temperatures: { nat: [1, 1], adv: [1, 9] }, losses: { nat: [0, 0], adv: [0, 0] } }],
])("a damaged memory of $title in a checkpoint is refused", (method, state) => {
  expect(() => savedState(method as Method, 3, state)).toThrow(/state of .* is damaged/);
});
