import type { AttackId } from "../attacks/ids.js";

/** A count of images out of `total`. */
export interface Accuracy {
  readonly correct: number;
  readonly accuracy: number;
}

/** Robust accuracy under one attack; `wRobust` is its mean with the clean accuracy. */
export interface RobustAccuracy {
  readonly robust: number;
  readonly accuracy: number;
  readonly wRobust: number;
}

/** One image's outcome: its label, the class answered when clean, and under each attack. */
export interface ExampleOutcome {
  readonly index: number;
  readonly label: number;
  readonly clean: number;
  readonly attacks: Readonly<Partial<Record<AttackId, number>>>;
}

export interface Evaluation {
  readonly total: number;
  readonly clean: Accuracy;
  readonly attacks: Readonly<Partial<Record<AttackId, RobustAccuracy>>>;
  readonly perExample: readonly ExampleOutcome[];
}

/** Accuracies from the outcomes of every image. */
export function summarize(
  perExample: readonly ExampleOutcome[],
  attackIds: readonly AttackId[],
): Omit<Evaluation, "perExample"> {
  const total = perExample.length;
  const correct = perExample.filter((example) => example.clean === example.label);
  const clean = { correct: correct.length, accuracy: correct.length / total };
  const robust = attackIds.map((id): [AttackId, RobustAccuracy] => {
    const count = correct.filter((example) => example.attacks[id] === example.label).length;
    return [id, { robust: count, accuracy: count / total, wRobust: (clean.accuracy + count / total) / 2 }];
  });
  return { total, clean, attacks: Object.fromEntries(robust) };
}
