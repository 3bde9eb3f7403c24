import type { TeacherChoice } from "../recipes/teachers.js";
import { type AttackId } from "../attacks/attacks.js";
import { type MethodId } from "../methods/methods.js";
import type { Recipe } from "../recipes/settings.js";
import type { AttackChanges } from "../evaluation/settings.js";
import type { TeacherRole } from "../methods/method.js";

/** A run that a table or figure is made from; the budget gives its data, student, teachers and length. */
export interface RunPlan {
  readonly method: MethodId;
  /** Settings of the recipe that the table varies. */
  readonly changes: Partial<Recipe>;
  /** Table 11 has two teachers of each role. */
  readonly teachers: { readonly clean: TeacherChoice; readonly robust: TeacherChoice };
}

/** A teacher that a table shows; the call or the store decides which one. */
export interface TeacherPlan {
  readonly teacher: TeacherRole;
}

/** Whose accuracy stands in a cell: the best student of a run, or a teacher. */
export type SubjectPlan = RunPlan | TeacherPlan;

/** A run with the recipe's settings and the data set's teachers. */
export function plainRun(method: MethodId, changes: Partial<Recipe> = {}): RunPlan {
  return { method, changes, teachers: { clean: "first", robust: "first" } };
}

/** A number that a finished run has. */
export type Measure =
  | { readonly kind: "clean" }
  | { readonly kind: "robust" | "wRobust"; readonly attack: AttackId }
  /**
   * log C - H of the clean (`nat`) or robust (`adv`) teacher, averaged over the final epoch; or the gap between both. H is as Theorem 1 has
   * it, or with the 1e-5 of the scripts.
   */
  | {
      readonly kind: "knowledgeScale";
      readonly of: "nat" | "adv" | "gap";
      readonly entropy: "theorem" | "scripts";
    };

/** Columns that belong together, such as robust accuracy and W-Robust under one attack. */
export interface Section {
  readonly title: string;
  readonly measures: readonly string[];
  readonly unit: "%" | "nats";
}

export interface CellPlan {
  readonly of: SubjectPlan;
  readonly measure: Measure;
  readonly paper: number;
  readonly paperMean: number | null;
}

export interface RowPlan {
  readonly label: string;
  /** For each section, one cell per measure. */
  readonly cells: readonly (readonly CellPlan[])[];
}

/** A table of the paper as data: which run and which of its numbers stand in each cell. */
export interface TablePlan {
  readonly number: number;
  readonly title: string;
  readonly rowHeading: string;
  /** The paper's student. */
  readonly student: string;
  readonly sections: readonly Section[];
  readonly rows: readonly RowPlan[];
  /** The attack settings that differ from the defaults. */
  readonly attackChanges: AttackChanges;
  readonly notes: readonly string[];
}

/** The attack a cell needs, or null. */
export function attackOf({ measure }: CellPlan): AttackId | null {
  return measure.kind === "robust" || measure.kind === "wRobust" ? measure.attack : null;
}
