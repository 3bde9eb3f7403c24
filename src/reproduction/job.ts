import type { AttackId } from "../attacks/attacks.js";
import type { Conventions } from "../attacks/conventions.js";
import type { AttackSettings } from "../attacks/attack.js";
import { sha256Of } from "../files/sha256.js";
import type { TeacherRole } from "../methods/method.js";
import type { StudentChoice } from "../model/run-student.js";
import type { TrainingSettings } from "../recipes/settings.js";
import type { RunInputs } from "../run/run-directory.js";

/*
 * A plan's work as plain data, which can be done in this process or be given to another one, here or on another host.
 */

/** One piece of work. Jobs are done when those they need are done. */
export type Job = TrainingJob | MeasurementJob;

interface AnyJob {
  /** 16 hex digits of what decides the job: the same work asked by two calls is the same job. */
  readonly id: string;
  /** What it is called in messages. */
  readonly name: string;
  /** The ids of the jobs to be done before. */
  readonly needs: readonly string[];
  /** What it costs from its beginning, in looks as `ledger.ts` counts them. */
  readonly looks: number;
}

/** Trains a run to its end, or until an epoch. */
export interface TrainingJob extends AnyJob {
  readonly kind: "train";
  /** The run's directory; null where it follows from a job that is not done: a teacher is another run's student. */
  readonly folder: string | null;
  /** The settings; a teacher that is another run's student is null in them. */
  readonly settings: TrainingSettings;
  /** What else decides the run; the checksum of such a teacher is null. */
  readonly inputs: RunInputs;
  /** The jobs whose best students are this run's teachers. */
  readonly standIns: Readonly<Partial<Record<TeacherRole, string>>>;
  /** The directories of those of them that were done when the plan was made. */
  readonly standInFolders: Readonly<Partial<Record<TeacherRole, string>>>;
  /** The epoch after whose evaluation the run pauses, or null. */
  readonly until: number | null;
}

/** Measures students of one run, or a teacher. */
export interface MeasurementJob extends AnyJob {
  readonly kind: "measure";
  readonly of: MeasuredSubject;
  readonly students: readonly StudentMeasurements[];
  readonly epsilon: number;
  readonly batchSize: number;
  /** The classifier that transfer attacks make their images on, by name, folder or file. */
  readonly surrogate: string | null;
}

/** The run that a job trains, in the directory it has if that is known already; or a teacher by name, folder or file. */
export type MeasuredSubject =
  | { readonly run: string; readonly folder: string | null }
  | { readonly teacher: string; readonly sha256: string };

/** What is measured of a run's student; `checkpoint` is null for a teacher. */
export interface StudentMeasurements {
  readonly checkpoint: StudentChoice | null;
  readonly measurements: readonly WantedMeasurement[];
}

/** An attack on the first test images, or the clean accuracy alone. */
export interface WantedMeasurement extends Partial<Conventions> {
  readonly attack: AttackId | null;
  readonly images: number;
  readonly changes?: Readonly<Partial<AttackSettings>> | undefined;
}

/** The jobs of a call, each after those it needs, and which of them were done when it began. */
export interface JobPlan {
  readonly jobs: readonly Job[];
  readonly done: ReadonlySet<string>;
}

/** The id of a job, from what decides it. */
export function jobId(...decisive: readonly unknown[]): string {
  return sha256Of(JSON.stringify(decisive)).slice(0, 16);
}

/** The place of each job among the runs and teachers of a plan, counted from 1: a run's measurement belongs to the run. */
export function placesOfJobs({ jobs }: JobPlan): Map<string, { run: number; runs: number }> {
  const subjects = new Map<string, number>();
  for (const job of jobs) {
    const subject = subjectOf(job);
    if (!subjects.has(subject)) subjects.set(subject, subjects.size + 1);
  }
  return new Map(
    jobs.map((job) => [job.id, { run: subjects.get(subjectOf(job)) ?? 0, runs: subjects.size }]),
  );
}

function subjectOf(job: Job): string {
  if (job.kind === "train") return job.id;
  return "run" in job.of ? job.of.run : job.id;
}
