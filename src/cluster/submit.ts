import { randomBytes } from "node:crypto";
import { lstatSync, symlinkSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { InputError, WorkError } from "../errors.js";
import { writeFailure, writeFileAtomically } from "../files/atomic.js";
import { makeFolders } from "../files/make-folders.js";
import { indexList, isJobId } from "./array-ids.js";
import { askSlurm, firstError, isUnreachable, PATIENCE, slurmFailure } from "./ask-slurm.js";
import { batchScript } from "./batch-script.js";
import { nextGroup, type TaskGroup } from "./next-group.js";
import { refusalOf } from "./refusals.js";
import type { SlurmCluster } from "./require-slurm.js";
import type { SlurmOptions } from "./slurm-options.js";
import { usualLead } from "./slurm-time.js";
import { beginRecord, endRecord, findArray } from "./unrecorded.js";

/** A job for Slurm: a worker to call on some node. */
export interface SlurmTask {
  readonly id: string;
  /** For people, in messages and logs. */
  readonly name: string;
  /** The worker's program and arguments; it exits with 0 when all is done, with 75 when it was stopped by TERM and has saved. */
  readonly argv: readonly string[];
  /** The file that its messages are appended to. */
  readonly log: string;
  /** A file that the worker reads, on the disk that the nodes share. */
  readonly jobFile: string;
  /** A file where the worker writes JSON with a number "share" that changes as it gets on; without one, `tries` bounds all its tries. */
  readonly status?: string | null;
  /** What must be done before: ids of tasks of this call, or Slurm's ids of jobs that were queued earlier. */
  readonly after: readonly string[];
}

/** How tasks are submitted. */
export interface Submission {
  readonly options: SlurmOptions;
  /** What {@link requireSlurm} found. */
  readonly cluster: SlurmCluster;
  /** A folder on the disk that the nodes share, for scripts, links to the logs and counts of tries; it is made. */
  readonly folder: string;
  /** What the jobs are called in squeue: letters, digits, `.`, `_` and `-`. */
  readonly label: string;
  /** Told what was queued, after each array: Slurm's ids by those of the tasks. Whoever keeps them submits nothing twice. */
  readonly onSubmitted?: (ids: ReadonlyMap<string, string>) => void;
}

/**
 * Submits tasks in as few arrays as their needs allow.
 *
 * @returns Slurm's ids (`12_3`) by those of the tasks.
 * @throws {InputError} if Slurm refuses the options or a path cannot be said to it; {@link WorkError} if its controller does not answer, the
 * folder cannot be written, or tasks wait for each other. The error says how many tasks are queued already; `onSubmitted` was told which.
 */
export async function submit(
  tasks: readonly SlurmTask[],
  submission: Submission,
): Promise<ReadonlyMap<string, string>> {
  const ids = new Map<string, string>();
  const here = new Set(tasks.map(({ id }) => id));
  for (const { name, after } of tasks)
    for (const need of after)
      if (!here.has(need) && !isJobId(need))
        throw new WorkError(`${name} waits for a job that is not known`, {
          expected: "a task of this call, or the id of a job in Slurm's queue",
          found: need,
        });
  let waiting = [...tasks];
  while (waiting.length > 0) {
    const ready = waiting
      .filter(({ after }) => after.every((need) => !here.has(need) || ids.has(need)))
      .map((task) => ({ task, needs: [...new Set(task.after.map((need) => ids.get(need) ?? need))] }));
    const group = nextGroup(ready, submission.cluster.arraySize);
    if (!group) throw new WorkError(`${waiting.map(({ name }) => name).join(", ")} wait for each other`);
    let queued: ReadonlyMap<string, string>;
    try {
      queued = await submitGroup(group, submission);
    } catch (error) {
      throw ids.size === 0 ? error : afterOthers(error, ids.size, tasks.length);
    }
    for (const [id, job] of queued) ids.set(id, job);
    waiting = waiting.filter(({ id }) => !ids.has(id));
  }
  return ids;
}

interface Ready {
  readonly task: SlurmTask;
  readonly needs: readonly string[];
}

/** Submits one array. @returns Slurm's ids of its jobs by those of the tasks. */
async function submitGroup(
  group: TaskGroup<Ready>,
  submission: Submission,
): Promise<ReadonlyMap<string, string>> {
  const { options, cluster, folder, label } = submission;
  const { dependency } = group;
  const tasks = group.tasks.map(({ task: { task }, index }) => ({ task, index }));
  // The name is how the array is found again if nobody heard whether it was queued.
  const name = `${label.replace(/[^\w.-]/g, "-").slice(0, 60)}-${randomBytes(5).toString("hex")}`;
  const own = resolve(folder, name);
  requirePath(own);
  makeFolders(own);
  for (const { task, index } of tasks) linkLog(join(own, `${index}.log`), resolve(task.log));
  const atOnce = options.maxJobs === null ? "" : `%${options.maxJobs}`;
  const lead = options.lead ?? usualLead(cluster.limitSeconds);
  const all: [string, string | null][] = [
    ["job-name", name],
    ["array", `${indexList(tasks.map(({ index }) => index))}${atOnce}`],
    ["output", `${own.replaceAll("%", "%%")}/%a.log`],
    ["open-mode", "append"],
    ["requeue", null],
    ["signal", `B:USR1@${lead}`],
    ["kill-on-invalid-dep", "yes"],
    ...(dependency === null ? [] : [["dependency", dependency] satisfies [string, string]]),
    ...asked(options),
    ...options.extra.map(([key, value]): [string, string | null] => [key, value]),
  ];
  const script = join(own, "batch.sh");
  writeFileAtomically(
    script,
    batchScript({
      options: all,
      tasks: tasks.map(({ task, index }) => ({
        index,
        name: task.name,
        argv: task.argv,
        jobFile: resolve(task.jobFile),
        status: task.status == null ? null : resolve(task.status),
      })),
      folder: own,
      tries: options.tries,
      patience: 30,
    }),
  );
  // Given again as arguments, which win over SBATCH_... in a person's environment.
  const args = all.map(([key, value]) => (value === null ? `--${key}` : `--${key}=${value}`));
  beginRecord(own, new Map(tasks.map(({ task, index }) => [task.id, index])));
  const array = await queueOnce(name, ["--parsable", ...args, script], options).catch((error: unknown) => {
    // What nobody heard of may be queued all the same.
    if (error instanceof InputError) endRecord(own);
    throw error;
  });
  const queued = new Map(tasks.map(({ task, index }) => [task.id, `${array}_${index}`]));
  submission.onSubmitted?.(queued);
  endRecord(own);
  return queued;
}

function asked({ partition, account, gres, time, cpus, mem }: SlurmOptions): [string, string][] {
  const given = {
    ...{ partition, account, gres, time, mem },
    "cpus-per-task": cpus === null ? null : String(cpus),
  };
  return Object.entries(given).filter((entry): entry is [string, string] => entry[1] !== null);
}

/** Calls sbatch, and looks for the job where nobody heard whether it was queued, before it calls again. */
async function queueOnce(name: string, args: readonly string[], options: SlurmOptions): Promise<string> {
  const end = performance.now() + PATIENCE;
  for (;;) {
    const answer = await askSlurm("sbatch", args, 0);
    const [, id] = /^(\d+)(?:;.*)?$/m.exec(answer.out) ?? [];
    if (answer.code === 0 && id !== undefined) return id;
    if (!isUnreachable(answer)) throw await refusalOf(firstError(answer.error), options);
    await wait(1000);
    const queued = await findArray(name);
    if (queued !== null) return queued;
    if (performance.now() > end) throw slurmFailure("sbatch", answer);
  }
}

/** Slurm opens the log of a job by its index, so there lies a link to the log by its name; what Slurm itself says of the job goes there too. */
function linkLog(link: string, log: string): void {
  try {
    if (!lstatSync(link, { throwIfNoEntry: false })) symlinkSync(log, link);
  } catch (cause) {
    throw writeFailure(link, cause);
  }
}

function requirePath(path: string): void {
  if (!/[\\\p{Cc}]/u.test(path)) return;
  throw new InputError("Slurm cannot write logs below this folder", {
    expected: "a path without backslashes and control characters",
    found: path,
    fix: "another --runs-dir",
  });
}

/** An error after some arrays were queued. */
function afterOthers(error: unknown, queued: number, all: number): unknown {
  if (!(error instanceof InputError) && !(error instanceof WorkError)) return error;
  const kind = error instanceof InputError ? InputError : WorkError;
  return new kind(`${error.message}; ${queued} of ${all} jobs are queued already`, {
    ...error.detail,
    cause: error,
  });
}
