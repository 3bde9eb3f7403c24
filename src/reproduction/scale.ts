import { type AttackId } from "../attacks/attacks.js";
import type { Conventions } from "../attacks/conventions.js";
import { InputError } from "../errors.js";
import { methodOf, requireMethodId, type MethodId } from "../methods/methods.js";
import { teacherRolesOf } from "../methods/method.js";
import { type Budget, budgets, type BudgetName } from "../recipes/budgets.js";
import { recipe } from "../recipes/recipes.js";
import type { Reading } from "../recipes/readings.js";
import { parseSettings, type Recipe, type TrainingSettings } from "../recipes/settings.js";
import type { TeacherRole } from "../methods/method.js";
import { requireUsualTeachers } from "../recipes/usual-teachers.js";
import { findDescription, howToGet } from "../teacher/descriptions.js";
import { teachersFor, teachersFound } from "../teacher/store.js";
import { paperTeacher, type TeacherChoice } from "../recipes/teachers.js";
import type { PaperDataset } from "../paper/paper.js";
import { paperConventions } from "../paper/protocol.js";
import { plainRun, type RunPlan } from "../paper/plan.js";

/** What a call asks for besides its table and budget; the budget decides what it leaves out. */
export interface ScaleOptions {
  /** Whose settings count where sources disagree; the paper's by default. */
  readonly reading?: Reading | undefined;
  readonly student?: string | undefined;
  readonly epochs?: number | undefined;
  readonly batchSize?: number | undefined;
  readonly limitTrain?: number | undefined;
  readonly limitTest?: number | undefined;
  readonly changes: Partial<Recipe>;
  readonly attacks?: readonly AttackId[] | undefined;
  /** How many test images some attacks see, instead of the budget's number. */
  readonly attackImages?: Readonly<Partial<Record<AttackId, number>>> | undefined;
  /** Conventions for all attacks, instead of the paper's for each. */
  readonly conventions?: Readonly<Partial<Conventions>> | undefined;
  readonly teachers: Readonly<Record<TeacherRole, Partial<Record<TeacherChoice, string>>>>;
}

/** Where a teacher comes from: its name, folder or .onnx file, or a run at the same scale whose student it is. */
export type TeacherSource = string | RunPlan;

/** What the runs of a table or figure are trained and evaluated on, and for how long. */
export interface Scale {
  /** What its length is called: a budget's name, or a study's. */
  readonly budget: string;
  readonly paperDataset: PaperDataset;
  readonly paperStudent: string;
  /** The id of a data set, built in or a user's own. */
  readonly dataset: string;
  readonly student: string;
  readonly epochs: number | undefined;
  readonly limitTrain: number | null;
  readonly limitTest: number | null;
  /** The changes to a method's recipe of some epochs, by default the scale's. */
  readonly changes: (method: MethodId, epochs?: number) => Partial<Recipe>;
  /** Whether to evaluate with an attack of the table. */
  readonly evaluates: (attack: AttackId) => boolean;
  /** How many test images an attack is limited to, or null if it sees all. */
  readonly imagesOf: (attack: AttackId) => number | null;
  /** The conventions by which an attack is measured. */
  readonly conventionsOf: (attack: AttackId) => Conventions;
  /** What every run's student starts from: a file of weights, a run or a teacher; null where the seed draws it. */
  readonly init: string | null;
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
  return scaleBy(
    { ...budget, name, dataset: budget.dataset ?? paperDataset, student: budget.student ?? paperStudent },
    { paperDataset, paperStudent, init: null },
    options,
  );
}

/** What holds where a call says nothing else, by a budget or a study. */
export interface UsualScale extends Omit<Budget, "describe" | "dataset" | "student"> {
  readonly name: string;
  readonly dataset: string;
  readonly student: string;
}

/** A scale of what is usual, with a call's changes. */
export function scaleBy(
  usual: UsualScale,
  rest: Pick<Scale, "paperDataset" | "paperStudent" | "init">,
  options: ScaleOptions,
): Scale {
  const { batchSize, attacks, epochs = usual.epochs } = options;
  const attackImages: Readonly<Record<string, number>> = { ...usual.attackImages, ...options.attackImages };
  return {
    ...rest,
    budget: usual.name,
    dataset: usual.dataset,
    student: options.student ?? usual.student,
    epochs: epochs ?? undefined,
    limitTrain: options.limitTrain ?? usual.limitTrain,
    limitTest: options.limitTest ?? usual.limitTest,
    changes: (method, ofEpochs) => ({
      ...usual.changes(method, ofEpochs ?? epochs),
      ...(batchSize === undefined ? {} : { batchSize }),
      ...options.changes,
    }),
    evaluates: (attack) => attacks?.includes(attack) ?? true,
    imagesOf: (attack) => attackImages[attack] ?? null,
    conventionsOf: (attack) => ({ ...paperConventions(attack), ...options.conventions }),
    options,
  };
}

/**
 * The classifier that transfer attacks make their images on: the robust teacher (section 4.1).
 *
 * @throws {InputError} if none is named and the usual one is not there.
 */
export function surrogateOf(scale: Scale, teachersDir: string): string {
  return teacherNamed("robust", scale, teachersDir);
}

/**
 * The teacher of a role that the call names, or the usual one.
 *
 * @param asked All roles that are needed, so that an error names every missing one.
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

/** The settings of a run at a scale; a teacher is null if the method does not use one in this role. */
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

/** The runs whose students serve as second teachers on the demo data, which has only one teacher per role. */
const STAND_INS: Readonly<Record<TeacherRole, RunPlan>> = {
  clean: plainRun("natural"),
  robust: plainRun("sat"),
};

/**
 * Where a run's teacher comes from: the one the call names, the usual one or the paper's second one for the data set, or, on the demo
 * data, a run. Null if the method uses no teacher in this role.
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
