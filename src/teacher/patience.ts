import type { ImageShape } from "../graph/network.js";
import { batchLimits } from "./trial-limits.js";

/* How long a teacher's answer is waited for. */

const SECONDS = 60;
/** How many times as long as its slowest answer so far a teacher may take. */
const TIMES = 20;
/** When a wait is spoken of: after so many seconds, and so many times the slowest answer so far. */
const NOTICE = { seconds: 20, times: 3 } as const;
/** A longer tick counts as one: the computer was asleep, or the process stopped with Ctrl-Z. */
const TICKS = 60;

/**
 * How many seconds any answer may take: `MTARD_PATIENCE`, or else 60, or as much as a trial would give a model of so many bytes.
 *
 * @param bytes The size of a model that no answer was timed of, 0 for others.
 */
export function patienceWith(bytes: number, image: ImageShape, batch: number): number {
  const asked = Number(process.env["MTARD_PATIENCE"]);
  if (asked > 0) return asked;
  if (bytes === 0) return SECONDS;
  return Math.max(SECONDS, batchLimits({ megabytes: bytes / 1e6, image }, batch, Infinity).seconds);
}

/** What a wait calls when it has been long, and when it is over. */
export interface Waiting {
  readonly onLate: (seconds: number, limit: number) => void;
  readonly onEnd: (limit: number) => void;
}

/**
 * Waits for an answer until it has taken longer than `patience` and 20 times `slowest`, both in seconds.
 *
 * @returns Ends the wait.
 */
export function startWait(patience: number, slowest: number, { onLate, onEnd }: Waiting): () => void {
  const limit = Math.max(patience, TIMES * slowest);
  const late = Math.max(Math.min(NOTICE.seconds, limit / 3), NOTICE.times * slowest);
  const tick = limit / TICKS;
  const lateTick = Math.ceil(late / tick);
  let ticks = 0;
  const timer = setInterval(() => {
    ticks++;
    if (ticks === lateTick) onLate(ticks * tick, limit);
    if (ticks < TICKS) return;
    clearInterval(timer);
    onEnd(limit);
  }, tick * 1000);
  return () => clearInterval(timer);
}
