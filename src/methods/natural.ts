import { z } from "zod";
import { meanCrossEntropy } from "./losses.js";
import type { Method } from "./method.js";

/** Natural training: cross-entropy on clean images. */
export const natural: Method<null> = {
  title: "Natural",
  teachers: { clean: false, robust: false },
  trainsOn: { nat: true, adv: false },
  innerAttack: () => null,
  stateSchema: z.null(),
  initialState: () => null,
  losses({ studentNat, labels }) {
    const total = meanCrossEntropy(studentNat, labels);
    return { total, report: { lossNat: total.dataSync()[0] as number } };
  },
  nextState: () => null,
};
