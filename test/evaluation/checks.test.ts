import { describe, expect, it } from "vitest";
import type { AttackId } from "#mtard/attacks/attacks.js";
import type { AttackTarget } from "#mtard/attacks/target.js";
import { InputError } from "#mtard/errors.js";
import {
  checkAnswers,
  checkGradients,
  checkOutcome,
  requireClasses,
  usesGradients,
} from "#mtard/evaluation/checks.js";
import { type ExampleOutcome, summarize } from "#mtard/evaluation/summary.js";
import { tf, type Tensor2D } from "#mtard/runtime/tensorflow.js";
import { CLASSES, labelledBy, linearTarget } from "./linear.js";

const target = linearTarget(1);
const source = labelledBy(target, 12, 6);

/** The target with its logits changed. */
function answering(change: (logits: Tensor2D) => Tensor2D): AttackTarget {
  return { ...target, logits: (images) => tf.tidy(() => change(target.logits(images))) };
}

const check = (model: AttackTarget) => [
  ...checkAnswers(model, source, 12),
  ...checkGradients(model, source, 12),
];

describe("checks of a model", () => {
  it("find nothing in an ordinary one, and leave no tensor behind", () => {
    const before = tf.memory().numTensors;
    expect(check(target)).toEqual([]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("find answers that change when asked again", () => {
    let asked = 0;
    const model = answering((logits) => tf.add(logits, tf.mul(tf.oneHot([asked++ % 2], CLASSES), 0.01)));
    expect(check(model)).toEqual([expect.stringContaining("answers differently when asked again (12 of 12")]);
  });

  it("forgive the rounding of another order of sums", () => {
    let asked = 0;
    expect(check(answering((logits) => tf.mul(logits, 1 + 1e-6 * (asked++ % 2))))).toEqual([]);
  });

  it("find probabilities in place of logits", () => {
    expect(check(answering((logits) => tf.softmax(logits)))).toEqual([
      expect.stringContaining("probabilities instead of logits"),
    ]);
  });

  it("find images without a gradient, among those that are right", () => {
    const model: AttackTarget = {
      ...target,
      lossGradient(images, loss) {
        const found = target.lossGradient(images, loss);
        const [count] = images.shape;
        const mask = Float32Array.from({ length: count }, (_, index) => (index < 3 ? 0 : 1));
        const gradient = tf.tidy(() =>
          tf.mul<typeof found.gradient>(found.gradient, tf.tensor4d(mask, [count, 1, 1, 1])),
        );
        found.gradient.dispose();
        return { ...found, gradient };
      },
    };
    expect(check(model)).toEqual([expect.stringContaining("no gradient at 3 of 10 images")]);
    expect(usesGradients(["square", "transfer-cw"]), "no gradient of the model is asked for").toBe(false);
    expect(usesGradients(["square", "aa"])).toBe(true);
  });

  it("find NaN in a gradient, before any attack", () => {
    const model: AttackTarget = {
      ...target,
      lossGradient(images, loss) {
        const found = target.lossGradient(images, loss);
        const [count] = images.shape;
        const mask = Float32Array.from({ length: count * 16 }, (_, at) => (at === 5 || at === 21 ? NaN : 1));
        const gradient = tf.tidy(() =>
          tf.mul<typeof found.gradient>(found.gradient, tf.tensor4d(mask, [count, 4, 4, 1])),
        );
        found.gradient.dispose();
        return { ...found, gradient };
      },
    };
    const before = tf.memory().numTensors;
    expect(check(model)).toEqual([expect.stringContaining("NaN at 2 of 10 images looked at first")]);
    expect(tf.memory().numTensors).toBe(before);
  });

  it("leave no tensor behind where a graph has no gradient", () => {
    const model: AttackTarget = {
      ...target,
      lossGradient() {
        throw new InputError("no gradient");
      },
    };
    const before = tf.memory().numTensors;
    expect(() => check(model)).toThrow("no gradient");
    expect(tf.memory().numTensors).toBe(before);
  });

  it("find the vanished gradient of logits that saturate", () => {
    expect(checkGradients(linearTarget(1, 1e4), labelledBy(linearTarget(1, 1e4), 12, 6), 12)).toEqual([
      expect.stringContaining("no gradient at 10 of 10 images"),
    ]);
  });

  it.each([
    ["one row too few", (logits: Tensor2D) => tf.slice(logits, [1, 0])],
    [
      "other classes",
      (logits: Tensor2D) =>
        tf.pad(logits, [
          [0, 0],
          [0, 1],
        ]),
    ],
    ["four axes", (logits: Tensor2D) => tf.reshape(logits, [12, CLASSES, 1, 1]) as unknown as Tensor2D],
  ])("refuse an output of %s", (_, change) => {
    expect(() => check(answering(change))).toThrow("does not answer one row of logits an image");
  });

  it.each([
    ["apgd-dlr", 2],
    ["apgd-t", 3],
    ["aa", 3],
  ] as const)("refuse %s with %d classes", (attack, classes) => {
    expect(() => requireClasses(classes, [attack])).toThrow(/too few classes for apgd-/);
    expect(() => requireClasses(classes + 1, [attack])).not.toThrow();
  });

  it("refuse logits that are not finite, naming an image", () => {
    const model = answering((logits) =>
      tf.div(logits, tf.sub(1, tf.oneHot(tf.range(0, 12, 1, "int32"), 12).slice([0, 5], [12, 1]))),
    );
    expect(() => check(model)).toThrow("the model's logits are not finite");
  });
});

describe("checks of an outcome", () => {
  const outcome = (index: number, attacks: ExampleOutcome["attacks"]): ExampleOutcome => ({
    index,
    label: 0,
    clean: 0,
    attacks,
  });

  it("have nothing to say of gradient attacks alone", () => {
    const perExample = [outcome(0, { fgsm: 1, "pgd-sat": 0 }), outcome(1, { fgsm: 0, "pgd-sat": 0 })];
    const ids = ["fgsm", "pgd-sat"] as const;
    expect(checkOutcome({ ...summarize(perExample, ids), perExample }, ids)).toEqual([]);
  });

  const found = (perExample: ExampleOutcome[], ids: readonly AttackId[]) =>
    checkOutcome({ ...summarize(perExample, ids), perExample }, ids);

  it("find a black-box attack that fools where no gradient attack does", () => {
    const outcomes = [
      outcome(0, { "pgd-sat": 0, cw: 1, square: 1 }),
      outcome(1, { "pgd-sat": 0, cw: 0, square: 1 }),
    ];
    expect(found(outcomes, ["pgd-sat", "cw", "square"])).toEqual([
      expect.stringMatching(/^square fooled the model on 1 images that withstood every gradient attack/),
    ]);
    expect(found(outcomes, ["square"]), "nothing to compare with").toEqual([]);
  });

  it("find Square's share of AutoAttack, where it is more than 0.2% of the images", () => {
    const bySquare = (index: number): ExampleOutcome => ({
      ...outcome(index, { aa: 1 }),
      fooledBy: { aa: "square" },
    });
    const others = Array.from({ length: 998 }, (_, index) => outcome(index, { aa: 0 }));
    expect(found([...others, bySquare(998), bySquare(999)], ["aa"])).toEqual([]);
    expect(found([...others.slice(1), bySquare(997), bySquare(998), bySquare(999)], ["aa"])).toEqual([
      expect.stringMatching(/^in aa, square fooled the model on 3 images/),
    ]);
  });
});
