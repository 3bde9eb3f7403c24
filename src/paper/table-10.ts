import { type AttackId } from "../attacks/attacks.js";

/** Table 10: W-Robust of ResNet-18 on CIFAR-10 by multi-teacher distillation method. */
export const table10: readonly {
  readonly method: "lmtn" | "b-mtard";
  readonly wRobust: Readonly<Partial<Record<AttackId, number>>>;
}[] = [
  {
    method: "lmtn",
    wRobust: { fgsm: 72.56, "pgd-sat": 68.5, "pgd-trades": 69.62, cw: 68.12, aa: 67.09 },
  },
  {
    method: "b-mtard",
    wRobust: { fgsm: 74.81, "pgd-sat": 69.94, "pgd-trades": 71.3, cw: 69.04, aa: 67.82 },
  },
];
