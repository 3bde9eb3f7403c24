import { isTransfer } from "../attacks/attacks.js";
import { classifierShape, findDataset } from "../data/datasets.js";
import { readManifest, type TeacherManifest } from "../teacher/manifest.js";
import { type TeacherRole } from "../methods/method.js";
import { findTeacher, loadTeacher, teacherSha256 } from "../teacher/store.js";
import { loadWork } from "./load-work.js";
import type { RunPlan } from "../paper/plan.js";
import { surrogateOf, teacherNamed, teacherOf, type Scale } from "./scale.js";
import { isRun, isTeacherPlan, subjectId, type RunRequest, type SubjectRequest } from "./run-request.js";
import type { Places, Session } from "./session.js";

const roles = ["clean", "robust"] as const;

/** A teacher a run is given. */
export interface ResolvedTeacher {
  readonly reference: string;
  /** What it is called in a report. */
  readonly name: string;
  readonly network: string | null;
  readonly sha256: string;
}

/**
 * The runs whose students are teachers of the requested ones. All teachers are looked for, so that none is missed hours later.
 *
 * @throws {InputError} if one is not there or does not fit the data set.
 */
export function standIns(requests: readonly SubjectRequest[], scale: Scale, places: Places): RunRequest[] {
  const found = new Map<string, RunRequest>();
  for (const { plan, attacks } of requests) {
    if (attacks.some(isTransfer)) manifestOf(surrogateOf(scale, places.teachersDir), scale, places);
    if (isTeacherPlan(plan)) {
      manifestOf(teacherNamed(plan.teacher, scale, places.teachersDir), scale, places);
      continue;
    }
    for (const role of roles) {
      const source = teacherOf(plan, role, scale, places.teachersDir);
      if (source === null) continue;
      if (typeof source === "string") {
        manifestOf(source, scale, places);
        continue;
      }
      const request = { plan: source, seed: 0, attacks: [], clean: false };
      found.set(subjectId(request), request);
    }
  }
  return [...found.values()];
}

/** Both teachers of a run, null where its method asks none; a stand-in's run must be finished. */
export async function resolveTeachers(
  plan: RunPlan,
  session: Session,
): Promise<Record<TeacherRole, ResolvedTeacher | null>> {
  return { clean: await resolve(plan, "clean", session), robust: await resolve(plan, "robust", session) };
}

async function resolve(
  plan: RunPlan,
  role: TeacherRole,
  { scale, places, outcomes }: Session,
): Promise<ResolvedTeacher | null> {
  const source = teacherOf(plan, role, scale, places.teachersDir);
  if (source === null) return null;
  if (typeof source === "string") return resolved(source, scale, places);
  const run = outcomes.get(subjectId({ plan: source, seed: 0 }));
  if (!run || !isRun(run)) throw new Error("the run that makes a teacher was not made");
  const { exportTeacher } = await loadWork(places);
  const reference = await exportTeacher(run.folder, places);
  const name = `${run.settings.student} trained by ${source.method}`;
  return { ...resolved(reference, scale, places), name };
}

/**
 * A teacher of the store, a folder or an .onnx file.
 *
 * @throws {InputError} if it is not there or does not fit the data set.
 */
export function resolved(reference: string, scale: Scale, places: Places): ResolvedTeacher {
  const manifest = manifestOf(reference, scale, places);
  return { reference, name: manifest.name, network: manifest.network, sha256: teacherSha256(manifest) };
}

/** A teacher's manifest, without its model where it has a folder of its own. */
function manifestOf(reference: string, { dataset }: Scale, { teachersDir }: Places): TeacherManifest {
  const shape = classifierShape(findDataset(dataset));
  if (!reference.endsWith(".onnx")) {
    const manifest = readManifest(findTeacher(reference, teachersDir));
    if (manifest.dataset === shape.name && manifest.classes === shape.classes) return manifest;
  }
  return loadTeacher(reference, teachersDir, shape).manifest;
}
