import type { AttackId } from "../attacks/attacks.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { TrainingSettings } from "../recipes/settings.js";
import type { StudentChoice } from "../model/run-student.js";
import type { RunPlan, SubjectPlan, TeacherPlan } from "../paper/plan.js";
import type { Scale } from "./scale.js";
import type { Shortfall } from "./shortfall.js";

/** A run or a teacher that is wanted, and which of its accuracies; without attacks and `clean`, the run is only trained. */
export interface SubjectRequest<Plan extends SubjectPlan = SubjectPlan> {
  readonly plan: Plan;
  /** The seed of a run; 0 for a teacher. */
  readonly seed: number;
  /** Which student of a run; the best by default. */
  readonly checkpoint?: StudentChoice | undefined;
  readonly attacks: readonly AttackId[];
  readonly clean: boolean;
  /** The epoch after whose evaluation the run pauses, with the schedule of its full length; absent: it is trained to its end. */
  readonly until?: number | undefined;
}

export type RunRequest = SubjectRequest<RunPlan>;

/** A teacher, or a student of a run, with its accuracies. */
export interface Outcome {
  readonly plan: SubjectPlan;
  readonly seed: number;
  readonly checkpoint?: StudentChoice | undefined;
  /** The evaluations by attack; null stands for the clean accuracy alone. */
  readonly evaluations: ReadonlyMap<AttackId | null, Evaluation>;
  /** Where the evaluations are kept: a run's own directory, or a folder beside the runs. */
  readonly folder: string;
  /** What makes its accuracies doubtful, one sentence each. */
  readonly warnings: readonly string[];
  /** How it falls short of the paper's budget, or null if it does not. */
  readonly shortfall: Shortfall | null;
  /** Whether the run had to be trained now. */
  readonly trained: boolean;
  /** How many evaluations had to be made now. */
  readonly measured: number;
}

/** A finished run. */
export interface RunOutcome extends Outcome {
  readonly plan: RunPlan;
  readonly settings: TrainingSettings;
  /** What makes its numbers other than its recipe's, beyond the settings' own names, one sentence each. */
  readonly departures: readonly string[];
}

/** Whether an outcome is that of a run. */
export function isRun(outcome: Outcome): outcome is RunOutcome {
  return "method" in outcome.plan;
}

/** Whether a plan is for a teacher. */
export function isTeacherPlan(plan: SubjectPlan): plan is TeacherPlan {
  return "teacher" in plan;
}

/** Identifies a run's student or a teacher among those of one scale. */
export function subjectId(subject: Pick<SubjectRequest, "plan" | "seed" | "checkpoint">): string {
  const { plan, seed, checkpoint = "best" } = subject;
  return isTeacherPlan(plan) ? JSON.stringify([plan.teacher]) : runId(plan, seed, checkpoint);
}

/** Identifies a run among those of one scale. */
export function runId(
  { method, changes, teachers }: RunPlan,
  seed: number,
  ...more: readonly string[]
): string {
  return JSON.stringify([method, Object.entries(changes).sort(), teachers, seed, ...more]);
}

/**
 * The evaluations a request needs: one per attack, and null for the clean accuracy if it is wanted and no attack sees all test images.
 */
export function evaluationsOf(
  { attacks, clean }: SubjectRequest,
  scale: Scale,
): readonly (AttackId | null)[] {
  const seesAll = attacks.some((attack) => scale.imagesOf(attack) === null);
  return clean && !seesAll ? [null, ...attacks] : attacks;
}
