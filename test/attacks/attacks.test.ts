import { describe, expect, it } from "vitest";
import type { AttackSettings, AttackStep, SingleAttack } from "#mtard/attacks/attack.js";
import { attackIds, type SingleAttackId, attacks, hasNorm, startsUniformly } from "#mtard/attacks/attacks.js";
import type { UniformStart } from "#mtard/attacks/conventions.js";
import { logitLoss, type LogitLoss } from "#mtard/attacks/logit-loss.js";
import type { Norm } from "#mtard/attacks/norms.js";
import { climb } from "#mtard/attacks/pgd.js";
import type { Ascent, AttackTarget } from "#mtard/attacks/target.js";
import { mostDistance } from "#mtard/evaluation/verify.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor4D, type Tensor1D, type Tensor2D } from "#mtard/runtime/tensorflow.js";
import { inferenceStudent } from "#mtard/student/inference.js";
import { disposeParameters, parametersFromWeights } from "#mtard/student/parameters.js";
import { countingTarget, onlyAnswering } from "./counting.js";

const COUNT = 3;
const SIZE = COUNT * 8 * 8 * 3;
const network = createNetwork("resnet-8", { image: { height: 8, width: 8, channels: 3 }, classes: 10 });
const random = Random.fromSeed(1);
const parameters = parametersFromWeights(network, initialWeights(network, random));
const target = inferenceStudent(network, parameters);
disposeParameters(parameters);
const images = tf.tensor4d(
  Float32Array.from({ length: SIZE }, () => random.uniform()),
  [COUNT, 8, 8, 3],
);
/** The classes it answers: attacks stop at what is answered wrong already. */
const labels = target.predict(images);
const EPSILON = 8 / 255;

const singles = Object.entries(attacks).filter(([, { kind }]) => kind === "single") as [
  SingleAttackId,
  SingleAttack,
][];

function run(
  id: SingleAttackId,
  epsilon: number,
  seed: [number, number] = [1, 2],
  norm: Norm = "linf",
): Float32Array {
  const attack: SingleAttack = attacks[id];
  const { adversarial } = attack.run(target, { images, labels, norm, epsilon, seed }, few(attack, epsilon));
  const values = adversarial.dataSync<"float32">();
  adversarial.dispose();
  return values;
}

/** The cross-entropy of images, summed. */
function lossOf(values: Float32Array): number {
  return tf.tidy(() => {
    const logits = target.logits(tf.tensor4d(values, [COUNT, 8, 8, 3]));
    return tf.sum(logitLoss(logits, { kind: "crossEntropy", labels }).loss).dataSync()[0] as number;
  });
}

/** Fewer steps and queries, where an attack has a budget of them, or where there is nowhere to go: enough for a tiny network. */
function few({ defaults }: SingleAttack, epsilon: number): Partial<AttackSettings> {
  if (epsilon === 0) return { steps: 5, queries: 100 };
  return defaults.queries === undefined ? {} : { steps: 10, queries: 100 };
}

describe.each(singles)("%s", (id, attack) => {
  const clean = images.dataSync<"float32">();

  it("stays within epsilon and [0, 1]", () => {
    const distances = run(id, EPSILON).map((value, index) => {
      expect(value).toBeGreaterThanOrEqual(0);
      expect(value).toBeLessThanOrEqual(1);
      return Math.abs(value - (clean[index] ?? NaN));
    });
    expect(Math.max(...distances)).toBeLessThanOrEqual(EPSILON + 1e-6);
    // Attacks without gradients stop as soon as they fool, and FAB looks for the nearest image that fools.
    if (attack.access === "gradient" && id !== "fab-t")
      expect(Math.max(...distances)).toBeGreaterThan(0.9 * EPSILON);
  });

  it("with epsilon 0 returns the images it was given", () => {
    expect(run(id, 0)).toEqual(clean);
  });

  if (attack.access === "labels") {
    it("changes no image but those it fools", () => {
      const size = SIZE / COUNT;
      const adversarial = run(id, 0.3);
      const answers = tf.tidy(() => target.predict(tf.tensor4d(adversarial, [COUNT, 8, 8, 3]))).dataSync();
      const right = labels.dataSync();
      const fooled = [...answers.keys()].filter((image) => answers[image] !== right[image]);
      expect(fooled).not.toEqual([]);
      for (let image = 0; image < COUNT; image++)
        if (!fooled.includes(image))
          expect(adversarial.slice(image * size, (image + 1) * size)).toEqual(
            clean.slice(image * size, (image + 1) * size),
          );
    });
  } else {
    it("raises the loss", () => {
      expect(lossOf(run(id, EPSILON))).toBeGreaterThan(lossOf(clean));
    });
  }

  it("gives the same images for the same seed", () => {
    expect(run(id, EPSILON, [3, 4])).toEqual(run(id, EPSILON, [3, 4]));
  });

  it("leaves no tensor behind", () => {
    const before = tf.memory().numTensors;
    run(id, EPSILON);
    expect(tf.memory().numTensors).toBe(before);
  });
});

