import { describe, expect, it } from "vitest";
import type { AttackId } from "#mtard/attacks/attacks.js";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { evaluateImages } from "#mtard/evaluation/evaluate.js";
import type { ImageSource } from "#mtard/evaluation/images.js";
import { looksAt, signsOf } from "#mtard/evaluation/obfuscation.js";
import { type Evaluation, type ExampleOutcome, summarize } from "#mtard/evaluation/summary.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { labelledBy, linearTarget } from "./linear.js";

/** An evaluation of as many images as letters, each right when clean: `.` withstood the attack, `x` did not. */
function evaluation(attack: AttackId, outcomes: string): Evaluation {
  const perExample = outcomes.split("").map((outcome, index): ExampleOutcome => ({
    ...{ index, label: 0, clean: 0 },
    attacks: { [attack]: outcome === "." ? 0 : 1 },
  }));
  return { ...summarize(perExample, [attack]), perExample };
}

const verdicts = (measured: ReadonlyMap<string, Evaluation>): boolean[] =>
  signsOf(measured).map(({ holds }) => holds);

describe("a comparison", () => {
  const compared = (weaker: string, stronger: string) =>
    signsOf(
      new Map([
        ["Square", evaluation("square", weaker)],
        ["PGD-trades", evaluation("pgd-trades", stronger)],
      ]),
    )[2]?.comparisons[0];

  it("counts images, and holds where the stronger attack finds as much", () => {
    expect(compared("..x.", "x.x.")).toEqual({
      ...{ weaker: "Square", stronger: "PGD-trades", images: 4 },
      ...{ withstoodWeaker: 3, withstoodStronger: 2, onlyWeaker: 0, onlyStronger: 1, holds: true },
    });
  });

  it("fails where the weaker one alone fools more than chance explains", () => {
    // 2 sqrt(5) = 4.47 and 2 sqrt(4) = 4: five are too many, four are not.
    expect(compared("xxxx......", "..........")).toMatchObject({ onlyWeaker: 4, holds: true });
    expect(compared("xxxxx.....", "..........")).toMatchObject({ onlyWeaker: 5, holds: false });
    // 2 sqrt(7) = 5.29.
    expect(compared("xxxxxx....", ".........x")).toMatchObject({
      onlyWeaker: 6,
      onlyStronger: 1,
      holds: true,
    });
  });

  it("is made on the images that both saw", () => {
    expect(compared("xx", "..xxxxxx")).toMatchObject({ images: 2, onlyWeaker: 2, onlyStronger: 0 });
  });
});

it("AutoAttack has to leave half of what withstands PGD, and the largest radius nothing", () => {
  const first = (trades: string, aa: string) =>
    verdicts(
      new Map([
        ["PGD-trades", evaluation("pgd-trades", trades)],
        ["AutoAttack", evaluation("aa", aa)],
      ]),
    )[0];
  expect(first("....xx", "..xxxx")).toBe(true);
  expect(first("....xx", ".xxxxx")).toBe(false);
  expect(first("xxxxxx", "xxxxxx")).toBe(false);
  const radii = (last: string) =>
    verdicts(
      new Map([
        ["PGD within 8 epsilon", evaluation("pgd-sat", last)],
        ["PGD within 16 epsilon", evaluation("pgd-sat", last)],
      ]),
    )[1];
  expect(radii("x".repeat(100))).toBe(true);
  expect(radii(`.${"x".repeat(99)}`)).toBe(true);
  expect(radii(`..${"x".repeat(98)}`)).toBe(false);
});

describe("of a classifier that can be attacked", () => {
  const EPSILON = 0.03;
  const plain = linearTarget(1);
  const source = labelledBy(plain, 120, 10);

  /** Everything the signs need, with few steps and queries where they are many. */
  async function measured(target: AttackTarget, images: ImageSource): Promise<Map<string, Evaluation>> {
    const found = new Map<string, Evaluation>();
    for (const { name, attack, changes, epsilon, isSlow } of looksAt(EPSILON, false)) {
      const few = isSlow ? { steps: 10, queries: 300, targetClasses: 2, stepSize: EPSILON / 4 } : changes;
      const settings = { attacks: [attack], changes: { [attack]: few }, epsilon, batchSize: 120, seed: 0 };
      found.set(name, await evaluateImages(target, images, settings));
    }
    return found;
  }

  it("all four signs hold", async () => {
    expect(verdicts(await measured(plain, source))).toEqual([true, true, true, true]);
  });

  it("none but the first holds where its gradients say nothing", async () => {
    const masked: AttackTarget = {
      ...plain,
      lossGradient(images, loss) {
        const found = plain.lossGradient(images, loss);
        const gradient = tf.zerosLike(found.gradient);
        found.gradient.dispose();
        return { ...found, gradient };
      },
    };
    const signs = signsOf(await measured(masked, source));
    expect(signs.slice(1).map(({ holds }) => holds)).toEqual([false, false, false]);
    const [, strong, blackBox] = signs;
    expect(strong?.comparisons.filter(({ holds }) => !holds).map(({ stronger }) => stronger)).toEqual([
      "PGD within 16 epsilon",
    ]);
    expect(blackBox?.comparisons.map(({ weaker, holds }) => [weaker, holds])).toContainEqual([
      "Square",
      false,
    ]);
  });
});

it("the steps are a quarter of the radius, so that PGD of 20 steps at 8/255 is PGD-sat", () => {
  const looks = looksAt(8 / 255, true);
  const find = (name: string) => looks.find((look) => look.name === name);
  expect(find("PGD of 20 steps")?.changes).toEqual({ steps: 20, stepSize: 2 / 255 });
  expect(find("PGD within 4 epsilon")).toMatchObject({ epsilon: 32 / 255, changes: { stepSize: 8 / 255 } });
  expect(looks.map(({ attack }) => attack)).toContain("transfer-cw");
  expect(looksAt(8 / 255, false).map(({ attack }) => attack)).not.toContain("transfer-cw");
  expect(looks.filter(({ isSlow }) => isSlow).map(({ attack }) => attack)).toEqual([
    "aa",
    "gradient-estimation",
  ]);
});
