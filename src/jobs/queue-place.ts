import { existsSync } from "node:fs";
import { z } from "zod";
import type { QueueState } from "../cluster/queue-states.js";
import { writeFileAtomically } from "../files/atomic.js";
import { readTextFile } from "../files/read-text.js";
import { type JobFiles, type JobStatus, readStatus } from "./board.js";

/** The place in a queue that a job was given. */
export interface QueuePlace extends z.infer<typeof placeSchema> {}

const placeSchema = z.strictObject({
  /** Slurm's id: a job's, or a task's of an array. */
  slurm: z.string().regex(/^\d+(_\d+)?$/),
  /** Milliseconds since 1970. */
  submitted: z.number(),
  /** How often a worker had begun the job by then: hosts' clocks may differ, so only this tells an old status from a new one. */
  triesBefore: z.int().nonnegative(),
});

/** The place a job was given last; null if none, or what is there cannot be read. */
export function readQueuePlace({ slurm }: JobFiles): QueuePlace | null {
  if (!existsSync(slurm)) return null;
  try {
    return placeSchema.parse(JSON.parse(readTextFile(slurm, 2 ** 16)));
  } catch {
    // Then the job is submitted anew, and its lock keeps two workers from doing it twice.
    return null;
  }
}

export function writeQueuePlace({ slurm }: JobFiles, place: QueuePlace): void {
  writeFileAtomically(slurm, `${JSON.stringify(place)}\n`);
}

/** Whether a job waits or runs in a queue. */
export function isInQueue(
  queue: QueueState | undefined,
): queue is QueueState & { readonly state: "queued" | "running" } {
  return queue?.state === "queued" || queue?.state === "running";
}

/** How far a job is since it was given its last place; null if no worker has begun it since. */
export function statusSince(files: JobFiles, place: QueuePlace | null): JobStatus | null {
  const status = readStatus(files);
  return status && status.tries > (place?.triesBefore ?? 0) ? status : null;
}