describe.each(singles.filter(([id]) => hasNorm(id, "l2")))("%s in L2", (id, attack) => {
  const clean = images.dataSync<"float32">();
  const radius = 0.3;

  it("stays within epsilon and [0, 1], raises the loss, and leaves no tensor behind", () => {
    const before = tf.memory().numTensors;
    const found = run(id, radius, [1, 2], "l2");
    expect(tf.memory().numTensors).toBe(before);
    expect(Math.min(...found)).toBeGreaterThanOrEqual(0);
    expect(Math.max(...found)).toBeLessThanOrEqual(1);
    const distances = Array.from({ length: COUNT }, (_, image) => {
      const at = [(image * SIZE) / COUNT, ((image + 1) * SIZE) / COUNT] as const;
      const to = found.subarray(...at);
      return Math.hypot(...clean.subarray(...at).map((value, pixel) => value - (to[pixel] as number)));
    });
    expect(Math.max(...distances)).toBeLessThanOrEqual(mostDistance({ norm: "l2", epsilon: radius }, 192));
    // Walls of [0, 1] take some of the length.
    if (id !== "fab-t") expect(Math.min(...distances)).toBeGreaterThan(0.6 * radius);
    expect(lossOf(found)).toBeGreaterThan(lossOf(clean));
    expect(run(id, radius, [1, 2], "l2")).toEqual(found);
    if (attack.random) expect(run(id, radius, [1, 3], "l2")).not.toEqual(found);
  });

  it("with epsilon 0 returns the images it was given", () => {
    expect(run(id, 0, [1, 2], "l2")).toEqual(clean);
  });
});

it("attacks without an L2 form refuse it, and ensembles and transfers have one where all their parts do", () => {
  expect(attackIds.filter((id) => !hasNorm(id, "l2"))).toEqual(["rays", "gradient-estimation"]);
  expect(() => run("rays", 0.3, [1, 2], "l2")).toThrow("RayS has no L2 form");
});

describe.each(singles.filter(([, { defaults }]) => defaults.queries !== undefined))(
  "%s has a budget of looks, and",
  (_, attack) => {
    const steps = attack.defaults.steps === undefined ? 1 : 10;
    const batch = { images, labels, seed: [5, 6] as const };

    it.each([3, 7, 60, 101].map((budget) => budget * steps))(
      "of %i counts every image that the target is shown, and shows none more often",
      (budget) => {
        for (const epsilon of [0, EPSILON, 0.5]) {
          const counting = countingTarget(target);
          const seen = onlyAnswering(counting, attack.access === "labels" ? "predict" : "logits");
          const { adversarial, queries = [] } = attack.run(
            seen,
            { ...batch, epsilon },
            { steps, queries: budget },
          );
          adversarial.dispose();
          expect([...queries].reduce((sum, count) => sum + count, 0)).toBe(counting.shown());
          expect(Math.max(...queries)).toBeLessThanOrEqual(budget);
          if (epsilon === 0) expect(counting.shown()).toBeGreaterThan(0.9 * COUNT * (budget - steps));
        }
      },
    );

    it("tells how many images are left, and ends where that throws, leaving no tensor", () => {
      const before = tf.memory().numTensors;
      const told: AttackStep[] = [];
      const onStep = (step: AttackStep): void => {
        told.push(step);
        if (told.length === 2) throw new Error("enough");
      };
      const changes = { steps, queries: 60 * steps };
      expect(() => attack.run(target, { ...batch, epsilon: 0, onStep }, changes)).toThrow("enough");
      expect(told.map(({ step, robust }) => [step, robust])).toEqual([
        [1, COUNT],
        [2, COUNT],
      ]);
      expect(tf.memory().numTensors).toBe(before);
    });
  },
);

it("random starts differ with the seed, and fgsm has none", () => {
  expect(run("pgd-sat", EPSILON, [1, 1])).not.toEqual(run("pgd-sat", EPSILON, [1, 2]));
  expect(run("fgsm", EPSILON, [1, 1])).toEqual(run("fgsm", EPSILON, [1, 2]));
});

