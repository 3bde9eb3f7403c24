import { isBuiltIn } from "../data/datasets.js";
import type { TeacherRole } from "../methods/method.js";
import { readManifest, type TeacherManifest } from "../teacher/manifest.js";
import { findTeacher } from "../teacher/reference.js";
import { recipe } from "./recipes.js";
import type { TrainingSettings } from "./settings.js";
import { isPapersTeacher, paperTeacher } from "./teachers.js";

/** A teacher that a run asks. */
export interface AskedTeacher {
  readonly role: TeacherRole;
  readonly name: string;
  /** Null for a file, of which this is not known. */
  readonly facts: Pick<TeacherManifest, "network" | "normalization"> | null;
}

/**
 * Looks up the teachers that a run's settings name, for some roles.
 *
 * @throws {InputError} if there is no such teacher, or its manifest cannot be read.
 */
export function askedTeachers(
  settings: TrainingSettings,
  roles: readonly TeacherRole[],
  teachersDir: string,
): AskedTeacher[] {
  return roles.flatMap((role) => {
    const named = settings[`${role}Teacher`];
    if (named === null) return [];
    const found = findTeacher(named, teachersDir);
    const facts = found.kind === "folder" ? readManifest(found.folder) : null;
    return [{ role, name: facts?.name ?? named, facts }];
  });
}

/**
 * What makes a run's numbers other than its recipe's, beyond the settings' own names, one sentence each: another batch size, and a teacher
 * that is not the paper's, or a file, of which that is not known.
 */
export function departuresOf(settings: TrainingSettings, teachers: readonly AskedTeacher[]): string[] {
  const { dataset, batchSize } = settings;
  const usual = recipe(settings).batchSize;
  const size =
    batchSize === usual
      ? []
      : [
          `batches of ${batchSize}, where the recipe has ${usual}: its rates are for those, and results change, in a public report on ARD by several points`,
        ];
  const others = isBuiltIn(dataset) ? teachers.flatMap((teacher) => otherTeacher(dataset, teacher)) : [];
  return [...size, ...others];
}

function otherTeacher(dataset: string, { role, name, facts }: AskedTeacher): string[] {
  const paper = paperTeacher(dataset, role, "first");
  if (!paper || (facts && isPapersTeacher(facts, paper))) return [];
  const says = facts ? "is not" : "is a file, which may or may not be";
  return [`the ${role} teacher ${name} ${says} the paper's: that is ${paper.name} (${paper.network})`];
}
