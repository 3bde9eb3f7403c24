import { z } from "zod";
import { tf, type Scalar } from "../runtime/tensorflow.js";
import { meanEntropy, nextTemperatures } from "./balance/entropy-based-balance.js";
import { knowledgeScale } from "./balance/knowledge-scale.js";
import { nextWeights, relativeLosses } from "./balance/normalization-loss-balance.js";
import { awayFromLabels } from "./attack-losses.js";
import { distillationLoss, onHost, weightedSum } from "./losses.js";
import type { Method } from "./method.js";

const pair = z.object({ nat: z.number(), adv: z.number() });

/** The balance between two teachers before a step: temperatures, loss weights, and the losses of the very first step. */
const balanceState = z.object({ temperatures: pair, weights: pair, firstLosses: pair.nullable() });

export type BalanceState = z.infer<typeof balanceState>;

/**
 * Distillation from two teachers, the clean one on clean images and the robust one on adversarial images, with or without
 * Normalization Loss Balance (`nlb`) and Entropy-Based Balance (`ebb`).
 *
 * The losses and entropies are taken at the old temperatures; the total loss has the new weights.
 *
 * @see B-MTARD, Algorithm 1 and equation 21.
 */
export function balancedDistillation(
  title: string,
  balance: { nlb: boolean; ebb: boolean },
): Method<BalanceState> {
  return {
    title,
    teachers: ["cleanTeacherNat", "robustTeacherAdv"],
    passes: ["adv", "nat"],
    settings: [
      "klScale",
      "initialTemperature",
      ...(balance.nlb ? (["beta", "weightRate"] as const) : []),
      ...(balance.ebb ? (["temperatureRate"] as const) : []),
    ],
    attack: awayFromLabels,
    stateSchema: () => balanceState,
    initialState: ({ initialTemperature }) => ({
      temperatures: { nat: initialTemperature, adv: initialTemperature },
      weights: { nat: 0.5, adv: 0.5 },
      firstLosses: null,
    }),
    losses(
      { studentNat, studentAdv, cleanTeacherNat, robustTeacherAdv },
      { temperatures, weights, firstLosses },
      settings,
    ) {
      const { klScale } = settings;
      const lossNat = tf.mul<Scalar>(
        distillationLoss(studentNat, cleanTeacherNat, temperatures.nat),
        klScale,
      );
      const lossAdv = tf.mul<Scalar>(
        distillationLoss(studentAdv, robustTeacherAdv, temperatures.adv),
        klScale,
      );
      const [nat, adv] = onHost([lossNat, lossAdv]);
      const first = firstLosses ?? { nat, adv };
      const relative = relativeLosses({ nat, adv }, first);
      const newWeights = balance.nlb
        ? nextWeights(weights, relative, settings.weightRate, settings.beta)
        : weights;
      const entropyNat = meanEntropy(cleanTeacherNat.values, cleanTeacherNat.classes, temperatures.nat);
      const entropyAdv = meanEntropy(robustTeacherAdv.values, robustTeacherAdv.classes, temperatures.adv);
      const newTemperatures = balance.ebb
        ? nextTemperatures(temperatures, entropyNat, entropyAdv, settings.temperatureRate)
        : temperatures;
      return {
        total: weightedSum([lossNat, newWeights.nat], [lossAdv, newWeights.adv]),
        report: {
          lossNat: nat,
          lossAdv: adv,
          lossTotal: newWeights.nat * nat + newWeights.adv * adv,
          relativeLossNat: relative.nat,
          relativeLossAdv: relative.adv,
          entropyNat,
          entropyAdv,
          knowledgeScaleNat: knowledgeScale(
            cleanTeacherNat.values,
            cleanTeacherNat.classes,
            temperatures.nat,
          ),
          knowledgeScaleAdv: knowledgeScale(
            robustTeacherAdv.values,
            robustTeacherAdv.classes,
            temperatures.adv,
          ),
          temperatureNat: newTemperatures.nat,
          temperatureAdv: newTemperatures.adv,
          weightNat: newWeights.nat,
          weightAdv: newWeights.adv,
        },
        next: { temperatures: newTemperatures, weights: newWeights, firstLosses: first },
      };
    },
  };
}
