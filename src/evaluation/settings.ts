import type { AttackSettings, SingleAttack } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";
import type { Norm } from "../attacks/norms.js";
import type { Conventions } from "../attacks/conventions.js";

/** Attack settings that differ from the defaults; those of an ensemble or transfer attack go to its parts that have them. */
export type AttackChanges = Readonly<Partial<Record<AttackId, Readonly<Partial<AttackSettings>>>>>;

/** Attacks that are no part of mtard, by id. */
export type OwnAttacks = Readonly<Record<string, SingleAttack>>;

/** The seed of the attacks in tables and figures, and the default of `mtard evaluate`. */
export const USUAL_SEED = 0;

/** More restarts than anybody runs; a file that speaks of more is damaged. */
export const MOST_RESTARTS = 10_000;

/** Which attacks to measure, and how; where it names no convention, the usual one holds. */
export interface EvaluationSettings extends Partial<Conventions> {
  readonly attacks: readonly AttackId[];
  /** What epsilon and step sizes are measured in; L-infinity by default. */
  readonly norm?: Norm | undefined;
  /** The radius, in pixel values of images in [0, 1]. */
  readonly epsilon: number;
  readonly batchSize: number;
  /** Seeds everything random in the attacks. */
  readonly seed: number;
  /** How many times each random attack runs, each time on the images that have withstood so far; 1 by default. */
  readonly restarts?: number;
  readonly changes?: AttackChanges;
  /** Attacks that are values, by the ids they have in `attacks`; what they find is never kept, as nothing says when they change. */
  readonly own?: OwnAttacks | undefined;
}
