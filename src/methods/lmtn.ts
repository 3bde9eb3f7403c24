import { z } from "zod";
import { awayFromLabels } from "./attack-losses.js";
import { distillationLoss, onHost, weightedSum } from "./losses.js";
import type { Method, TeacherLogits } from "./method.js";

/**
 * Learning from Multiple Teacher Networks, under adversarial training: the mean of both teachers' logits guides the student.
 *
 *     1/2 KL(g || s(x)) + 1/2 KL(g' || s(x'))
 *
 * B-MTARD's sentence, "the weighted average of different teacher output logits as the guidance for both", has two readings:
 *
 *     shared:     g = g' = (1 - alpha) t_clean(x) + alpha t_robust(x')
 *     per-image:  g = (1 - alpha) t_clean(x) + alpha t_robust(x),   g' = (1 - alpha) t_clean(x') + alpha t_robust(x')
 *
 * @see You et al., "Learning from Multiple Teacher Networks" (2017); B-MTARD, section 4.5 and table 10.
 */
export const lmtn: Method<null> = {
  title: "LMTN",
  teachers: ["cleanTeacherNat", "robustTeacherAdv"],
  moreTeachers: ({ guidance }) => (guidance === "per-image" ? ["cleanTeacherAdv", "robustTeacherNat"] : []),
  passes: ["adv", "nat"],
  settings: ["klScale", "alpha", "guidance"],
  attack: awayFromLabels,
  stateSchema: () => z.null(),
  initialState: () => null,
  losses(logits, _, { alpha, klScale, guidance }) {
    const { studentNat, studentAdv, cleanTeacherNat, robustTeacherAdv } = logits;
    const isShared = guidance === "shared";
    const forNat = meanLogits(cleanTeacherNat, isShared ? robustTeacherAdv : logits.robustTeacherNat, alpha);
    const forAdv = isShared ? forNat : meanLogits(logits.cleanTeacherAdv, robustTeacherAdv, alpha);
    const nat = distillationLoss(studentNat, forNat, 1);
    const adv = distillationLoss(studentAdv, forAdv, 1);
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
