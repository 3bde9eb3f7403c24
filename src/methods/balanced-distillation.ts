import { z } from "zod";
import { tf, type Scalar } from "../runtime/tensorflow.js";
import { meanEntropy, nextTemperatures } from "./balance/entropy-based-balance.js";
import { nextWeights, relativeLosses } from "./balance/normalization-loss-balance.js";
import { distillationLoss } from "./losses.js";
import type { Method, StepReport } from "./method.js";

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
    teachers: { clean: true, robust: true },
    trainsOn: { nat: true, adv: true },
    innerAttack: ({ epsilon, innerStepSize, innerSteps, innerStart }) => ({
      epsilon,
      stepSize: innerStepSize,
      steps: innerSteps,
      start: { normal: innerStart },
    }),
    stateSchema: balanceState,
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
      const { klScale, weightRate, beta, temperatureRate } = settings;
      const lossNat = tf.mul<Scalar>(
        distillationLoss(studentNat, cleanTeacherNat, temperatures.nat),
        klScale,
      );
      const lossAdv = tf.mul<Scalar>(
        distillationLoss(studentAdv, robustTeacherAdv, temperatures.adv),
        klScale,
      );
      const [nat, adv] = tf.stack([lossNat, lossAdv]).dataSync() as unknown as [number, number];
      const first = firstLosses ?? { nat, adv };
      const relative = relativeLosses({ nat, adv }, first);
      const newWeights = balance.nlb ? nextWeights(weights, relative, weightRate, beta) : weights;
      const entropyNat = meanEntropy(cleanTeacherNat.values, cleanTeacherNat.classes, temperatures.nat);
      const entropyAdv = meanEntropy(robustTeacherAdv.values, robustTeacherAdv.classes, temperatures.adv);
      const newTemperatures = balance.ebb
        ? nextTemperatures(temperatures, entropyNat, entropyAdv, temperatureRate)
        : temperatures;
      return {
        total: tf.add<Scalar>(tf.mul(lossNat, newWeights.nat), tf.mul(lossAdv, newWeights.adv)),
        report: {
          lossNat: nat,
          lossAdv: adv,
          lossTotal: newWeights.nat * nat + newWeights.adv * adv,
          relativeLossNat: relative.nat,
          relativeLossAdv: relative.adv,
          entropyNat,
          entropyAdv,
          temperatureNat: newTemperatures.nat,
          temperatureAdv: newTemperatures.adv,
          weightNat: newWeights.nat,
          weightAdv: newWeights.adv,
        },
      };
    },
    nextState: ({ firstLosses }, report) => ({
      temperatures: { nat: reported(report, "temperatureNat"), adv: reported(report, "temperatureAdv") },
      weights: { nat: reported(report, "weightNat"), adv: reported(report, "weightAdv") },
      firstLosses: firstLosses ?? { nat: reported(report, "lossNat"), adv: reported(report, "lossAdv") },
    }),
  };
}

function reported(report: StepReport, name: string): number {
  const value = report[name];
  if (value === undefined) throw new Error(`the step reported no ${name}`);
  return value;
}
