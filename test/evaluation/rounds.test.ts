import { describe, expect, it } from "vitest";
import { singleAttack } from "#mtard/attacks/attack.js";
import { type AttackId, attacks as registry } from "#mtard/attacks/attacks.js";
import { evaluateImages } from "#mtard/evaluation/evaluate.js";
import type { EvaluationProgress } from "#mtard/evaluation/progress.js";
import { changesOf } from "#mtard/evaluation/numbers.js";
import { looksOf, noiseSeed, roundsOf } from "#mtard/evaluation/rounds.js";
import type { EvaluationState } from "#mtard/evaluation/state.js";
import { type Distances, verifyAdversarial } from "#mtard/evaluation/verify.js";
import { tf } from "#mtard/runtime/tensorflow.js";
import { CLASSES, labelledBy, linearTarget } from "./linear.js";

const target = linearTarget(1);
const source = labelledBy(target, 20, 5);
const settings = { attacks: [], epsilon: 0.02, batchSize: 6, seed: 3 } as const;

describe("an evaluation", () => {
  it("attacks no image that is wrong when clean, and leaves its answer", async () => {
    target.asked.length = 0;
    const { clean, attacks, perExample } = await evaluateImages(target, source, {
      ...settings,
      attacks: ["fgsm"],
    });
    expect(clean).toEqual({ correct: 16, accuracy: 0.8 });
    expect(target.asked.filter((each) => each.startsWith("gradient"))).toEqual([
      "gradient 6",
      "gradient 6",
      "gradient 4",
    ]);
    const wrong = perExample.filter(({ clean: answer, label }) => answer !== label);
    expect(wrong.map(({ index }) => index)).toEqual([4, 9, 14, 19]);
    for (const { clean: answer, attacks: answers, linf } of wrong)
      expect({ answers, linf }).toEqual({ answers: { fgsm: answer }, linf: undefined });
    const fooled = perExample.filter(({ linf }) => linf !== undefined);
    expect(fooled.length).toBeGreaterThan(0);
    expect(attacks.fgsm?.robust).toBe(16 - fooled.length);
    for (const { linf } of fooled) expect(linf?.fgsm).toBeCloseTo(0.02, 6);
  });

  it("in L2 measures the length of each change, and refuses what has no form in it", async () => {
    const inL2 = { ...settings, norm: "l2", epsilon: 0.1 } as const;
    const { attacks, perExample } = await evaluateImages(target, source, { ...inL2, attacks: ["fgsm"] });
    const fooled = perExample.filter(({ l2 }) => l2 !== undefined);
    expect(fooled.length).toBeGreaterThan(0);
    expect(attacks.fgsm?.robust).toBe(16 - fooled.length);
    for (const { linf, l2 } of fooled) {
      expect(l2?.fgsm).toBeCloseTo(0.1, 3);
      expect(linf?.fgsm).toBeLessThan(0.1);
    }
    const none = evaluateImages(target, source, { ...inL2, attacks: ["rays"] });
    await expect(none).rejects.toThrow("rays has no L2 form");
    const own = singleAttack(
      { title: "Own", access: "labels", random: false, defaults: {} },
      (_, { images }) => ({ adversarial: tf.clone(images) }),
    );
    const ownToo = evaluateImages(target, source, { ...inL2, attacks: ["own" as AttackId], own: { own } });
    await expect(ownToo).rejects.toThrow("own has no L2 form");
  });

  it("with final answers attacks every image, and counts those that end right", async () => {
    target.asked.length = 0;
    const attacks = ["fgsm", "pgd-sat"] as const;
    const all = { ...settings, attacks, epsilon: 0.3, wrongWhenClean: "final-answer" } as const;
    const states: EvaluationState[] = [];
    const found = await evaluateImages(target, source, all, { onState: (state) => states.push(state) });
    const gradients = target.asked.filter((each) => each.startsWith("gradient"));
    expect(gradients.slice(0, 4)).toEqual(["gradient 6", "gradient 6", "gradient 6", "gradient 2"]);
    expect(found.clean.correct).toBe(16);
    for (const id of attacks) {
      const right = found.perExample.filter(({ attacks: answers, label }) => answers[id] === label);
      const regained = right.filter(({ clean, label }) => clean !== label).length;
      expect(found.attacks[id]?.robust).toBe(right.length);
      expect(found.attacks[id]?.wrongWhenClean ?? 0).toBe(regained);
    }
    // The same images one by one, by the target's own answers.
    const wrong = found.perExample.filter(({ clean, label }) => clean !== label);
    expect(wrong.map(({ index }) => index)).toEqual([4, 9, 14, 19]);
    for (const { index, attacks: answers } of wrong) {
      const images = tf.tensor4d(source.read([index]), [1, 4, 4, 1]);
      const labels = tf.tensor1d([source.labels[index] as number], "int32");
      const batch = { images, labels, epsilon: 0.3, seed: [0, 0] as const };
      const { adversarial } = registry.fgsm.run(target, batch);
      expect(answers.fgsm).toBe(target.predict(adversarial).dataSync()[0]);
    }
  });

  it("with final answers and fgsm finds of the images that were right what it finds without", async () => {
    const attacks = ["fgsm"] as const;
    const one = await evaluateImages(target, source, { ...settings, attacks });
    const all = { ...settings, attacks, wrongWhenClean: "final-answer" } as const;
    const other = await evaluateImages(target, source, all);
    const { robust = NaN, wrongWhenClean = 0 } = other.attacks.fgsm ?? {};
    expect(robust - wrongWhenClean).toBe(one.attacks.fgsm?.robust);
  });

  it("with final answers finds every image robust at epsilon 0 that is right when clean", async () => {
    const all = { ...settings, attacks: ["pgd-sat"], epsilon: 0, wrongWhenClean: "final-answer" } as const;
    const { attacks } = await evaluateImages(target, source, all);
    expect(attacks["pgd-sat"]).toEqual({ robust: 16, accuracy: 0.8, wRobust: 0.8 });
  });

  it("with final answers and restarts attacks again what ended right, whatever it was before", async () => {
    const all = { ...settings, attacks: ["pgd-sat"], restarts: 2, batchSize: 20 } as const;
    target.asked.length = 0;
    const { attacks } = await evaluateImages(target, source, { ...all, wrongWhenClean: "final-answer" });
    const once = await evaluateImages(target, source, {
      ...{ ...all, restarts: 1, wrongWhenClean: "final-answer" },
    });
    const left = once.attacks["pgd-sat"]?.robust ?? NaN;
    expect(target.asked.slice(1 + 20, 1 + 20 + 2)).toContain(`gradient ${left}`);
    expect(attacks["pgd-sat"]?.robust).toBeLessThanOrEqual(left);
  });

  it("with epsilon 0 finds every image robust that is right when clean", async () => {
    const attacks = ["fgsm", "pgd-sat", "pgd-trades"] as const;
    const { clean, attacks: robust } = await evaluateImages(target, source, {
      ...settings,
      attacks,
      epsilon: 0,
    });
    for (const id of attacks) expect(robust[id]?.robust, id).toBe(clean.correct);
  });

  it("finds the same whichever other attacks are asked for, in any order", async () => {
    const alone = await evaluateImages(target, source, { ...settings, attacks: ["pgd-trades"] });
    const among = await evaluateImages(target, source, {
      ...settings,
      attacks: ["pgd-sat", "pgd-trades", "fgsm"],
    });
    const answers = (evaluation: typeof alone) =>
      evaluation.perExample.map(({ attacks }) => attacks["pgd-trades"]);
    expect(answers(among)).toEqual(answers(alone));
  });

  it("restarts a random attack on the images that withstood it, and one without randomness not at all", async () => {
    target.asked.length = 0;
    const changes = { "pgd-sat": { steps: 1 } };
    const attacks = ["pgd-sat", "fgsm"] as const;
    const states: EvaluationState[] = [];
    const { attacks: robust } = await evaluateImages(
      target,
      source,
      { ...settings, attacks, changes, batchSize: 20, restarts: 3 },
      { onState: (state) => states.push(structuredClone(state)) },
    );
    const { fooledIn = [] } = states.at(-1)?.attacks["pgd-sat"] ?? {};
    const left = [0, 1, 2].map((round) => 16 - fooledIn.filter((each) => each >= 0 && each < round).length);
    expect(target.asked.filter((each) => each.startsWith("gradient"))).toEqual(
      [...left, 16].map((count) => `gradient ${count}`),
    );
    expect(left[1]).toBeLessThan(16);
    expect(robust["pgd-sat"]?.robust).toBe(16 - fooledIn.filter((each) => each >= 0).length);
  });

  it("makes a transfer's images on the surrogate and judges them by the model", async () => {
    const surrogate = linearTarget(2);
    target.asked.length = 0;
    const { attacks } = await evaluateImages(target, source, {
      ...settings,
      attacks: ["transfer-pgd-trades"],
      surrogate,
    });
    expect(surrogate.asked.every((each) => each.startsWith("gradient"))).toBe(true);
    expect(surrogate.asked).toHaveLength(20 * 3);
    expect(target.asked.every((each) => each.startsWith("predict"))).toBe(true);
    expect(attacks["transfer-pgd-trades"]?.robust).toBeLessThanOrEqual(16);
  });

  it("of an ensemble, shows each part what withstood those before, and says which part fooled", async () => {
    const changes = { aa: { steps: 4, queries: 20, targetClasses: 2 } };
    const all = { ...settings, attacks: ["apgd-ce", "aa"], changes, epsilon: 0.01, batchSize: 20 } as const;
    const { attacks, perExample } = await evaluateImages(target, source, {
      ...all,
      changes: { ...changes, "apgd-ce": changes.aa },
    });
    const { robust, fooledBy: byPart = {} } = attacks.aa ?? { robust: NaN };
    expect(Object.values(byPart).reduce((sum, count) => sum + count, robust)).toBe(16);
    // The first part sees the same images with the same seed as that attack alone.
    expect(byPart["apgd-ce"]).toBe(16 - (attacks["apgd-ce"]?.robust ?? NaN));
    for (const { attacks: answers, label, clean, fooledBy } of perExample)
      expect(fooledBy?.aa === undefined).toBe(answers.aa === label || clean !== label);
  });

  it("made on the model itself, a transfer is the attack", async () => {
    const both = await evaluateImages(target, source, {
      ...settings,
      attacks: ["pgd-trades", "transfer-pgd-trades"],
      surrogate: target,
    });
    for (const { attacks } of both.perExample)
      expect(attacks["transfer-pgd-trades"]).toBe(attacks["pgd-trades"]);
  });

  it("goes on from the state after any batch to the same outcome", async () => {
    const all = { ...settings, attacks: ["fgsm", "pgd-sat"], restarts: 2 } as const;
    const states: string[] = [];
    const whole = await evaluateImages(target, source, all, {
      onState: (state) => states.push(JSON.stringify(state)),
    });
    expect(states.length).toBeGreaterThan(8);
    for (const state of states) {
      const resumed = await evaluateImages(target, source, all, {}, JSON.parse(state) as EvaluationState);
      expect(resumed).toEqual(whole);
    }
  });

  it("tells how far it is: never back, all at the end, by what each attack costs", async () => {
    const told: EvaluationProgress[] = [];
    await evaluateImages(
      target,
      source,
      { ...settings, attacks: ["fgsm", "pgd-sat"] },
      { onProgress: (progress) => told.push(progress) },
    );
    const shares = told.map(({ share }) => share);
    expect(shares).toEqual([...shares].sort((one, other) => one - other));
    expect(told.at(-1)).toMatchObject({ done: 20, total: 20, share: 1 });
    // Clean 20 looks, FGSM 3 an image, PGD 60: after the clean pass less than a fiftieth is done.
    const clean = told.filter(({ pass }) => pass.attack === null).at(-1);
    expect(clean?.share).toBeCloseTo(20 / (20 + 16 * 63), 10);
    expect(clean?.pass).toMatchObject({ done: 20, total: 20, robust: 16 });
  });

  it("leaves no tensor behind", async () => {
    const all = {
      ...settings,
      attacks: ["fgsm", "pgd-sat", "transfer-pgd-trades"],
      surrogate: target,
    } as const;
    const before = tf.memory().numTensors;
    await evaluateImages(target, source, all);
    expect(tf.memory().numTensors).toBe(before);
  });

  it.each([-1, CLASSES, 1.5, NaN])("refuses a label of %d", async (label) => {
    const labels = Array.from(source.labels);
    labels[7] = label;
    await expect(evaluateImages(target, { ...source, labels }, settings)).rejects.toThrow(
      "image 7 has a label that is no class of the model",
    );
  });

  it("refuses a transfer attack without a surrogate", async () => {
    const call = evaluateImages(target, source, { ...settings, attacks: ["transfer-pgd-trades"] });
    await expect(call).rejects.toThrow("transfer-pgd-trades needs a surrogate");
  });

  it("believes no attack: images beyond the bounds end it, and the verdict is the model's", async () => {
    const lying = singleAttack(
      { title: "Liar", access: "labels", random: false, defaults: {} },
      (_, { images, epsilon }) => ({ adversarial: tf.add(images, 2 * epsilon) }),
    );
    const call = evaluateImages(target, source, {
      ...settings,
      attacks: ["liar" as AttackId],
      own: { liar: lying },
    });
    await expect(call).rejects.toThrow("liar made an image that does not count: image 0");
  });
});

