import { z } from "zod";
import { awayFromLabels } from "./attack-losses.js";
import { distillationLoss, onHost, weightedSum } from "./losses.js";
import type { Method, TeacherLogits } from "./method.js";

/**
 * Learning from Multiple Teacher Networks, under adversarial training: one guidance for x and x', the weighted mean of the clean
 * teacher's logits on x and the robust teacher's on x'.
 *
 *     1/2 KL(g || s(x)) + 1/2 KL(g || s(x')),   g = (1 - alpha) t_clean(x) + alpha t_robust(x')
 *
 * @see You et al., "Learning from Multiple Teacher Networks" (2017); B-MTARD, section 4.5 and table 10.
 */
export const lmtn: Method<null> = {
  title: "LMTN",
  teachers: ["cleanTeacherNat", "robustTeacherAdv"],
  passes: ["adv", "nat"],
  settings: ["klScale", "alpha"],
  attack: awayFromLabels,
  stateSchema: () => z.null(),
  initialState: () => null,
  losses({ studentNat, studentAdv, cleanTeacherNat, robustTeacherAdv }, _, { alpha, klScale }) {
    const guidance = meanLogits(cleanTeacherNat, robustTeacherAdv, alpha);
    const nat = distillationLoss(studentNat, guidance, 1);
    const adv = distillationLoss(studentAdv, guidance, 1);
    const total = weightedSum([nat, klScale / 2], [adv, klScale / 2]);
    const [lossNat, lossAdv, lossTotal] = onHost([nat, adv, total]);
    return { total, report: { lossNat, lossAdv, lossTotal }, next: null };
  },
};

function meanLogits(clean: TeacherLogits, robust: TeacherLogits, robustShare: number): TeacherLogits {
  const values = clean.values.map(
    (value, index) => (1 - robustShare) * value + robustShare * (robust.values[index] ?? NaN),
  );
  return { values, classes: clean.classes };
}
