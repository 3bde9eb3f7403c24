import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { sha256Of } from "../files/sha256.js";
import type { TeacherRole } from "../methods/method.js";
import { exportModel } from "../model/export.js";
import { readStudent } from "../model/run-student.js";
import type { RunPlan } from "../paper/plan.js";
import { readRun, RUN_FILES } from "../run/run-directory.js";
import { manifestOf, teacherSha256 } from "../teacher/load.js";
import { findTeacher } from "../teacher/reference.js";
import { teacherOf } from "./scale.js";
import type { PlanSession, ResolvedTeacher, WorkSession } from "./session.js";

/** A run's teacher: one that was looked up, or another run whose student it will be. */
export type PlannedTeacher = ResolvedTeacher | { readonly trainedBy: RunPlan };

/**
 * Both teachers of a run, null where its method uses none.
 *
 * @throws {InputError} if one is not there or does not fit the data set.
 */
export function plannedTeachers(
  plan: RunPlan,
  session: PlanSession,
): Record<TeacherRole, PlannedTeacher | null> {
  const { scale, places } = session;
  const planned = (role: TeacherRole): PlannedTeacher | null => {
    const source = teacherOf(plan, role, scale, places.teachersDir);
    if (source === null) return null;
    return typeof source === "string" ? resolved(source, session) : { trainedBy: source };
  };
  return { clean: planned("clean"), robust: planned("robust") };
}

/** The best student of a finished run as a teacher, if it was made one already. */
export function exportedTeacher(folder: string | null, session: WorkSession): ResolvedTeacher | null {
  const path = folder === null ? null : exportPath(folder);
  return path === null || !existsSync(path) ? null : resolved(path, session);
}

/** The best student of the run in a folder as a teacher; its ONNX file is made there if need be. */
export async function studentAsTeacher(folder: string, session: WorkSession): Promise<ResolvedTeacher> {
  const { settings } = readRun(folder);
  const name = `${settings.student} trained by ${settings.method}`;
  return { ...resolved(await exportedStudent(folder), session), name };
}

/**
 * Looks up a teacher by its name, folder or .onnx file, each only once.
 *
 * @throws {InputError} if it is not there or does not fit the data set.
 */
export function resolved(named: string, { shape, places, teachers }: WorkSession): ResolvedTeacher {
  const known = teachers.get(named);
  if (known) return known;
  const reference = findTeacher(named, places.teachersDir);
  const manifest = manifestOf(reference, shape);
  const { name, network, normalization } = manifest;
  const teacher = { named, reference, name, network, normalization, sha256: teacherSha256(manifest) };
  teachers.set(named, teacher);
  return teacher;
}

/** The path of a run's best student as an ONNX file in its folder, for use as a teacher; writes it if it is not there. */
async function exportedStudent(folder: string): Promise<string> {
  const path = exportPath(folder);
  if (!existsSync(path)) await exportModel(await readStudent(folder, "best"), "onnx", path);
  return path;
}

function exportPath(folder: string): string {
  return join(folder, `${sha256Of(readFileSync(join(folder, RUN_FILES.best))).slice(0, 10)}.onnx`);
}