describe("verifyAdversarial", () => {
  const clean = Float32Array.of(0, 0.5, 1, 0.25);
  const verify = (...adversarial: number[]): Distances =>
    verifyAdversarial("fgsm", [8, 9], clean, Float32Array.from(adversarial), { epsilon: 0.1 });

  it("measures the largest change of each image", () => {
    const { linf, l2 } = verify(0.05, 0.4, 1, 0.25);
    expect(linf).toEqual([expect.closeTo(0.1, 6), 0]);
    expect(l2).toEqual([expect.closeTo(Math.sqrt(0.05 ** 2 + 0.1 ** 2), 6), 0]);
  });

  it("goes by the length of the change in L2, with room for the rounding of float32", () => {
    const within = (epsilon: number, ...adversarial: number[]): Distances =>
      verifyAdversarial("fgsm", [8, 9], clean, Float32Array.from(adversarial), { norm: "l2", epsilon });
    expect(within(0.5, 0.3, 0.9, 1, 0.25).l2).toEqual([expect.closeTo(0.5, 6), 0]);
    expect(() => within(0.5, 0.301, 0.9, 1, 0.25)).toThrow("image 8");
    expect(() => within(0.1, 0, 0.5, 0.9, 0.35)).toThrow("image 9");
    // 3,072 values, each of which rounds up by 2^-25 where 0.5 + 2^-25 is no number of float32.
    const even = new Float32Array(3072).fill(0.5);
    const epsilon = Math.sqrt(3072) * (0.01 + 2 ** -26);
    const moved = even.map(() => Math.fround(0.51 + 2 ** -25));
    const verdict = (radius: number) => () =>
      verifyAdversarial("fgsm", [0], even, moved, { norm: "l2", epsilon: radius });
    expect(verdict(epsilon)).not.toThrow();
    expect(verdict(epsilon * 0.9999)).toThrow("image 0");
  });

  it.each([
    ["below 0", [-1e-6, 0.5, 1, 0.25], 8],
    ["above 1", [0, 0.5, 1.0001, 0.25], 9],
    ["too far", [0, 0.5, 1, 0.35001], 9],
    ["not a number", [0, NaN, 1, 0.25], 8],
    ["infinite", [0, Infinity, 1, 0.25], 8],
  ])("names the image that is %s", (_, adversarial, image) => {
    expect(() => verify(...adversarial)).toThrow(`fgsm made an image that does not count: image ${image}`);
  });

  it("wants as many values as there were", () => {
    expect(() => verify(0, 0.5, 1)).toThrow("does not count");
  });
});

