import { type AttackId } from "../attacks/attacks.js";
import type { PaperDataset } from "./paper.js";

export interface TeacherRow {
  readonly dataset: PaperDataset;
  readonly network: string;
  readonly role: "clean" | "robust";
  readonly clean: number;
  readonly robust: Readonly<Partial<Record<AttackId, number>>>;
}

/** Table 2: the teachers. */
export const table2: readonly TeacherRow[] = [
  {
    dataset: "cifar10",
    network: "resnet-56",
    role: "clean",
    clean: 93.18,
    robust: { fgsm: 19.23, "pgd-sat": 0, "pgd-trades": 0, cw: 0, aa: 0 },
  },
  {
    dataset: "cifar10",
    network: "wide-resnet-34-10",
    role: "robust",
    clean: 84.91,
    robust: { fgsm: 61.14, "pgd-sat": 55.3, "pgd-trades": 56.61, cw: 53.84, aa: 53.08 },
  },
  {
    dataset: "cifar100",
    network: "wide-resnet-22-6",
    role: "clean",
    clean: 76.65,
    robust: { fgsm: 4.85, "pgd-sat": 0, "pgd-trades": 0, cw: 0, aa: 0 },
  },
  {
    dataset: "cifar100",
    network: "wide-resnet-70-16",
    role: "robust",
    clean: 60.96,
    robust: { fgsm: 35.89, "pgd-sat": 33.58, "pgd-trades": 33.99, cw: 31.05, aa: 30.03 },
  },
  {
    dataset: "tiny-imagenet",
    network: "preact-resnet-34",
    role: "clean",
    clean: 66.05,
    robust: { fgsm: 2.5, "pgd-sat": 0.04, "pgd-trades": 0.09, cw: 0, aa: 0 },
  },
  {
    dataset: "tiny-imagenet",
    network: "preact-resnet-34",
    role: "robust",
    clean: 52.76,
    robust: { fgsm: 27.05, "pgd-sat": 24, "pgd-trades": 24.63, cw: 20.07, aa: 18.92 },
  },
];
