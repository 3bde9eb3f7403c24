import type { AttackId } from "../attacks/attacks.js";
import { openModelStore } from "../evaluation/model-store.js";
import { isMeasured } from "../evaluation/measure.js";
import type { Evaluation } from "../evaluation/summary.js";
import { teacherRoles } from "../methods/method.js";
import { type Model, openModel } from "../model/model.js";
import type { StudentChoice } from "../model/run-student.js";
import type { ModelReference } from "../model/reference.js";
import type { TrainingSettings } from "../recipes/settings.js";
import type { RunInputs } from "../run/run-directory.js";
import type { Job, MeasurementJob, TrainingJob } from "./job.js";
import { measureMissing, measurementOf } from "./measure-missing.js";
import { isTrained } from "./is-trained.js";
import { runKey } from "./run-key.js";
import { runFolder } from "./run-store.js";
import type { RunPlace, WorkSession } from "./session.js";
import { resolved, studentAsTeacher } from "./teachers.js";
import { trainMissing } from "./train-missing.js";

/** What a job made or found. */
export type JobResult = TrainingResult | MeasurementResult;

export interface TrainingResult {
  readonly kind: "train";
  readonly folder: string;
  /** Whether it was trained now. */
  readonly trained: boolean;
}

export interface MeasurementResult {
  readonly kind: "measure";
  readonly students: readonly MeasuredStudent[];
}

export interface MeasuredStudent {
  readonly checkpoint: StudentChoice | null;
  /** The evaluations by attack; null stands for the clean accuracy alone. */
  readonly evaluations: ReadonlyMap<AttackId | null, Evaluation>;
  readonly warnings: readonly string[];
  /** Where they are kept. */
  readonly folder: string;
  /** How many evaluations were made now. */
  readonly made: number;
}

/** Does a job, or finds it done. @throws {Stopped} when asked to stop; then everything is saved. */
export function perform(job: Job, place: RunPlace, session: WorkSession): Promise<JobResult> {
  return job.kind === "train"
    ? performTraining(job, place, session)
    : performMeasurement(job, place, session);
}

async function performTraining(
  job: TrainingJob,
  place: RunPlace,
  session: WorkSession,
): Promise<TrainingResult> {
  const { places, events, record } = session;
  const { settings, inputs } = await withStandIns(job, session);
  const key = runKey(settings, inputs, record);
  const usual = job.folder ?? runFolder(places.runsDir, settings, key);
  const elsewhere = job.folder === null ? session.finished().get(key) : undefined;
  const found = isTrained(usual, job.until) ? usual : elsewhere;
  const folder = found ?? usual;
  const doing = found === undefined ? `training ${job.name} in ${folder}` : `${job.name} is in ${folder}`;
  events.onMessage(`run ${place.run} of ${place.runs}: ${doing}`);
  if (found !== undefined) return { kind: "train", folder, trained: false };
  const trained = await trainMissing(folder, settings, job, place, session);
  return { kind: "train", folder, trained };
}

/** A run's settings and inputs with the teachers that other runs' students are. */
async function withStandIns(
  { settings, inputs, standIns, standInFolders }: TrainingJob,
  session: WorkSession,
): Promise<{ settings: TrainingSettings; inputs: RunInputs }> {
  const named = { ...settings };
  const checksums = { ...inputs };
  for (const role of teacherRoles) {
    const standIn = standIns[role];
    if (standIn === undefined) continue;
    const teacher = await studentAsTeacher(standInFolders[role] ?? session.folderOf(standIn), session);
    named[`${role}Teacher`] = teacher.named;
    checksums[`${role}Teacher`] = teacher.sha256;
  }
  return { settings: named, inputs: checksums };
}

/** Measures students of a run, or a teacher, in the same way. */
async function performMeasurement(
  job: MeasurementJob,
  place: RunPlace,
  session: WorkSession,
): Promise<MeasurementResult> {
  const { places, events } = session;
  const isTeacher = "teacher" in job.of;
  if (isTeacher) events.onMessage(`run ${place.run} of ${place.runs}: ${job.name}`);
  const students: MeasuredStudent[] = [];
  for (const { checkpoint, measurements } of job.students) {
    const which = checkpoint === null || checkpoint === "best" ? "" : `, ${checkpoint}`;
    const model = await openSubject(job, checkpoint, session);
    try {
      const { name, epsilon, batchSize, surrogate } = job;
      const subject = { name: `${name}${which}`, model, epsilon, batchSize, surrogate };
      const store = openModelStore(model, places.runsDir, (text) => events.onMessage(text));
      const found = await measureMissing(measurements, subject, store, place, session);
      students.push({ checkpoint, folder: store.folder, ...found });
    } finally {
      model.dispose();
    }
  }
  return { kind: "measure", students };
}

/** Whether all that a job measures is known, of a run that is finished; no engine starts. */
export async function isMeasuredAll(job: MeasurementJob, session: WorkSession): Promise<boolean> {
  for (const { checkpoint, measurements } of job.students) {
    const model = await openSubject(job, checkpoint, session);
    try {
      const store = openModelStore(model, session.places.runsDir, () => undefined);
      for (const wanted of measurements) {
        const { data, settings } = await measurementOf(wanted, { ...job, model }, session);
        if (!isMeasured(model, data, settings, store)) return false;
      }
    } finally {
      model.dispose();
    }
  }
  return true;
}

function openSubject(
  { of }: MeasurementJob,
  checkpoint: StudentChoice | null,
  session: WorkSession,
): Promise<Model> {
  const reference: ModelReference =
    "run" in of
      ? { kind: "run", folder: of.folder ?? session.folderOf(of.run) }
      : resolved(of.teacher, session).reference;
  return openModel(reference, {
    dataset: session.shape,
    checkpoint: checkpoint ?? undefined,
    device: session.places.device,
  });
}
