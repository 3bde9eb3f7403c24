import { z } from "zod";
import { meanCrossEntropy } from "./losses.js";
import type { Method } from "./method.js";

/**
 * Standard adversarial training: cross-entropy on images attacked from a uniform start.
 *
 * @see Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks" (2018).
 */
export const sat: Method<null> = {
  title: "SAT",
  teachers: { clean: false, robust: false },
  trainsOn: { nat: false, adv: true },
  innerAttack: ({ epsilon, innerStepSize, innerSteps }) => ({
    epsilon,
    stepSize: innerStepSize,
    steps: innerSteps,
    start: "uniform",
  }),
  stateSchema: z.null(),
  initialState: () => null,
  losses({ studentAdv, labels }) {
    const total = meanCrossEntropy(studentAdv, labels);
    return { total, report: { lossAdv: total.dataSync()[0] as number } };
  },
  nextState: () => null,
};
