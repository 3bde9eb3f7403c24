import type { VariedRow } from "./table-7.js";

/** Table 8: B-MTARD of ResNet-18 on CIFAR-10 by the exponent of Normalization Loss Balance. */
export const table8: readonly VariedRow[] = [
  {
    value: 0.5,
    clean: 88.51,
    attacks: {
      "pgd-sat": { robust: 50.24, wRobust: 69.38 },
      "pgd-trades": { robust: 53.43, wRobust: 70.97 },
      cw: { robust: 48.59, wRobust: 68.55 },
    },
  },
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
    value: 4,
    clean: 89.1,
    attacks: {
      "pgd-sat": { robust: 50.01, wRobust: 69.56 },
      "pgd-trades": { robust: 53.04, wRobust: 71.07 },
      cw: { robust: 48.61, wRobust: 68.86 },
    },
  },
  {
    value: 10,
    clean: 88.63,
    attacks: {
      "pgd-sat": { robust: 49.09, wRobust: 68.86 },
      "pgd-trades": { robust: 52.63, wRobust: 70.63 },
      cw: { robust: 48.16, wRobust: 68.4 },
    },
  },
];
