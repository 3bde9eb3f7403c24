import { z } from "zod";
import { awayFromRobustTeacher } from "./attack-losses.js";
import { distillationLoss, onHost, weightedSum } from "./losses.js";
import type { Method } from "./method.js";

/**
 * Robust Soft Label Adversarial Distillation: the student follows the robust teacher on x, with x' and with x.
 *
 *     alpha KL(t(x) || s(x')) + (1 - alpha) KL(t(x) || s(x)),   alpha = 5/6
 *
 * @see Zi et al., "Revisiting Adversarial Robustness Distillation: Robust Soft Labels Make Student Better" (2021);
 * resnet18_rslad_cifar10.py of zibojia/RSLAD.
 */
export const rslad: Method<null> = {
  title: "RSLAD",
  teachers: ["robustTeacherNat"],
  passes: ["adv", "nat"],
  settings: ["klScale", "alpha"],
  attack: awayFromRobustTeacher,
  stateSchema: () => z.null(),
  initialState: () => null,
  losses({ studentNat, studentAdv, robustTeacherNat }, _, { alpha, klScale }) {
    const nat = distillationLoss(studentNat, robustTeacherNat, 1);
    const adv = distillationLoss(studentAdv, robustTeacherNat, 1);
    const total = weightedSum([nat, (1 - alpha) * klScale], [adv, alpha * klScale]);
    const [lossNat, lossAdv, lossTotal] = onHost([nat, adv, total]);
    return { total, report: { lossNat, lossAdv, lossTotal }, next: null };
  },
};
