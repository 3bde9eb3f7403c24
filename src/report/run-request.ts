import type { AttackId } from "../attacks/ids.js";
import type { Evaluation } from "../evaluation/summary.js";
import type { TrainingSettings } from "../recipes/settings.js";
import type { RunPlan } from "./plan/plan.js";
import type { Shortfall } from "./table.js";

/** A run that is wanted, and what of its best student; no attacks and no `clean` is the training alone. */
export interface RunRequest {
  readonly plan: RunPlan;
  readonly seed: number;
  readonly attacks: readonly AttackId[];
  readonly clean: boolean;
}

/** A finished run. */
export interface RunOutcome {
  readonly plan: RunPlan;
  readonly seed: number;
  readonly folder: string;
  readonly settings: TrainingSettings;
  /** By attack; null is the clean accuracy alone. */
  readonly evaluations: ReadonlyMap<AttackId | null, Evaluation>;
  /** What it was run on, where that is less than the paper's budget. */
  readonly shortfall: Shortfall | null;
  /** What had to be done for it now. */
  readonly trained: boolean;
  readonly evaluated: number;
}

/** What tells the runs of one scale apart. */
export function runId({ plan, seed }: Pick<RunRequest, "plan" | "seed">): string {
  return JSON.stringify([plan.method, Object.entries(plan.changes).sort(), plan.teachers, seed]);
}

/** The evaluations a request asks for: one an attack, or null for the clean accuracy alone. */
export function evaluationsOf({ attacks, clean }: RunRequest): readonly (AttackId | null)[] {
  return attacks.length === 0 && clean ? [null] : attacks;
}
