import { existsSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { isTransfer } from "../attacks/attacks.js";
import { sha256Of } from "../files/sha256.js";
import { teacherRoles, type TeacherRole } from "../methods/method.js";
import { exportModel } from "../model/export.js";
import { readStudent } from "../model/run-student.js";
import type { RunPlan } from "../paper/plan.js";
import { RUN_FILES } from "../run/run-directory.js";
import { manifestOf, teacherSha256 } from "../teacher/load.js";
import { findTeacher } from "../teacher/reference.js";
import { isRun, isTeacherPlan, subjectId, type RunRequest, type SubjectRequest } from "./run-request.js";
import { surrogateOf, teacherNamed, teacherOf } from "./scale.js";
import type { ResolvedTeacher, Session } from "./session.js";

/**
 * The runs whose students are teachers of the requested runs. Looks up all teachers, so that a missing one is noticed at once.
 *
 * @throws {InputError} if one is not there or does not fit the data set.
 */
export function standIns(requests: readonly SubjectRequest[], session: Session): RunRequest[] {
  const { scale, places } = session;
  const found = new Map<string, RunRequest>();
  for (const { plan, attacks } of requests) {
    if (attacks.some(isTransfer)) resolved(surrogateOf(scale, places.teachersDir), session);
    if (isTeacherPlan(plan)) {
      resolved(teacherNamed(plan.teacher, scale, places.teachersDir), session);
      continue;
    }
    for (const role of teacherRoles) {
      const source = teacherOf(plan, role, scale, places.teachersDir);
      if (source === null) continue;
      if (typeof source === "string") {
        resolved(source, session);
        continue;
      }
      const request = { plan: source, seed: 0, attacks: [], clean: false };
      found.set(subjectId(request), request);
    }
  }
  return [...found.values()];
}

/** Looks up both teachers of a run, null where its method uses none; the run of a stand-in must be finished. */
export async function resolveTeachers(
  plan: RunPlan,
  session: Session,
): Promise<Record<TeacherRole, ResolvedTeacher | null>> {
  return { clean: await resolve(plan, "clean", session), robust: await resolve(plan, "robust", session) };
}

/** The same, before anything is trained; null where a teacher is the student of a run. */
export function teachersAtHand(
  plan: RunPlan,
  session: Session,
): Record<TeacherRole, ResolvedTeacher | null> | null {
  const { scale, places } = session;
  const sources = teacherRoles.map((role) => teacherOf(plan, role, scale, places.teachersDir));
  const [clean, robust] = sources.map((source) =>
    typeof source === "string" ? resolved(source, session) : null,
  );
  const isWhole = sources.every((source) => source === null || typeof source === "string");
  return isWhole ? { clean: clean ?? null, robust: robust ?? null } : null;
}

async function resolve(plan: RunPlan, role: TeacherRole, session: Session): Promise<ResolvedTeacher | null> {
  const { scale, places, outcomes } = session;
  const source = teacherOf(plan, role, scale, places.teachersDir);
  if (source === null) return null;
  if (typeof source === "string") return resolved(source, session);
  const run = outcomes.get(subjectId({ plan: source, seed: 0 }));
  if (!run || !isRun(run)) throw new Error("the run that makes a teacher was not made");
  const name = `${run.settings.student} trained by ${source.method}`;
  return { ...resolved(await exportedStudent(run.folder), session), name };
}

/**
 * Looks up a teacher by its name, folder or .onnx file, each only once.
 *
 * @throws {InputError} if it is not there or does not fit the data set.
 */
export function resolved(named: string, { shape, places, teachers }: Session): ResolvedTeacher {
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
  const path = join(folder, `${sha256Of(readFileSync(join(folder, RUN_FILES.best))).slice(0, 10)}.onnx`);
  if (!existsSync(path)) await exportModel(await readStudent(folder, "best"), "onnx", path);
  return path;
}
