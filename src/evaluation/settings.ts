import type { AttackSettings } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";

/** Numbers that differ from an attack's defaults; an ensemble's or a transfer's are those of its attacks that have them. */
export type AttackChanges = Readonly<Partial<Record<AttackId, Readonly<Partial<AttackSettings>>>>>;

/** What to measure and how. */
export interface EvaluationSettings {
  readonly attacks: readonly AttackId[];
  /** The radius, in pixel values of images in [0, 1]. */
  readonly epsilon: number;
  readonly batchSize: number;
  /** Of everything random in the attacks. */
  readonly seed: number;
  /** How often a random attack runs, each time on the images that withstood it so far; once unless given. */
  readonly restarts?: number;
  readonly changes?: AttackChanges;
}
