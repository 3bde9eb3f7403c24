import { hostname } from "node:os";
import { InputError, WorkError } from "../errors.js";
import { type HeldLock, waitForLock } from "../files/lock.js";
import { oneLine } from "../harmless.js";
import { openSession } from "../reproduction/open-session.js";
import { type JobResult, perform } from "../reproduction/perform.js";
import { Stopped, stopIfAsked, type WorkEvents, type WorkProgress } from "../reproduction/session.js";
import { filesBeside, findPosted, type JobStatus, readJob, readStatus, writeStatus } from "./board.js";
import { readQueuePlace } from "./queue-place.js";

/** Milliseconds between two writings of how far a job is. */
const STATUS_EVERY = 2000;

/**
 * Does the job of a file, as the call that wrote it would have done it, and says beside the file how far it is. Paths start from where that
 * call was made, so this process goes there.
 *
 * @returns False if it was stopped as asked; everything is saved, and the same job goes on from there.
 * @throws {InputError} if the file is none of a job, or the folder it starts from is not there; else as the work itself.
 */
export async function workOn(jobFile: string, events: WorkEvents): Promise<boolean> {
  const { job, dataset, places } = readJob(jobFile);
  const files = filesBeside(jobFile);
  const lock = await workersLock(files.lock, events);
  if (lock === null) return false;
  const before = readStatus(files);
  let status: JobStatus = {
    state: "running",
    ...{ host: hostname(), process: process.pid },
    ...{ began: Date.now(), updated: Date.now() },
    tries: Math.max(before?.tries ?? 0, readQueuePlace(files)?.triesBefore ?? 0) + 1,
    ...{ doing: "beginning", imagesPerSecond: null, secondsLeft: null, share: before?.share ?? 0 },
    ...{ folder: null, made: before?.made ?? 0, error: null },
  };
  const say = (changes: Partial<JobStatus>): void => {
    status = { ...status, ...changes, updated: Date.now() };
    writeStatus(files, status);
  };
  /** A full disk ends no work because of it, and hides no error. */
  const whatIsOnlySaid = (changes: Partial<JobStatus>): void => {
    try {
      say(changes);
    } catch {
      // The work itself says what is wrong.
    }
  };
  const folderOf = (id: string): string => {
    const needed = findPosted(places.runsDir, id);
    const folder = needed && readStatus(needed)?.folder;
    if (typeof folder === "string") return folder;
    throw new WorkError(`${job.name} needs a run that is not done`, {
      expected: "the run that makes one of its teachers, done before",
      found: needed ? `${needed.status} without a run's directory` : `no job ${id}`,
      fix: "the call that made the jobs, once more",
    });
  };
  try {
    say({});
    const session = await openSession(dataset, places, { ...events, onProgress: progressed }, folderOf);
    try {
      session.ledger.expect(job.looks);
      const result = await perform(job, { run: 1, runs: 1 }, session);
      say({
        ...{ state: "done", doing: "done", secondsLeft: null, share: 1, folder: folderIn(result) },
        made: status.made + madeBy(result),
      });
      return true;
    } finally {
      session.close();
    }
    function progressed(progress: WorkProgress): void {
      events.onProgress(progress);
      if (Date.now() - status.updated < STATUS_EVERY) return;
      const { doing, imagesPerSecond, secondsLeft } = progress;
      whatIsOnlySaid({
        doing,
        imagesPerSecond,
        secondsLeft,
        share: 1 - session.ledger.left() / Math.max(1, job.looks),
      });
    }
  } catch (error) {
    const isStop = error instanceof Stopped;
    whatIsOnlySaid(isStop ? { state: "stopped" } : { state: "failed", error: reasonOf(error) });
    if (isStop) return false;
    throw error;
  } finally {
    lock.release();
  }
}

/** The lock that one worker of a job has; null if asked to stop while another has it. */
async function workersLock(path: string, events: WorkEvents): Promise<HeldLock | null> {
  try {
    return await waitForLock(
      path,
      (holder) => events.onMessage(`waiting for another worker that does the same (${holder})`),
      () => stopIfAsked(events),
    );
  } catch (error) {
    if (error instanceof Stopped) return null;
    throw error;
  }
}

function folderIn(result: JobResult): string | null {
  return result.kind === "train" ? result.folder : null;
}

function madeBy(result: JobResult): number {
  if (result.kind === "train") return result.trained ? 1 : 0;
  return result.students.reduce((sum, { made }) => sum + made, 0);
}

function reasonOf(error: unknown): string {
  if (!(error instanceof InputError) && !(error instanceof WorkError)) return oneLine(String(error));
  const { found } = error.detail;
  return oneLine(found === undefined ? error.message : `${error.message} (${found})`);
}
