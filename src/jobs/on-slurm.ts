import { hostname } from "node:os";
import { dirname, join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { type QueueState, queueStates } from "../cluster/queue-states.js";
import { requireSlurm, type SlurmCluster } from "../cluster/require-slurm.js";
import type { SlurmOptions } from "../cluster/slurm-options.js";
import { type SlurmTask, submit } from "../cluster/submit.js";
import { recoverSubmissions } from "../cluster/unrecorded.js";
import { fileSystemOf } from "../files/file-system.js";
import { waitForLock } from "../files/lock.js";
import { refreshFolder } from "../files/refresh.js";
import type { Job, JobPlan } from "../reproduction/job.js";
import type { DoneElsewhere, UnfinishedJob } from "../reproduction/reproduce.js";
import { Stopped, stopIfAsked, type Places, type WorkEvents } from "../reproduction/session.js";
import {
  filesOfJob,
  type JobFiles,
  jobsFolder,
  type JobStatus,
  postedJobs,
  postJob,
  readStatus,
} from "./board.js";
import { isInQueue, readQueuePlace, statusSince, writeQueuePlace } from "./queue-place.js";
import { jobsWatcher, type WorkedOn } from "./view.js";
import { workerCall } from "./worker-call.js";

/** Milliseconds between two looks at the queue, while a call waits for its jobs: at first, and at most. */
const [FIRST_LOOK, LAST_LOOK] = [1000, 15_000];

/** How the jobs of a plan are done on a Slurm cluster. */
export interface SlurmWork {
  readonly options: SlurmOptions;
  readonly places: Places;
  readonly threads: number;
  /** The ids of the jobs that were said to be done before the plan was made; what became done since is not submitted. */
  readonly doneBefore: ReadonlySet<string>;
  /** Whether the call waits until all jobs are over. */
  readonly waits: boolean;
  /** Told what the cluster offers, before anything is submitted; what it throws ends the call. */
  readonly onCluster: (cluster: SlurmCluster, todo: readonly Job[]) => void;
}

interface Placed {
  readonly job: Job;
  readonly files: JobFiles;
}

/**
 * Submits those of a plan's jobs that are neither done nor queued; with `waits`, returns when all are over. Jobs go on by themselves after a
 * preemption, a time limit or a lost node.
 *
 * @throws {InputError} if there is no Slurm here, or it does not have what is asked for; {@link Stopped} when asked to stop, with the jobs
 * left in the queue.
 */
export async function workOnSlurm(
  plan: JobPlan,
  dataset: string,
  work: SlurmWork,
  events: WorkEvents,
): Promise<DoneElsewhere> {
  const { places, waits } = work;
  const todo = plan.jobs
    .filter(({ id }) => !plan.done.has(id))
    .map((job) => ({ job, files: filesOfJob(places.runsDir, job) }));
  const madeBefore = new Map(todo.map(({ job, files }) => [job.id, readStatus(files)?.made ?? 0]));
  if (todo.length > 0) await submitMissing(todo, dataset, work, events);
  const ended = new Map<string, number>();
  const watch = jobsWatcher(todo.map(({ job }) => job));
  let pause = FIRST_LOOK;
  for (;;) {
    const { done, unfinished, running } = await look(todo, ended);
    const isOver = unfinished.every(({ state }) => state === "failed" || state === "stopped");
    if (!waits || isOver) {
      const made = [...done].map((id) => [id, madeNow(todo, id, madeBefore)] as const);
      return { made: new Map(made), unfinished };
    }
    if (events.stopRequested()) {
      events.onMessage("the jobs stay in Slurm's queue; mtard jobs cancel takes them back");
      throw new Stopped();
    }
    const failed = unfinished.filter(({ state }) => state === "failed");
    events.onJobs?.(watch(running, done, new Map(failed.map((each) => [each.job.id, each]))));
    await wait(pause);
    pause = Math.min(1.2 * pause, LAST_LOOK);
  }
}

function madeNow(todo: readonly Placed[], id: string, before: ReadonlyMap<string, number>): number {
  const placed = todo.find(({ job }) => job.id === id);
  return ((placed && readStatus(placed.files)?.made) ?? 0) - (before.get(id) ?? 0);
}

/** Submits what is not in the queue; one call at a time does so for a folder of runs. */
async function submitMissing(
  todo: readonly Placed[],
  dataset: string,
  { options, places, threads, doneBefore, onCluster }: SlurmWork,
  events: WorkEvents,
): Promise<void> {
  const cluster = await requireSlurm(options);
  const folder = jobsFolder(places.runsDir);
  warnOfDisk(places.runsDir, cluster, events);
  const lock = await waitForLock(
    join(folder, ".submitting"),
    (holder) => events.onMessage(`waiting for another mtard that submits jobs (${holder})`),
    () => stopIfAsked(events),
  );
  try {
    const folderOfArrays = join(folder, "slurm");
    // Before anything is submitted: workers begin at once.
    const tries = new Map(todo.map(({ job, files }) => [job.id, readStatus(files)?.tries ?? 0]));
    const remember = (ids: ReadonlyMap<string, string>): void => {
      for (const { job, files } of todo) {
        const slurm = ids.get(job.id);
        const triesBefore = tries.get(job.id) ?? 0;
        if (slurm !== undefined) writeQueuePlace(files, { slurm, submitted: Date.now(), triesBefore });
      }
    };
    // What a call that was killed has submitted.
    await recoverSubmissions(folderOfArrays, remember);
    const queued = await placesInQueue(todo);
    const missing = todo.filter(
      ({ job, files }) => !queued.has(job.id) && (doneBefore.has(job.id) || !isSaidDone(files)),
    );
    onCluster(
      cluster,
      missing.map(({ job }) => job),
    );
    const waitedFor = new Set([...missing.map(({ job }) => job.id), ...queued.keys()]);
    const tasks = missing.map(({ job, files }): SlurmTask => {
      postJob({ job, dataset, places, threads });
      return {
        ...{ id: job.id, name: job.name, log: files.log, jobFile: files.job, status: files.status },
        argv: workerCall(files),
        after: job.needs.filter((id) => waitedFor.has(id)).map((id) => queued.get(id) ?? id),
      };
    });
    if (tasks.length > 0) {
      await submit(tasks, {
        ...{ options, cluster, label: "mtard" },
        folder: folderOfArrays,
        onSubmitted: remember,
      });
    }
    const before = queued.size > 0 ? `, queued already: ${queued.size}` : "";
    events.onMessage(`jobs submitted: ${tasks.length}${before}`);
  } finally {
    lock.release();
  }
}

/** Says where the nodes may not see the folder of runs: such jobs end at once, and say so. */
function warnOfDisk(runsDir: string, { nodes }: SlurmCluster, events: WorkEvents): void {
  const { name, shared } = fileSystemOf(runsDir);
  const others = nodes.map(({ host }) => host).filter((host) => host !== hostname());
  const [other] = others;
  if (shared !== false || other === undefined) return;
  events.onMessage(
    `warning: ${runsDir} is on a disk of this host (${name}), which ${other} may not see; if its jobs fail, name a folder on a shared disk with --runs-dir`,
  );
}

/** Whether a job's last worker said that it is done. */
function isSaidDone(files: JobFiles): boolean {
  return statusSince(files, readQueuePlace(files))?.state === "done";
}

/** The ids of all jobs beside a folder of runs that are said to be done. */
export function saidDone(runsDir: string): ReadonlySet<string> {
  const done = postedJobs(runsDir).filter(isSaidDone);
  return new Set(done.map(({ id }) => id));
}

/** Slurm's ids of those jobs that wait or run, by the jobs' own. */
async function placesInQueue(todo: readonly Placed[]): Promise<Map<string, string>> {
  const states = await statesOf(todo);
  return new Map(
    todo.flatMap(({ job, files }) => {
      const place = readQueuePlace(files);
      return place && isInQueue(states.get(place.slurm)) ? [[job.id, place.slurm] as const] : [];
    }),
  );
}

function statesOf(todo: readonly Placed[]): Promise<ReadonlyMap<string, QueueState>> {
  return queueStates(todo.flatMap(({ files }) => readQueuePlace(files)?.slurm ?? []));
}

/** Seconds in which what a node has written may not be seen from here yet. */
const UNSEEN_SECONDS = 60;

/** How the jobs are now. @param ended When it was first seen that Slurm has ended a job well, by the jobs' ids. */
async function look(
  todo: readonly Placed[],
  ended: Map<string, number>,
): Promise<{ done: Set<string>; unfinished: UnfinishedJob[]; running: WorkedOn[] }> {
  const [first] = todo;
  if (first) refreshFolder(dirname(first.files.status));
  const states = await statesOf(todo.filter(({ files }) => !isSaidDone(files)));
  const done = new Set<string>();
  const unfinished: UnfinishedJob[] = [];
  const running: WorkedOn[] = [];
  for (const { job, files } of todo) {
    const place = readQueuePlace(files);
    const queue = place ? states.get(place.slurm) : undefined;
    const status = statusSince(files, place);
    if (status?.state === "done") {
      done.add(job.id);
      continue;
    }
    if (queue?.state === "done" && !ended.has(job.id)) ended.set(job.id, performance.now());
    const seconds = (performance.now() - (ended.get(job.id) ?? -Infinity)) / 1000;
    const state = seconds < UNSEEN_SECONDS ? UNSEEN : stateOf(queue, status);
    unfinished.push({ job, ...state, log: files.log });
    if (queue?.state === "running") running.push({ job, status });
  }
  return { done, unfinished, running };
}

const UNSEEN = { state: "running", why: "it has ended, and its files are not seen here yet" } as const;

function stateOf(
  queue: QueueState | undefined,
  status: JobStatus | null,
): Pick<UnfinishedJob, "state" | "why"> {
  if (isInQueue(queue)) return { state: queue.state, why: queue.why };
  if (queue?.state === "cancelled") return { state: "stopped", why: queue.why };
  return { state: "failed", why: status?.error ?? (queue?.why || "it ended without a word") };
}
