import type { Recipe } from "../recipes/settings.js";
import type { PaperAttack, PaperMethod } from "./paper.js";
import type { AttackChanges } from "../evaluation/settings.js";
import type { TeacherRole } from "../teacher/manifest.js";
import type { Section } from "../report/table.js";

/** A run that a table or figure is made from; the budget gives data, student, teachers and how long. */
export interface RunPlan {
  readonly method: PaperMethod;
  /** Settings of the recipe that the table varies. */
  readonly changes: Partial<Recipe>;
  /** Table 11 has two teachers of each role. */
  readonly teachers: { readonly clean: TeacherChoice; readonly robust: TeacherChoice };
}

export type TeacherChoice = "first" | "second";

/** A teacher that a table shows; which one, the call or the store says. */
export interface TeacherPlan {
  readonly teacher: TeacherRole;
}

/** Whose accuracy stands in a cell: the best student of a run, or a teacher. */
export type SubjectPlan = RunPlan | TeacherPlan;

/** A run with the recipe's settings and the data set's teachers. */
export function plainRun(method: PaperMethod, changes: Partial<Recipe> = {}): RunPlan {
  return { method, changes, teachers: { clean: "first", robust: "first" } };
}

/** A number that a finished run has. */
export type Measure =
  | { readonly kind: "clean" }
  | { readonly kind: "robust" | "wRobust"; readonly attack: PaperAttack }
  /** log C - H of the clean teacher (`nat`) or the robust one, the mean over the final epoch; or how far they are apart. */
  | { readonly kind: "knowledgeScale"; readonly of: "nat" | "adv" | "gap" };

export interface CellPlan {
  readonly of: SubjectPlan;
  readonly measure: Measure;
  readonly paper: number;
  readonly paperMean: number | null;
}

export interface RowPlan {
  readonly label: string;
  /** A cell each section and measure. */
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
  /** What its attacks have other than their defaults. */
  readonly attackChanges: AttackChanges;
  readonly notes: readonly string[];
}

/** The attack a cell needs, or null. */
export function attackOf({ measure }: CellPlan): PaperAttack | null {
  return measure.kind === "robust" || measure.kind === "wRobust" ? measure.attack : null;
}
