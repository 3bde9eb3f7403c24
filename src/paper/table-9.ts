import type { PaperDataset } from "./paper.js";

/** Table 9: robust accuracy of B-MTARD's students under PGD-trades and under the gradient-estimation attack. */
export const table9: readonly {
  readonly attack: "pgd-trades" | "gradient-estimation";
  readonly robust: Readonly<Record<PaperDataset, number>>;
}[] = [
  { attack: "pgd-trades", robust: { cifar10: 54.4, cifar100: 29.94, "tiny-imagenet": 24.94 } },
  { attack: "gradient-estimation", robust: { cifar10: 60.34, cifar100: 32.53, "tiny-imagenet": 30.83 } },
];
