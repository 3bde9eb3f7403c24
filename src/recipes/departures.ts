import { isBuiltIn } from "../data/datasets.js";
import { type TeacherRole, teacherRolesOf } from "../methods/method.js";
import { methods, requireMethodId } from "../methods/methods.js";
import { readManifest } from "../teacher/manifest.js";
import { findTeacher } from "../teacher/reference.js";
import { recipe } from "./recipes.js";
import type { TrainingSettings } from "./settings.js";
import { isPapersTeacher, paperTeacher } from "./teachers.js";

/**
 * What makes a run's numbers other than its recipe's, beyond the settings' own names, one sentence each: another batch size, and a teacher
 * that is not the paper's, or a file, of which that is not known.
 *
 * @param roles The teachers that its method asks; only those of mtard's own methods follow from the settings.
 * @throws {InputError} if there is no such teacher, or its manifest cannot be read.
 */
export function departuresOf(
  settings: TrainingSettings,
  teachersDir: string,
  roles: readonly TeacherRole[] = teacherRolesOf(methods[requireMethodId(settings.method)]),
): string[] {
  const { dataset, batchSize } = settings;
  const usual = recipe(settings).batchSize;
  const size =
    batchSize === usual
      ? []
      : [
          `batches of ${batchSize}, where the recipe has ${usual}: its rates are for those, and results change, in a public report on ARD by several points`,
        ];
  const teachers = isBuiltIn(dataset)
    ? roles.flatMap((role) => anotherTeacher(settings, role, teachersDir))
    : [];
  return [...size, ...teachers];
}

function anotherTeacher(settings: TrainingSettings, role: TeacherRole, teachersDir: string): string[] {
  const paper = paperTeacher(settings.dataset, role, "first");
  const named = settings[`${role}Teacher`];
  if (!paper || named === null) return [];
  const found = findTeacher(named, teachersDir);
  const used = found.kind === "folder" ? readManifest(found.folder) : null;
  if (used && isPapersTeacher(used, paper)) return [];
  const says = used ? "is not" : "is a file, which may or may not be";
  return [
    `the ${role} teacher ${used?.name ?? named} ${says} the paper's: that is ${paper.name} (${paper.network})`,
  ];
}
