import { type AttackId } from "../attacks/attacks.js";
import { type MethodId } from "../methods/methods.js";

/**
 * Figure 3: W-Robust of the ablations, ResNet-18 on CIFAR-10. The figure has no numbers: MTARD and B-MTARD are table 3's, and the
 * others follow from the differences section 4.2 names (Baseline+NLB is above Baseline by 0.87, 0.56 and 0.60, B-MTARD above
 * Baseline+EBB by 0.33, 0.23 and 0.15 under PGD-sat, PGD-trades and CW).
 */
export const figure3: readonly {
  readonly method: MethodId;
  readonly wRobust: Readonly<Partial<Record<AttackId, number>>>;
}[] = [
  { method: "baseline", wRobust: { "pgd-sat": 68.18, "pgd-trades": 69.92, cw: 67.37 } },
  { method: "mtard", wRobust: { "pgd-sat": 69.05, "pgd-trades": 70.48, cw: 67.97 } },
  { method: "baseline-ebb", wRobust: { "pgd-sat": 69.61, "pgd-trades": 71.07, cw: 68.89 } },
  { method: "b-mtard", wRobust: { "pgd-sat": 69.94, "pgd-trades": 71.3, cw: 69.04 } },
];
