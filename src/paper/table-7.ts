import { type AttackId } from "../attacks/attacks.js";
import type { PaperRobustness } from "./paper.js";

/** One value of the varied setting, and B-MTARD's accuracies with it. */
export interface VariedRow {
  readonly value: number;
  readonly clean: number;
  readonly attacks: Readonly<Partial<Record<AttackId, PaperRobustness>>>;
}

/** Table 7: B-MTARD of ResNet-18 on CIFAR-10 by the initial temperature of both teachers. */
export const table7: readonly VariedRow[] = [
  {
    value: 1,
    clean: 88.2,
    attacks: {
      "pgd-sat": { robust: 51.68, wRobust: 69.94 },
      "pgd-trades": { robust: 54.4, wRobust: 71.3 },
      cw: { robust: 49.88, wRobust: 69.04 },
    },
  },
  {
    value: 2,
    clean: 88.22,
    attacks: {
      "pgd-sat": { robust: 51.43, wRobust: 69.83 },
      "pgd-trades": { robust: 54.13, wRobust: 71.18 },
      cw: { robust: 49.79, wRobust: 69.01 },
    },
  },
  {
    value: 5,
    clean: 89.27,
    attacks: {
      "pgd-sat": { robust: 47.89, wRobust: 68.58 },
      "pgd-trades": { robust: 50.9, wRobust: 70.09 },
      cw: { robust: 43.99, wRobust: 66.63 },
    },
  },
  {
    value: 8,
    clean: 88.64,
    attacks: {
      "pgd-sat": { robust: 46.97, wRobust: 67.81 },
      "pgd-trades": { robust: 49.5, wRobust: 69.07 },
      cw: { robust: 42.45, wRobust: 65.55 },
    },
  },
];
