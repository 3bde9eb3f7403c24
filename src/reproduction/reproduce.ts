import { InputError } from "../errors.js";
import type { AttackChanges } from "../evaluation/settings.js";
import { createNetwork } from "../networks/networks.js";
import type { ClassifierShape } from "../onnx/signature.js";
import type { InitialWeights } from "../run/run-directory.js";
import { Random } from "../runtime/random.js";
import { initialStudent } from "../training/initial-student.js";
import { type Job, type JobPlan, type MeasurementJob, placesOfJobs } from "./job.js";
import { openSession } from "./open-session.js";
import { outcomeOf } from "./outcomes.js";
import { isMeasuredAll, type JobResult, perform } from "./perform.js";
import { type JobsOfRequests, planJobs } from "./plan-jobs.js";
import type { Outcome, SubjectRequest } from "./run-request.js";
import type { Scale } from "./scale.js";
import type { Places, PlanSession, WorkEvents } from "./session.js";

/** What a call wants besides its requests. */
export interface ReproductionOptions {
  /** The attack settings that differ from the defaults. */
  readonly attackChanges?: AttackChanges | undefined;
  /** Does the jobs in other processes; without it, this one does them, one after the other. */
  readonly elsewhere?: Elsewhere | undefined;
}

/** Does those jobs of a plan that are not done, in other processes. */
export type Elsewhere = (plan: JobPlan, dataset: string, events: WorkEvents) => Promise<DoneElsewhere>;

/** How far other processes got. */
export interface DoneElsewhere {
  /** What the finished jobs made: trainings 1 or 0, measurements the number of their evaluations. */
  readonly made: ReadonlyMap<string, number>;
  readonly unfinished: readonly UnfinishedJob[];
}

/** A job that is not done when the call ends. */
export interface UnfinishedJob {
  readonly job: Job;
  readonly state: "queued" | "running" | "failed" | "stopped";
  /** Why, in a sentence. */
  readonly why: string;
  /** Where its messages are, if it has any. */
  readonly log: string | null;
}

/** What a call reproduced. */
export interface Reproduction {
  /** The runs and teachers whose jobs are done, in the order they were asked for. */
  readonly outcomes: Outcome[];
  readonly unfinished: readonly UnfinishedJob[];
}

/**
 * Finds the finished runs, trains the missing ones, and measures their students and the teachers asked for. What is on the disk already is
 * not done again.
 *
 * @throws {InputError} if data or teachers are missing, before anything is trained.
 * @throws {Stopped} when asked to stop.
 */
export async function reproduce(
  requests: readonly SubjectRequest[],
  scale: Scale,
  places: Places,
  events: WorkEvents,
  { attackChanges = {}, elsewhere }: ReproductionOptions = {},
): Promise<Reproduction> {
  const results = new Map<string, JobResult>();
  return withPlan({ requests, scale, places, events, attackChanges, results }, async (plan, session) => {
    const done = elsewhere
      ? await elsewhere(await withMeasured(plan, session), scale.dataset, events)
      : { made: new Map<string, number>(), unfinished: [] };
    const unfinished = new Set(done.unfinished.map(({ job }) => job.id));
    for (const { id, needs } of plan.jobs) if (needs.some((need) => unfinished.has(need))) unfinished.add(id);
    const placeOf = placesOfJobs(plan);
    const jobs = plan.jobs.filter(({ id }) => !unfinished.has(id));
    if (!elsewhere) for (const job of jobs) if (!plan.done.has(job.id)) session.ledger.expect(job.looks);
    for (const job of jobs) {
      const place = placeOf.get(job.id) ?? { run: 0, runs: 0 };
      const result = await perform(job, place, session);
      results.set(job.id, result);
      // Another process trained it meanwhile.
      if (result.kind === "train" && !result.trained && !plan.done.has(job.id))
        session.ledger.strike(job.looks);
    }
    const outcomes: Outcome[] = [];
    for (const request of requests) {
      const outcome = await outcomeOf(request, plan, results, done.made, session);
      if (outcome) outcomes.push(outcome);
    }
    return { outcomes, unfinished: done.unfinished };
  });
}

/** Makes the plan of a call, with what is done already, and does nothing of it. @throws {InputError} as {@link reproduce}. */
export function planOf(
  requests: readonly SubjectRequest[],
  scale: Scale,
  places: Places,
  events: WorkEvents,
  { attackChanges = {} }: ReproductionOptions = {},
): Promise<JobPlan> {
  const call = { requests, scale, places, events, attackChanges, results: new Map<string, JobResult>() };
  return withPlan(call, withMeasured);
}

interface Call {
  readonly requests: readonly SubjectRequest[];
  readonly scale: Scale;
  readonly places: Places;
  readonly events: WorkEvents;
  readonly attackChanges: AttackChanges;
  readonly results: ReadonlyMap<string, JobResult>;
}

async function withPlan<T>(
  { requests, scale, places, events, attackChanges, results }: Call,
  work: (plan: JobPlan & JobsOfRequests, session: PlanSession) => Promise<T>,
): Promise<T> {
  const folderOf = (job: string): string => {
    const result = results.get(job);
    if (result?.kind !== "train") throw new Error("a run is asked for before it is trained");
    return result.folder;
  };
  const opened = await openSession(scale.dataset, places, events, folderOf);
  try {
    const init = await initialWeightsOf(scale, opened.shape, places);
    const session = { ...opened, scale, attackChanges, init };
    return await work(planJobs(requests, session), session);
  } finally {
    opened.close();
  }
}

/** The plan with the measurements of finished runs and of teachers that are known already. */
async function withMeasured<Plan extends JobPlan>(plan: Plan, session: PlanSession): Promise<Plan> {
  const done = new Set(plan.done);
  for (const job of plan.jobs) {
    if (job.kind !== "measure" || !job.needs.every((id) => plan.done.has(id))) continue;
    if (await isKnown(job, session)) done.add(job.id);
  }
  return { ...plan, done };
}

/** Whether all that a job measures is known; where its model cannot be read, the job itself will say so. */
async function isKnown(job: MeasurementJob, session: PlanSession): Promise<boolean> {
  try {
    return await isMeasuredAll(job, session);
  } catch (error) {
    if (error instanceof InputError) return false;
    throw error;
  }
}

/** @throws {InputError} if what students shall start from is not there, or is of another network. */
async function initialWeightsOf(
  { init, student }: Scale,
  shape: ClassifierShape,
  { teachersDir }: Places,
): Promise<InitialWeights | null> {
  if (init === null) return null;
  // All of the weights are taken, so nothing is drawn.
  const random = Random.fromSeed(0);
  const { origin } = await initialStudent(createNetwork(student, shape), { from: init }, teachersDir, random);
  return origin;
}
