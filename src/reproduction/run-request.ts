import type { AttackId } from "../attacks/attacks.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { TrainingSettings } from "../recipes/settings.js";
import type { RunPlan, SubjectPlan, TeacherPlan } from "../paper/plan.js";
import type { Scale } from "./scale.js";
import type { Shortfall } from "./shortfall.js";

/** A run or a teacher that is wanted, and which accuracies of it; no attacks and no `clean` is the training alone. */
export interface SubjectRequest<Plan extends SubjectPlan = SubjectPlan> {
  readonly plan: Plan;
  /** Of a run; 0 of a teacher. */
  readonly seed: number;
  readonly attacks: readonly AttackId[];
  readonly clean: boolean;
}

export type RunRequest = SubjectRequest<RunPlan>;

/** A teacher, or the best student of a run, with its accuracies. */
export interface Outcome {
  readonly plan: SubjectPlan;
  readonly seed: number;
  /** By attack; null is the clean accuracy alone. */
  readonly evaluations: ReadonlyMap<AttackId | null, Evaluation>;
  /** Where they are kept: a run's own directory, or a folder beside the runs. */
  readonly folder: string;
  /** What makes its accuracies doubtful, one sentence each. */
  readonly warnings: readonly string[];
  /** What it was run on, where that is less than the paper's budget. */
  readonly shortfall: Shortfall | null;
  /** What had to be done for it now. */
  readonly trained: boolean;
  readonly measured: number;
}

/** A finished run. */
export interface RunOutcome extends Outcome {
  readonly plan: RunPlan;
  readonly settings: TrainingSettings;
}

export function isRun(outcome: Outcome): outcome is RunOutcome {
  return "method" in outcome.plan;
}

export function isTeacherPlan(plan: SubjectPlan): plan is TeacherPlan {
  return "teacher" in plan;
}

/** What tells the subjects of one scale apart. */
export function subjectId({ plan, seed }: Pick<SubjectRequest, "plan" | "seed">): string {
  if (isTeacherPlan(plan)) return JSON.stringify([plan.teacher]);
  return JSON.stringify([plan.method, Object.entries(plan.changes).sort(), plan.teachers, seed]);
}

/**
 * The evaluations a request asks for: one an attack, and null for the clean accuracy alone where no attack sees all test images.
 */
export function evaluationsOf(
  { attacks, clean }: SubjectRequest,
  scale: Scale,
): readonly (AttackId | null)[] {
  const seesAll = attacks.some((attack) => scale.imagesOf(attack) === null);
  return clean && !seesAll ? [null, ...attacks] : attacks;
}
