import { z } from "zod";
import { awayFromLabels } from "./attack-losses.js";
import { meanCrossEntropy, onHost } from "./losses.js";
import type { Method } from "./method.js";

/**
 * Standard adversarial training: cross-entropy on attacked images alone.
 *
 * @see Madry et al., "Towards Deep Learning Models Resistant to Adversarial Attacks" (2018).
 */
export const sat: Method<null> = {
  title: "SAT",
  teachers: [],
  passes: ["adv"],
  settings: [],
  attack: awayFromLabels,
  stateSchema: () => z.null(),
  initialState: () => null,
  losses({ studentAdv, labels }) {
    const total = meanCrossEntropy(studentAdv, labels);
    const [lossAdv] = onHost([total]);
    return { total, report: { lossAdv }, next: null };
  },
};
