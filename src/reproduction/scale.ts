import { type AttackId } from "../attacks/attacks.js";
import { findDataset, type DatasetId } from "../data/datasets.js";
import { InputError } from "../errors.js";
import { methodOf, requireMethodId, type MethodId } from "../methods/methods.js";
import { teacherRolesOf } from "../methods/method.js";
import { budgets, type BudgetName } from "../recipes/budgets.js";
import { recipe } from "../recipes/recipes.js";
import type { Reading } from "../recipes/readings.js";
import { parseSettings, type Recipe, type TrainingSettings } from "../recipes/settings.js";
import type { TeacherRole } from "../methods/method.js";
import { requireUsualTeachers } from "../recipes/usual-teachers.js";
import { findDescription, howToGet } from "../teacher/descriptions.js";
import { teachersFor, teachersFound } from "../teacher/store.js";
import { paperTeacher, type TeacherChoice } from "../recipes/teachers.js";
import type { PaperDataset } from "../paper/paper.js";
import { plainRun, type RunPlan } from "../paper/plan.js";

/** What a call says beyond its table and budget; what is left out is the budget's. */
export interface ScaleOptions {
  /** Whose settings where sources disagree; the paper's if left out. */
  readonly reading?: Reading | undefined;
  readonly student?: string | undefined;
  readonly epochs?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
  readonly changes: Partial<Recipe>;
  readonly attacks?: readonly AttackId[] | undefined;
  /** Test images of single attacks, instead of the budget's. */
  readonly attackImages?: Readonly<Partial<Record<AttackId, number>>> | undefined;
  readonly teachers: Readonly<Record<TeacherRole, Partial<Record<TeacherChoice, string>>>>;
}

/** A teacher: a reference to one in the store, or the student of a run of the same scale. */
export type TeacherSource = string | RunPlan;

/** On what, and how long, the runs of a table or figure are trained and evaluated. */
export interface Scale {
  readonly budget: BudgetName;
  readonly paperDataset: PaperDataset;
  readonly paperStudent: string;
  readonly dataset: DatasetId;
  readonly student: string;
  readonly epochs: number | undefined;
  readonly limitTrain: number | null;
  readonly limitTest: number | null;
  /** Changes of a method's recipe. */
  readonly changes: (method: MethodId) => Partial<Recipe>;
  /** The attacks to evaluate with, of those a table has. */
  readonly evaluates: (attack: AttackId) => boolean;
  /** The test images an attack is limited to, or null. */
  readonly imagesOf: (attack: AttackId) => number | null;
  readonly options: ScaleOptions;
}

/**
 * The scale of a budget with a call's changes.
 *
 * @param paperStudent The student of the paper's table or figure.
 * @throws {InputError} if the data set is unknown.
 */
export function scaleOf(
  name: BudgetName,
  paperDataset: PaperDataset,
  paperStudent: string,
  options: ScaleOptions,
): Scale {
  const budget = budgets[name];
  const { batchSize, attacks } = options;
  const attackImages: Readonly<Record<string, number>> = { ...budget.attackImages, ...options.attackImages };
  return {
    budget: name,
    paperDataset,
    paperStudent,
    dataset: findDataset(budget.dataset ?? paperDataset).id,
    student: options.student ?? budget.student ?? paperStudent,
    epochs: options.epochs ?? budget.epochs ?? undefined,
    limitTrain: options.limitTrain ?? budget.limitTrain,
    limitTest: options.limitTest ?? budget.limitTest,
    changes: (method) => ({
      ...budget.changes(method),
      ...(batchSize === undefined ? {} : { batchSize }),
      ...options.changes,
    }),
    evaluates: (attack) => attacks?.includes(attack) ?? true,
    imagesOf: (attack) => attackImages[attack] ?? null,
    options,
  };
}

/**
 * The classifier that transfer attacks are made on: the robust teacher (section 4.1).
 *
 * @throws {InputError} if none is named and the usual one is not there.
 */
export function surrogateOf(scale: Scale, teachersDir: string): string {
  return teacherNamed("robust", scale, teachersDir);
}

/**
 * The teacher of a role that the call names, or the usual one.
 *
 * @param asked The roles that are needed with it: an error names all that are missing.
 * @throws {InputError} if none is named and the usual one is not there.
 */
export function teacherNamed(
  role: TeacherRole,
  { dataset, options }: Scale,
  teachersDir: string,
  asked: readonly TeacherRole[] = [role],
): string {
  const named = options.teachers[role].first;
  if (named !== undefined) return named;
  const open = asked.filter((each) => options.teachers[each].first === undefined);
  const usual = requireUsualTeachers(dataset, open, teachersDir)[role];
  if (usual === undefined) throw new Error("a teacher that is asked was not looked for");
  return usual;
}

/** The settings of a run at a scale; its teachers by reference, null where its method asks none. */
export function settingsOf(
  { method, changes }: Pick<RunPlan, "method" | "changes">,
  seed: number,
  scale: Scale,
  teachers: Readonly<Record<TeacherRole, string | null>>,
): TrainingSettings {
  const { dataset, student, epochs, limitTrain, limitTest } = scale;
  const { reading = "paper" } = scale.options;
  const id = requireMethodId(method);
  return parseSettings({
    ...recipe({ dataset, method: id, student, reading }, epochs),
    ...scale.changes(id),
    ...changes,
    dataset,
    method,
    student,
    reading,
    cleanTeacher: teachers.clean,
    robustTeacher: teachers.robust,
    seed,
    limitTrain,
    limitTest,
  });
}

/** The runs whose students are the second teachers of the demo data, which has two teachers only. */
const STAND_INS: Readonly<Record<TeacherRole, RunPlan>> = {
  clean: plainRun("natural"),
  robust: plainRun("sat"),
};

/**
 * Where a run's teacher comes from, or null if its method asks none of this role: the one the call names, the usual one or the paper's
 * second one of the data set, or, as the demo data has two teachers only, a run.
 *
 * @throws {InputError} if none of these is there.
 */
export function teacherOf(
  { method, teachers }: RunPlan,
  role: TeacherRole,
  scale: Scale,
  teachersDir: string,
): TeacherSource | null {
  const { dataset, options } = scale;
  const roles = teacherRolesOf(methodOf(method));
  if (!roles.includes(role)) return null;
  if (teachers[role] === "first") return teacherNamed(role, scale, teachersDir, roles);
  const { second } = options.teachers[role];
  if (second !== undefined) return second;
  if (dataset === "demo") return STAND_INS[role];
  const name = paperTeacher(dataset, role, "second")?.name;
  if (name !== undefined && teachersFor(dataset, teachersDir).some((there) => there.name === name))
    return name;
  const description = name === undefined ? undefined : findDescription(name);
  throw new InputError(`the second ${role} teacher is not named`, {
    expected: `--second-${role}-teacher NAME${name === undefined ? "" : `, or ${name} in ${teachersDir}`}`,
    found: teachersFound(dataset, teachersDir),
    fix: description ? howToGet(description) : "mtard teacher list",
  });
}
