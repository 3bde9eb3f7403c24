import { attacks, type AttackId } from "../attacks/attacks.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { Outcome } from "../reproduction/run-request.js";

/* The numbers that studies and sweeps have of a student. */

/** A number that every student of a study or sweep has. */
export interface StudyMeasure {
  /** `clean`, or an attack's id after `robust:` or `wRobust:`. */
  readonly id: string;
  readonly title: string;
  readonly attack: AttackId | null;
  readonly kind: "clean" | "robust" | "wRobust";
  /** How many test images it is measured on. */
  readonly images: number;
}

/** The measures of what was asked, with the most images that any outcome was measured on. */
export function measuresOf(asked: readonly AttackId[], outcomes: readonly Outcome[]): StudyMeasure[] {
  const images = (attack: AttackId | null): number =>
    Math.max(0, ...outcomes.map((outcome) => evaluationFor(outcome, attack)?.total ?? 0));
  return [
    { id: "clean", title: "clean", attack: null, kind: "clean", images: images(null) },
    ...asked.flatMap((attack) =>
      (["robust", "wRobust"] as const).map((kind): StudyMeasure => ({
        id: `${kind}:${attack}`,
        title: kind === "robust" ? attacks[attack].title : `W-Robust, ${attacks[attack].title}`,
        attack,
        kind,
        images: images(attack),
      })),
    ),
  ];
}

/** The evaluation that a number is read from: that of its attack, or for the clean accuracy the one on the most images. */
export function evaluationFor({ evaluations }: Outcome, attack: AttackId | null): Evaluation | undefined {
  if (attack !== null) return evaluations.get(attack);
  return [...evaluations.values()].sort((one, other) => other.total - one.total)[0];
}

/** A measure of an outcome, in percent; NaN where it was not measured. */
export function valueOf(outcome: Outcome, { attack, kind }: StudyMeasure): number {
  const evaluation = evaluationFor(outcome, attack);
  const robust = attack === null ? undefined : evaluation?.attacks[attack];
  const share =
    kind === "clean" ? evaluation?.clean.accuracy : robust?.[kind === "robust" ? "accuracy" : kind];
  return 100 * (share ?? NaN);
}

/** How long trainings were, such as "1 epoch", "6 epochs" or "1 or 2 epochs". */
export function epochsText(epochs: readonly number[]): string {
  return `${epochs.join(" or ")} ${epochs.length === 1 && epochs[0] === 1 ? "epoch" : "epochs"}`;
}
