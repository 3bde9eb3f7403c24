import { classifierShape, findDataset } from "../data/datasets.js";
import { readManifest, type TeacherManifest, type TeacherRole } from "../teacher/manifest.js";
import { findTeacher, loadTeacher, teacherSha256 } from "../teacher/store.js";
import { loadWork } from "./load-work.js";
import type { RunPlan } from "./plan/plan.js";
import { teacherOf, type Scale } from "./plan/scale.js";
import { runId, type RunRequest } from "./run-request.js";
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
export function standIns(requests: readonly RunRequest[], scale: Scale, places: Places): RunRequest[] {
  const found = new Map<string, RunRequest>();
  for (const { plan } of requests) {
    for (const role of roles) {
      const source = teacherOf(plan, role, scale, places.teachersDir);
      if (source === null) continue;
      if (typeof source === "string") {
        manifestOf(source, scale, places);
        continue;
      }
      const request = { plan: source, seed: 0, attacks: [], clean: false };
      found.set(runId(request), request);
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
  if (typeof source === "string") {
    const manifest = manifestOf(source, scale, places);
    const { name, network } = manifest;
    return { reference: source, name, network, sha256: teacherSha256(manifest) };
  }
  const run = outcomes.get(runId({ plan: source, seed: 0 }));
  if (!run) throw new Error("the run that makes a teacher was not made");
  const { exportTeacher } = await loadWork(places);
  const reference = await exportTeacher(run.folder, places);
  const manifest = manifestOf(reference, scale, places);
  return {
    reference,
    name: `${run.settings.student} trained by ${source.method}`,
    network: manifest.network,
    sha256: teacherSha256(manifest),
  };
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
