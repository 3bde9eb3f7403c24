import { type AttackId } from "../attacks/attacks.js";

/** Table 11: W-Robust of B-MTARD's ResNet-18 on CIFAR-10 by the teachers' networks; "WideResNet-34-10-C" is the network trained on clean images. */
export const table11: readonly {
  readonly cleanTeacher: string;
  readonly robustTeacher: string;
  readonly wRobust: Readonly<Partial<Record<AttackId, number>>>;
}[] = [
  {
    cleanTeacher: "ResNet-56",
    robustTeacher: "WideResNet-34-10",
    wRobust: { "pgd-sat": 69.94, "pgd-trades": 71.3, cw: 69.04 },
  },
  {
    cleanTeacher: "WideResNet-34-10-C",
    robustTeacher: "WideResNet-34-10",
    wRobust: { "pgd-sat": 69.09, "pgd-trades": 70.66, cw: 68.48 },
  },
  {
    cleanTeacher: "WideResNet-34-10-C",
    robustTeacher: "WideResNet-70-16",
    wRobust: { "pgd-sat": 68.49, "pgd-trades": 70.01, cw: 67.89 },
  },
];
