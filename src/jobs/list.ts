import { existsSync } from "node:fs";
import { basename } from "node:path";
import { type QueueState, queueStates } from "../cluster/queue-states.js";
import { InputError } from "../errors.js";
import { tryLock } from "../files/lock.js";
import { refreshFolder } from "../files/refresh.js";
import { type JobFiles, jobsFolder, postedJobs } from "./board.js";
import { isInQueue, type QueuePlace, readQueuePlace, statusSince } from "./queue-place.js";

/** A job that was posted, as far as can be told from here. */
export interface ListedJob {
  /** The name of its files, without their endings. */
  readonly name: string;
  readonly state: "posted" | "queued" | "running" | "stopped" | "lost" | "failed" | "done" | "cancelled";
  /** Where it is, in words: a host, a place in a queue. */
  readonly where: string;
  /** What it does, or why it is where it is. */
  readonly doing: string;
  readonly imagesPerSecond: number | null;
  readonly secondsLeft: number | null;
  /** How often a worker has begun it. */
  readonly tries: number;
  /** The worker's process on that host, while it runs. */
  readonly worker: number | null;
  /** Slurm's id of it, while it is in the queue or runs there. */
  readonly slurm: string | null;
  /** Its messages, where there are any. */
  readonly log: string | null;
}

/** All jobs beside a folder of runs, by name. @throws {WorkError} if jobs are in the queue of a Slurm whose controller does not answer. */
export async function listJobs(runsDir: string, say: (text: string) => void): Promise<ListedJob[]> {
  refreshFolder(jobsFolder(runsDir));
  const jobs = postedJobs(runsDir).map((files) => ({ files, place: readQueuePlace(files) }));
  const inQueue = jobs.filter(({ files, place }) => place && statusSince(files, place)?.state !== "done");
  const states = await queueStates(inQueue.flatMap(({ place }) => place?.slurm ?? [])).catch(
    (error: unknown): ReadonlyMap<string, QueueState> => {
      // Where there is no Slurm any more, the rest is still worth a list.
      if (!(error instanceof InputError)) throw error;
      say(`warning: ${error.message}: what is in its queue is not known`);
      return new Map();
    },
  );
  return jobs.map(({ files, place }) => listed(files, place, place ? states.get(place.slurm) : undefined));
}

function listed(files: JobFiles, place: QueuePlace | null, queue: QueueState | undefined): ListedJob {
  const status = statusSince(files, place);
  const about = {
    name: basename(files.job, ".json"),
    log: existsSync(files.log) ? files.log : null,
    tries: status?.tries ?? 0,
    slurm: isInQueue(queue) ? (place?.slurm ?? null) : null,
    worker: null,
    ...{ imagesPerSecond: null, secondsLeft: null },
  };
  const isWorkedOn = status?.state === "running" && isHeld(files.lock);
  if (isWorkedOn) {
    const { host, process, doing, imagesPerSecond, secondsLeft } = status;
    return { ...about, state: "running", where: host, worker: process, doing, imagesPerSecond, secondsLeft };
  }
  if (queue && status?.state !== "done" && queue.state !== "gone") {
    const state = queue.state === "done" ? "lost" : queue.state;
    return {
      ...about,
      state,
      where: queue.node ?? `queue, ${place?.slurm ?? ""}`,
      doing: status?.error ?? queue.why,
    };
  }
  if (!status) return { ...about, state: "posted", where: "", doing: "no worker has begun it" };
  const isLost = status.state === "running";
  return {
    ...about,
    state: isLost ? "lost" : status.state,
    where: status.host,
    doing: isLost ? "its worker is gone" : (status.error ?? (status.state === "done" ? "" : status.doing)),
  };
}

/** Whether a worker has a job's lock, on this host or another. */
function isHeld(lock: string): boolean {
  if (!existsSync(lock)) return false;
  const taken = tryLock(lock);
  if (typeof taken === "string") return true;
  taken.release();
  return false;
}

/** Whether a job is among those that a call names; all are where it names none. */
export function isNamed(name: string, named: readonly string[]): boolean {
  return named.length === 0 || named.some((part) => name.includes(part));
}
