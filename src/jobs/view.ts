import type { Job } from "../reproduction/job.js";
import type { JobsView } from "../reproduction/session.js";
import { oneLine } from "../harmless.js";
import type { JobStatus } from "./board.js";

/** A job that a worker does, and what this worker has said of it; null before it has said anything. */
export interface WorkedOn {
  readonly job: Job;
  readonly status: JobStatus | null;
}

/** Makes views of jobs as they are done, with the time left at the pace since it was made. */
export function jobsWatcher(
  todo: readonly Job[],
): (
  working: readonly WorkedOn[],
  done: ReadonlySet<string>,
  failed: ReadonlyMap<string, unknown>,
) => JobsView {
  const began = performance.now();
  let first: number | null = null;
  return (working, done, failed) => {
    const statuses = working.map(({ job, status }) => ({
      job,
      status: status?.state === "running" ? status : null,
    }));
    const shares = new Map(statuses.map(({ job, status }) => [job.id, status?.share ?? 0]));
    const left = todo
      .filter(({ id }) => !done.has(id) && !failed.has(id))
      .reduce((sum, { id, looks }) => sum + looks * (1 - (shares.get(id) ?? 0)), 0);
    first ??= left;
    const worked = first - left;
    return {
      done: todo.filter(({ id }) => done.has(id)).length,
      failed: failed.size,
      all: todo.length,
      secondsLeft: worked > 0 ? ((performance.now() - began) / 1000 / worked) * left : null,
      working: statuses.map(({ job, status }) => ({
        doing: oneLine(status?.doing ?? `${job.name}: beginning`),
        imagesPerSecond: status?.imagesPerSecond ?? null,
        secondsLeft: status?.secondsLeft ?? null,
      })),
    };
  };
}
