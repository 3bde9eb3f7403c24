import { z } from "zod";
import { addByClass, gatherByClass, type ClassValues } from "./class-values.js";
import { crossEntropies, distillationLoss, onHost, softened, weightedSum } from "./losses.js";
import type { Method, MethodSettings } from "./method.js";

/** Numbers of each class, for clean and for adversarial images. */
export interface ClassPair {
  readonly nat: ClassValues;
  readonly adv: ClassValues;
}

/** What ABSLD carries from step to step. */
export interface AbsldState {
  /** The teacher's temperature for each class in this epoch. */
  readonly temperatures: ClassPair;
  /** The student's cross-entropy in this epoch so far, summed over each class's images. */
  readonly losses: ClassPair;
}

/** Bounds of a class's temperature (resnet18_absld_cifar10.py). */
const LOWEST = 0.5;
const HIGHEST = 5;

/**
 * Anti-Bias Soft Label Distillation: RSLAD with a teacher temperature for each class, which gives harder classes sharper labels.
 *
 *     alpha KL(t(x) / T_adv[y] || s(x')) + (1 - alpha) KL(t(x) / T_nat[y] || s(x)),   alpha = 5/6
 *
 * @see Zhao et al., "Improving Adversarial Robust Fairness via Anti-Bias Soft Label Distillation" (2024);
 * resnet18_absld_cifar10.py of zhaoshiji123/ABSLD.
 */
export const absld: Method<AbsldState> = {
  title: "ABSLD",
  teachers: ["robustTeacherNat"],
  passes: ["adv", "nat"],
  settings: ["klScale", "alpha", "initialTemperature", "temperatureRate", "classTemperatures"],
  attack: {
    followsTeacher: true,
    countsRight: false,
    loss({ robustTeacherNat, labels }, { temperatures }, settings) {
      const { adv } = temperaturesOfEach(temperatures, labels.dataSync<"int32">(), settings);
      return { kind: "klTo", probabilities: softened(robustTeacherNat, adv) };
    },
  },
  stateSchema: (classes) => {
    const pair = (each: z.ZodNumber): z.ZodType<ClassPair> => {
      const values = z.array(each).length(classes);
      return z.object({ nat: values, adv: values });
    };
    return z.object({
      temperatures: pair(z.number().min(LOWEST).max(HIGHEST)),
      losses: pair(z.number().nonnegative()),
    });
  },
  initialState({ initialTemperature }, classes) {
    const temperatures = Array<number>(classes).fill(initialTemperature);
    return freshEpoch({ nat: temperatures, adv: temperatures });
  },
  losses({ studentNat, studentAdv, robustTeacherNat, labels }, { temperatures, losses }, settings) {
    const { alpha, klScale } = settings;
    const hostLabels = labels.dataSync<"int32">();
    const ofEach = temperaturesOfEach(temperatures, hostLabels, settings);
    const nat = distillationLoss(studentNat, robustTeacherNat, ofEach.nat);
    const adv = distillationLoss(studentAdv, robustTeacherNat, ofEach.adv);
    const total = weightedSum([nat, (1 - alpha) * klScale], [adv, alpha * klScale]);
    const [lossNat, lossAdv, lossTotal] = onHost([nat, adv, total]);
    return {
      total,
      report: { lossNat, lossAdv, lossTotal },
      next: {
        temperatures,
        losses: {
          nat: addByClass(losses.nat, hostLabels, crossEntropies(studentNat, labels).dataSync<"float32">()),
          adv: addByClass(losses.adv, hostLabels, crossEntropies(studentAdv, labels).dataSync<"float32">()),
        },
      },
    };
  },
  nextEpoch: ({ temperatures, losses }, { temperatureRate }) =>
    freshEpoch({
      nat: nextClassTemperatures(temperatures.nat, losses.nat, temperatureRate),
      adv: nextClassTemperatures(temperatures.adv, losses.adv, temperatureRate),
    }),
};

/**
 * The temperatures of the classes after an epoch: a class with more than the mean loss gets a lower one, within [0.5, 5].
 *
 *     T_c -= rate gap_c / max |gap|,   gap_c = L_c - mean L
 *
 * @param losses The student's cross-entropy for each class, summed over the epoch.
 */
export function nextClassTemperatures(now: ClassValues, losses: ClassValues, rate: number): ClassValues {
  const mean = losses.reduce((left, right) => left + right, 0) / losses.length;
  const gaps = losses.map((loss) => loss - mean);
  const widest = Math.max(...gaps.map(Math.abs));
  if (widest === 0) return now;
  return now.map((temperature, index) => {
    const moved = temperature - (rate * (gaps[index] ?? NaN)) / widest;
    return Math.min(HIGHEST, Math.max(LOWEST, moved));
  });
}

/** The teacher's temperatures for a batch's images, `[N]` each. */
function temperaturesOfEach(
  { nat, adv }: ClassPair,
  labels: Int32Array,
  { classTemperatures }: MethodSettings,
): { nat: Float32Array; adv: Float32Array } {
  if (classTemperatures === "separate")
    return { nat: gatherByClass(nat, labels), adv: gatherByClass(adv, labels) };
  const products = gatherByClass(
    nat.map((temperature, index) => temperature * (adv[index] ?? NaN)),
    labels,
  );
  return { nat: products, adv: products };
}

function freshEpoch(temperatures: ClassPair): AbsldState {
  const zeros = temperatures.nat.map(() => 0);
  return { temperatures, losses: { nat: zeros, adv: zeros } };
}
