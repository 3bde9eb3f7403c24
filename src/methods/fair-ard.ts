import { z } from "zod";
import { tf, type Scalar, type Tensor1D } from "../runtime/tensorflow.js";
import { awayFromLabels } from "./attack-losses.js";
import { addByClass, gatherByClass, type ClassValues } from "./class-values.js";
import { crossEntropies, onHost, softDivergences, weightedSum } from "./losses.js";
import type { Method } from "./method.js";

/** What Fair-ARD carries from step to step. */
export interface FairArdState {
  /** Each class's weight in this epoch. */
  readonly weights: ClassValues;
  /** For each class in this epoch so far: the sum of kappa over its images, and their number. */
  readonly kappaSums: ClassValues;
  readonly counts: ClassValues;
}

/** Bounds of a class's weight (Fair-ARD.py). */
const LOWEST = 5 / 6;
const HIGHEST = 5 / 2;

/**
 * Fair-ARD: ARD with both terms of an image multiplied by the weight of its class, which is larger where the attack needs fewer steps.
 *
 * @see Yue et al., "Revisiting Adversarial Robustness Distillation from the Perspective of Robust Fairness" (2023);
 * Fair-ARD.py of NISP-official/Fair-ARD.
 */
export const fairArd: Method<FairArdState> = {
  title: "Fair-ARD",
  teachers: ["robustTeacherNat"],
  passes: ["adv", "nat"],
  settings: ["alpha", "beta", "temperature"],
  attack: { ...awayFromLabels, countsRight: true },
  stateSchema: (classes) => {
    const values = z.array(z.number().nonnegative()).length(classes);
    return z.object({ weights: values, kappaSums: values, counts: values });
  },
  initialState: (_, classes) => freshEpoch(Array<number>(classes).fill(1)),
  losses(
    { studentNat, studentAdv, robustTeacherNat, labels, rightIterates },
    { weights, kappaSums, counts },
    { alpha, temperature },
  ) {
    const hostLabels = labels.dataSync<"int32">();
    const weightOfEach = tf.tensor1d(gatherByClass(weights, hostLabels));
    const weighted = (each: Tensor1D): Scalar => tf.mean<Scalar>(tf.mul(each, weightOfEach));
    const distilled = weighted(softDivergences(studentAdv, robustTeacherNat, temperature));
    const natural = weighted(crossEntropies(studentNat, labels));
    const total = weightedSum([natural, 1 - alpha], [distilled, alpha * temperature ** 2]);
    const [lossNat, lossAdv, lossTotal] = onHost([natural, distilled, total]);
    return {
      total,
      report: { lossNat, lossAdv, lossTotal },
      next: {
        weights,
        kappaSums: addByClass(kappaSums, hostLabels, rightIterates),
        counts: addByClass(counts, hostLabels, new Int32Array(hostLabels.length).fill(1)),
      },
    };
  },
  nextEpoch: ({ kappaSums, counts }, { beta }) => freshEpoch(fairWeights(kappaSums, counts, beta)),
};

/**
 * The weights of the classes, from how long their images withstood the attack:
 *
 *     w_c = (1 / (kappa_c + 1e-5))^beta, scaled to sum to the number of classes, then clamped to [5/6, 5/2]
 *
 * A class without images gets weight 1 and is left out of the scaling.
 *
 * @param kappaSums For each class, the sum over its images of the iterates still classified right.
 * @param counts The number of images of each class.
 */
export function fairWeights(kappaSums: ClassValues, counts: ClassValues, beta: number): ClassValues {
  const raw = kappaSums.map((sum, index) => {
    const count = counts[index] ?? 0;
    return count === 0 ? null : (1 / (sum / count + 1e-5)) ** beta;
  });
  const seen = raw.filter((value) => value !== null);
  const scale = seen.length / seen.reduce((left, right) => left + right, 0);
  return raw.map((value) => (value === null ? 1 : Math.min(HIGHEST, Math.max(LOWEST, value * scale))));
}

function freshEpoch(weights: ClassValues): FairArdState {
  const zeros = weights.map(() => 0);
  return { weights, kappaSums: zeros, counts: zeros };
}