describe("a uniform start", () => {
  /** A classifier that notes the points at which it is asked for gradients. */
  function watching(): { target: AttackTarget; points: number[][] } {
    const points: number[][] = [];
    return {
      points,
      target: {
        classes: 1,
        logits: () => tf.zeros<Tensor2D>([1, 1]),
        predict: () => tf.zeros<Tensor1D>([1], "int32"),
        lossGradient(images) {
          points.push([...images.dataSync()]);
          return { loss: tf.zeros([1]), logits: tf.zeros([1, 1]), gradient: tf.zeros(images.shape) };
        },
      },
    };
  }
  const images = tf.tensor4d([0, 1, 0, 1, 0, 1, 0.5, 0.5], [1, 2, 4, 1]);
  const labels = tf.tensor1d([0], "int32");
  const pointsOf = (
    id: "fgsm" | "pgd-sat" | "pgd-trades" | "cw",
    uniformStart?: UniformStart,
  ): number[][] => {
    const { target, points } = watching();
    const found = attacks[id].run(
      target,
      { images, labels, epsilon: 0.1, seed: [3, 4], uniformStart },
      { steps: 2 },
    );
    found.adversarial.dispose();
    return points;
  };

  it.each(["pgd-sat", "pgd-trades", "cw"] as const)("of %s may leave [0, 1], and clamped does not", (id) => {
    const [outside = []] = pointsOf(id);
    expect(Math.min(...outside)).toBeLessThan(0);
    expect(Math.max(...outside)).toBeGreaterThan(1);
    expect(pointsOf(id, "unclamped")).toEqual(pointsOf(id));
    const [inside = [], second] = pointsOf(id, "clamped");
    expect(inside).toEqual(outside.map((value) => Math.min(1, Math.max(0, value))));
    // Without a gradient the second point is the first, brought into [0, 1].
    expect(second).toEqual(pointsOf(id)[1]);
  });

  it("is no matter of fgsm, which starts at the image", () => {
    expect(pointsOf("fgsm", "clamped")).toEqual([[...images.dataSync()]]);
    expect(startsUniformly("fgsm")).toBe(false);
    expect(attackIds.filter(startsUniformly)).toEqual([
      ...["pgd-sat", "pgd-trades", "cw"],
      ...["transfer-pgd-trades", "transfer-cw"],
    ]);
  });
});

describe("climb, on a loss whose gradient is known", () => {
  /** A classifier whose gradient is a fixed image, whatever the input. */
  const slope = tf.tensor4d([1, -1, 0, 2], [1, 2, 2, 1]);
  const linear: AttackTarget = {
    classes: 1,
    logits: () => tf.zeros<Tensor2D>([1, 1]),
    predict: () => tf.zeros<Tensor1D>([1], "int32"),
    lossGradient: () => ({ loss: tf.zeros([1]), logits: tf.zeros([1, 1]), gradient: slope.clone() }),
  };
  const loss = { kind: "crossEntropy", labels } as const;
  const start = tf.tensor4d([0.5, 0.5, 0.5, 0.99], [1, 2, 2, 1]);

  function climbed(steps: number, from: Tensor4D = start): number[] {
    return [...climb(linear, start, from, loss, { epsilon: 0.1, stepSize: 0.04, steps }).dataSync()];
  }

  it("moves by the step size along the sign, then stops at epsilon and at 1", () => {
    expect(climbed(1)).toEqual([0.54, 0.46, 0.5, 1].map(Math.fround));
    const far = climbed(5);
    for (const [index, value] of [0.6, 0.4, 0.5, 1].entries()) expect(far[index]).toBeCloseTo(value, 6);
  });

  it("leaves all steps to a target that makes them at once, unless somebody sees the gradients", () => {
    const given: unknown[] = [];
    const atOnce: AttackTarget = {
      ...linear,
      lossGradient: Object.assign(linear.lossGradient.bind(null), {
        climb(from: Tensor4D, climbedLoss: LogitLoss, { ball, stepSize, steps }: Ascent) {
          if (ball.norm !== "linf") throw new Error("another ball");
          given.push(from.arraySync(), climbedLoss, [...ball.lower.dataSync()], stepSize, steps);
          return tf.zerosLike<Tensor4D>(from);
        },
      }),
    };
    let looks = 0;
    const seeing: AttackTarget = {
      ...atOnce,
      lossGradient(images, by) {
        looks++;
        return atOnce.lossGradient(images, by);
      },
    };
    const settings = { epsilon: 0.1, stepSize: 0.04, steps: 2 };
    function reached(target: AttackTarget, { steps }: { steps: number }, watch?: () => void): number[] {
      const made = climb(target, start, start, loss, { ...settings, steps }, watch);
      const values = [...made.dataSync()];
      made.dispose();
      return values;
    }
    expect(reached(atOnce, settings)).toEqual([0, 0, 0, 0]);
    const lower = [0.4, 0.4, 0.4, 0.89].map((value) => expect.closeTo(value, 6) as number);
    expect(given).toEqual([start.arraySync(), loss, lower, 0.04, 2]);
    expect(reached(seeing, settings)).toEqual(climbed(2));
    expect(looks).toBe(2);
    expect(reached(atOnce, settings, () => looks++)).toEqual(climbed(2));
    expect(looks).toBe(4);
    expect(reached(atOnce, { steps: 0 })).toEqual([...start.dataSync()]);
    expect(given).toHaveLength(5);
  });

  it("projects a start outside the ball back into it", () => {
    const outside = tf.add<Tensor4D>(start, 0.3);
    const [first, , third] = climbed(1, outside);
    expect(first).toBeCloseTo(0.6, 6);
    expect(third).toBeCloseTo(0.6, 6);
  });
});
