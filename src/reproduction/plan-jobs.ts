import { isTransfer } from "../attacks/attacks.js";
import { teacherRoles, type TeacherRole } from "../methods/method.js";
import { type RunPlan, plainRun, type TeacherPlan } from "../paper/plan.js";
import type { RunInputs } from "../run/run-directory.js";
import {
  type Job,
  jobId,
  type JobPlan,
  type MeasurementJob,
  type TrainingJob,
  type WantedMeasurement,
} from "./job.js";
import { evaluationCost, trainingLooks } from "./ledger.js";
import { hasPaused } from "./is-trained.js";
import { runKey } from "./run-key.js";
import { evaluationsOf, isTeacherPlan, runId, type SubjectRequest } from "./run-request.js";
import { runFolder } from "./run-store.js";
import { settingsOf, surrogateOf, teacherNamed } from "./scale.js";
import { imagesOf, type PlanSession, type ResolvedTeacher, testImages } from "./session.js";
import { exportedTeacher, plannedTeachers, resolved } from "./teachers.js";

/**
 * Makes the jobs that requests need: a training for each run, and a measurement of its students after it; teachers have only a measurement.
 * Runs whose students are teachers of others come first.
 *
 * @throws {InputError} if a teacher is missing or does not fit, before anything is done.
 */
export function planJobs(
  requests: readonly SubjectRequest[],
  session: PlanSession,
): JobPlan & JobsOfRequests {
  const standIns = new Map<string, Job>();
  const trainings = new Map<string, string>();
  const done = new Set<string>();

  function training(plan: RunPlan, seed: number, until: number | null): TrainingJob {
    const teachers = plannedTeachers(plan, session);
    const known: KnownTeachers = {
      ...{ standIns: {}, standInFolders: {}, trained: {} },
      ...{ sha256: { ...NO_TEACHERS }, named: { ...NO_TEACHERS } },
    };
    for (const role of teacherRoles) {
      const teacher = teachers[role];
      if (teacher === null) continue;
      if ("trainedBy" in teacher) {
        const standIn = training(teacher.trainedBy, 0, null);
        standIns.set(standIn.id, standIn);
        known.standIns[role] = standIn.id;
        if (done.has(standIn.id) && standIn.folder !== null) known.standInFolders[role] = standIn.folder;
        known.trained[role] = done.has(standIn.id) ? exportedTeacher(standIn.folder, session) : null;
      } else [known.sha256[role], known.named[role]] = [teacher.sha256, teacher.named];
    }
    const { job, isDone } = trainingJob(plan, seed, until, known, session);
    trainings.set(runId(plan, seed), job.id);
    if (isDone) done.add(job.id);
    return job;
  }

  const measurements = new Map<string, string>();
  const jobs: Job[] = [];
  for (const [subject, asked] of bySubject(requests)) {
    const [{ plan, seed, until }] = asked;
    const trained = isTeacherPlan(plan) ? null : training(plan, seed, until ?? null);
    const measured = trained
      ? runMeasurement(trained, asked, session)
      : teacherMeasurement(plan as TeacherPlan, asked, session);
    if (trained) jobs.push(trained);
    if (!measured) continue;
    jobs.push(measured);
    measurements.set(subject, measured.id);
  }
  const all = new Map([...standIns.values(), ...jobs].map((job) => [job.id, job]));
  return { jobs: [...all.values()], done, trainings, measurements };
}

const NO_TEACHERS: Readonly<Record<TeacherRole, string | null>> = { clean: null, robust: null };

/** The requests of each run or teacher, in their order. */
function bySubject(requests: readonly SubjectRequest[]): Map<string, [SubjectRequest, ...SubjectRequest[]]> {
  const groups = new Map<string, [SubjectRequest, ...SubjectRequest[]]>();
  for (const request of requests) {
    const subject = runOrTeacher(request);
    const known = groups.get(subject);
    if (known) known.push(request);
    else groups.set(subject, [request]);
  }
  return groups;
}

/** Identifies the run or teacher of a request, whichever student is asked for. */
export function runOrTeacher({ plan, seed }: Pick<SubjectRequest, "plan" | "seed">): string {
  return isTeacherPlan(plan) ? plan.teacher : runId(plan, seed);
}

/** The ids of the jobs of requests, by {@link runOrTeacher}. */
export interface JobsOfRequests {
  readonly trainings: ReadonlyMap<string, string>;
  readonly measurements: ReadonlyMap<string, string>;
}

/** What is known of a run's teachers before anything is trained. */
interface KnownTeachers {
  /** The jobs that make a teacher, and the teachers that are made already. */
  readonly standIns: Partial<Record<TeacherRole, string>>;
  readonly standInFolders: Partial<Record<TeacherRole, string>>;
  readonly trained: Partial<Record<TeacherRole, ResolvedTeacher | null>>;
  readonly sha256: Record<TeacherRole, string | null>;
  readonly named: Record<TeacherRole, string | null>;
}