describe("rounds", () => {
  it("cost about their looks, a gradient three", () => {
    expect(roundsOf("fgsm").map(looksOf)).toEqual([3]);
    expect(roundsOf("pgd-sat", { restarts: 2, changes: { steps: 7 } }).map(looksOf)).toEqual([21, 21]);
    expect(roundsOf("fgsm", { changes: { steps: 7 } }).map(looksOf)).toEqual([3]);
    const parts = roundsOf("aa");
    expect(parts.map(({ id }) => id)).toEqual(["apgd-ce", "apgd-t", "fab-t", "square"]);
    expect(parts.map(looksOf)).toEqual([300, 2700, 2700, 5000]);
    expect(
      roundsOf("aa", { restarts: 2, changes: { queries: 9 } }).map(({ id, numbers }) => [
        id,
        numbers.queries,
      ]),
    ).toEqual([
      ...["apgd-ce", "apgd-ce", "apgd-t", "apgd-t", "fab-t"].map((id) => [id, undefined]),
      ...[0, 1].map(() => ["square", 9]),
    ]);
  });

  it("have a seed of their own for every batch", () => {
    const [first, second] = roundsOf("pgd-sat", { restarts: 2 });
    const [other] = roundsOf("pgd-trades");
    if (!first || !second || !other) throw new Error("no rounds");
    const seeds = [
      noiseSeed(0, first, 0),
      noiseSeed(0, first, 1),
      noiseSeed(0, second, 0),
      noiseSeed(1, first, 0),
      noiseSeed(0, other, 0),
    ];
    expect(new Set(seeds.map(String)).size).toBe(seeds.length);
    expect(noiseSeed(0, first, 0)).toEqual(noiseSeed(0, first, 0));
  });

  const options = {
    steps: "--steps",
    stepSize: "--step-size",
    queries: "--queries",
    targetClasses: "--target-classes",
    restarts: "--restarts",
  };

  it("get the changed numbers that they have", () => {
    expect(changesOf(["fgsm", "pgd-sat", "aa", "transfer-pgd-trades"], { steps: 4 }, 1, options)).toEqual({
      fgsm: {},
      "pgd-sat": { steps: 4 },
      aa: { steps: 4 },
      "transfer-pgd-trades": { steps: 4 },
    });
  });

  it.each([
    ["--steps", ["fgsm"], { steps: 4 }, 1],
    ["--step-size", [], { stepSize: 0.1 }, 1],
    ["--restarts", ["fgsm"], {}, 2],
  ] as const)("refuse %s where it changes nothing", (option, ids, numbers, restarts) => {
    expect(() => changesOf(ids, numbers, restarts, options)).toThrow(`${option} changes none of the attacks`);
  });
});
