import { existsSync } from "node:fs";
import { basename } from "node:path";
import { tryLock } from "../files/lock.js";
import { type JobFiles, postedJobs, readStatus } from "./board.js";

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
  /** Its messages, where there are any. */
  readonly log: string | null;
}

/** All jobs beside a folder of runs, by name. */
export async function listJobs(runsDir: string): Promise<ListedJob[]> {
  return Promise.resolve(postedJobs(runsDir).map((files) => listed(files)));
}

function listed(files: JobFiles): ListedJob {
  const status = readStatus(files);
  const about = {
    name: basename(files.job, ".json"),
    log: existsSync(files.log) ? files.log : null,
    tries: status?.tries ?? 0,
    worker: null,
  };
  if (!status)
    return { ...about, state: "posted", where: "", doing: "", imagesPerSecond: null, secondsLeft: null };
  const isLost = status.state === "running" && !isHeld(files.lock);
  const { imagesPerSecond, secondsLeft } = status;
  const runs = status.state === "running" && !isLost;
  return {
    ...about,
    worker: runs ? status.process : null,
    state: isLost ? "lost" : status.state,
    where: status.host,
    doing: isLost ? "its worker is gone" : (status.error ?? (status.state === "done" ? "" : status.doing)),
    imagesPerSecond: runs ? imagesPerSecond : null,
    secondsLeft: runs ? secondsLeft : null,
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