function trainingJob(
  plan: RunPlan,
  seed: number,
  until: number | null,
  known: KnownTeachers,
  session: PlanSession,
): { job: TrainingJob; isDone: boolean } {
  const { scale, record, init, places } = session;
  const { standIns, standInFolders, trained, sha256, named } = known;
  const settings = settingsOf(plan, seed, scale, named);
  const inputs: RunInputs = {
    data: record.fingerprint,
    cleanTeacher: sha256.clean,
    robustTeacher: sha256.robust,
    ...(init ? { init } : {}),
  };
  // The id stays the same when the teachers become known.
  const id = jobId("train", runKey(settings, inputs, record), standIns, until);
  const key = Object.values(trained).includes(null)
    ? null
    : runKey(settings, withTeachers(inputs, trained), record);
  const found = key === null ? undefined : session.finished().get(key);
  const folder = key === null ? null : (found ?? runFolder(places.runsDir, settings, key));
  const { train, selection } = imagesOf(settings, record);
  const whole = trainingLooks(settings, train, selection);
  return {
    isDone: found !== undefined || (folder !== null && until !== null && hasPaused(folder, until)),
    job: {
      kind: "train",
      id,
      name: runName(plan, seed),
      needs: Object.values(standIns),
      looks: until === null ? whole : (whole * until) / settings.epochs,
      ...{ folder, settings, inputs, standIns, standInFolders, until },
    },
  };
}

/** A run's inputs with the checksums of teachers that were trained meanwhile. */
function withTeachers(inputs: RunInputs, trained: KnownTeachers["trained"]): RunInputs {
  const { clean, robust } = trained;
  return {
    ...inputs,
    ...(clean ? { cleanTeacher: clean.sha256 } : {}),
    ...(robust ? { robustTeacher: robust.sha256 } : {}),
  };
}

/** A run's method and seed, and what the table varies. */
function runName({ method, changes, teachers }: RunPlan, seed: number): string {
  const varied = [
    ...Object.entries(changes).map(([name, value]) => `${name} ${String(value)}`),
    ...teacherRoles.flatMap((role) => (teachers[role] === "first" ? [] : [`second ${role} teacher`])),
  ];
  return [method, ...varied, `seed ${seed}`].join(", ");
}

function runMeasurement(
  run: TrainingJob,
  requests: readonly SubjectRequest[],
  session: PlanSession,
): MeasurementJob | null {
  const { evaluationEpsilon: epsilon, evaluationBatch: batchSize } = run.settings;
  const images = imagesOf(run.settings, session.record).test;
  const students = requests
    .map((request) => ({
      checkpoint: request.checkpoint ?? ("best" as const),
      measurements: wantedOf(request, images, session),
    }))
    .filter(({ measurements }) => measurements.length > 0);
  if (students.length === 0) return null;
  const surrogate = surrogateFor(requests, session);
  return {
    kind: "measure",
    id: jobId("measure", run.id, students, surrogate),
    name: run.name,
    needs: [run.id],
    looks: costOf(students),
    of: { run: run.id, folder: run.folder },
    ...{ students, epsilon, batchSize, surrogate },
  };
}

function teacherMeasurement(
  { teacher: role }: TeacherPlan,
  requests: readonly SubjectRequest[],
  session: PlanSession,
): MeasurementJob {
  const { scale, places, record } = session;
  const teacher = resolved(teacherNamed(role, scale, places.teachersDir), session);
  const { evaluationEpsilon: epsilon, evaluationBatch: batchSize } = settingsOf(
    plainRun("b-mtard"),
    0,
    scale,
    { clean: null, robust: null },
  );
  const measurements = requests.flatMap((request) => wantedOf(request, testImages(scale, record), session));
  const students = [{ checkpoint: null, measurements }];
  const surrogate = surrogateFor(requests, session);
  return {
    kind: "measure",
    id: jobId("measure", teacher.sha256, students, surrogate, epsilon, batchSize),
    name: `${role} teacher ${teacher.name}`,
    needs: [],
    looks: costOf(students),
    of: { teacher: teacher.named, sha256: teacher.sha256 },
    ...{ students, epsilon, batchSize, surrogate },
  };
}

function wantedOf(request: SubjectRequest, images: number, session: PlanSession): WantedMeasurement[] {
  const { scale, attackChanges } = session;
  return evaluationsOf(request, scale).map((attack) => {
    if (attack === null) return { attack, images };
    const changes = attackChanges[attack];
    return {
      attack,
      images: Math.min(scale.imagesOf(attack) ?? Infinity, images),
      ...scale.conventionsOf(attack),
      ...(changes ? { changes } : {}),
    };
  });
}

function costOf(students: MeasurementJob["students"]): number {
  return students
    .flatMap(({ measurements }) => measurements)
    .reduce((sum, { attack, images, changes }) => sum + evaluationCost(attack, changes) * images, 0);
}

function surrogateFor(requests: readonly SubjectRequest[], session: PlanSession): string | null {
  if (!requests.some(({ attacks }) => attacks.some(isTransfer))) return null;
  return resolved(surrogateOf(session.scale, session.places.teachersDir), session).named;
}
