import { type ChildProcess, spawn, spawnSync } from "node:child_process";
import { closeSync, openSync } from "node:fs";
import { setTimeout as wait } from "node:timers/promises";
import { makeFolders } from "../files/make-folders.js";
import { oneLine } from "../harmless.js";
import type { Job, JobPlan } from "../reproduction/job.js";
import type { DoneElsewhere, UnfinishedJob } from "../reproduction/reproduce.js";
import { Stopped, type Places, type WorkEvents } from "../reproduction/session.js";
import { type JobFiles, jobsFolder, type JobStatus, postJob, readStatus } from "./board.js";
import { coresHere, gpusHere, type Share, shareOut } from "./shares.js";
import { jobsWatcher } from "./view.js";
import { STOPPED, workerCall } from "./worker-call.js";

/** Milliseconds between two looks at the workers. */
const LOOK_EVERY = 250;

/** How the jobs of a plan are done on this machine. */
export interface LocalWork {
  /** How many processes at once. */
  readonly processes: number;
  readonly places: Places;
  readonly threads: number;
}

interface Worker {
  readonly job: Job;
  readonly files: JobFiles;
  readonly child: ChildProcess;
  readonly slot: number;
  /** What the job had made before. */
  readonly madeBefore: number;
  exit: number | null;
  /** How its process ended, in words. */
  ended: string;
}

/**
 * Does a plan's jobs in several processes at once, each with a GPU or cores of its own. A job that fails stops no other, but those that need
 * it; when asked to stop, all workers save and end.
 *
 * @throws {Stopped} when asked to stop.
 */
export async function workLocally(
  plan: JobPlan,
  dataset: string,
  { processes, places, threads }: LocalWork,
  events: WorkEvents,
): Promise<DoneElsewhere> {
  const todo = plan.jobs.filter(({ id }) => !plan.done.has(id));
  const done = new Set(plan.done);
  const made = new Map<string, number>();
  const unfinished = new Map<string, UnfinishedJob>();
  const waiting = [...todo];
  const working = new Set<Worker>();
  const count = Math.min(processes, todo.length);
  const shares = shareOut(count, gpusHere(places.device), coresHere());
  const free = shares.map((_, slot) => slot);
  const watch = jobsWatcher(todo);
  if (count > 0) makeFolders(jobsFolder(places.runsDir));

  function begin(job: Job, slot: number): void {
    const files = postJob({ job, dataset, places, threads });
    const madeBefore = readStatus(files)?.made ?? 0;
    const child = startWorker(files, shares[slot] ?? { gpu: null, cores: [] }, threads);
    const worker: Worker = { job, files, child, slot, madeBefore, exit: null, ended: "" };
    child.once("exit", (code, signal) => {
      worker.exit = code ?? 1;
      worker.ended =
        signal === null ? `its process ended with exit code ${code}` : `its process was ended by ${signal}`;
    });
    child.once("error", (error) => {
      worker.exit ??= 1;
      worker.ended = oneLine(error.message);
    });
    working.add(worker);
  }
  function end(worker: Worker): void {
    const { job, files, slot, madeBefore, exit } = worker;
    working.delete(worker);
    free.push(slot);
    const status = statusOf(worker);
    if (exit === 0) {
      done.add(job.id);
      made.set(job.id, (status?.made ?? 0) - madeBefore);
      events.onMessage(`${job.kind === "train" ? "trained" : "measured"} ${job.name}`);
      return;
    }
    const stopped = exit === STOPPED;
    const why = stopped ? "stopped as asked" : (status?.error ?? worker.ended);
    unfinished.set(job.id, { job, state: stopped ? "stopped" : "failed", why, log: files.log });
    if (!stopped) events.onMessage(`failed: ${job.name}: ${why}; its messages are in ${files.log}`);
  }

  try {
    for (;;) {
      for (const worker of working) if (worker.exit !== null) end(worker);
      if (events.stopRequested()) {
        // However often it is said, and also to one that has not begun to listen for signals.
        for (const { child } of working) child.stdin?.end();
        while ([...working].some(({ exit }) => exit === null)) await wait(LOOK_EVERY);
        throw new Stopped();
      }
      // In their order, so that what needs a job that cannot be done is known to be one itself.
      for (const job of [...waiting]) {
        const lost = job.needs.map((id) => unfinished.get(id)).find((each) => each !== undefined);
        if (!lost) continue;
        unfinished.set(job.id, { job, state: lost.state, why: `it needs ${lost.job.name}`, log: null });
        waiting.splice(waiting.indexOf(job), 1);
      }
      while (free.length > 0) {
        const next = waiting.findIndex(({ needs }) => needs.every((id) => done.has(id)));
        const [job] = next < 0 ? [] : waiting.splice(next, 1);
        if (!job) break;
        begin(job, free.shift() ?? 0);
      }
      if (working.size === 0) break;
      const now = [...working].map((worker) => ({ job: worker.job, status: statusOf(worker) }));
      events.onJobs?.(watch(now, done, unfinished));
      await wait(LOOK_EVERY);
    }
  } finally {
    for (const { child } of working) child.stdin?.end();
  }
  return { made, unfinished: [...unfinished.values()] };
}

/** What a worker has said, and not one of an earlier try. */
function statusOf({ files, child }: Worker): JobStatus | null {
  const status = readStatus(files);
  return status?.process === child.pid ? status : null;
}

/** Starts a worker that ends when this process does, and whose messages go to the job's log. */
function startWorker(files: JobFiles, { gpu, cores }: Share, threads: number): ChildProcess {
  const call = [...workerCall(files), "--until-parent-ends"];
  const kept = cores.length > 0 && canKeepToCores() ? ["taskset", "-c", cores.join(), ...call] : call;
  const [program = process.execPath, ...rest] = kept;
  const messages = openSync(files.log, "a", 0o666);
  try {
    return spawn(program, rest, {
      // Ctrl-C is for the call that started it, which asks it to stop.
      detached: true,
      stdio: ["pipe", "ignore", messages],
      env: {
        ...process.env,
        MTARD_THREADS: String(threads),
        ...(gpu === null ? {} : { CUDA_VISIBLE_DEVICES: gpu }),
      },
    });
  } finally {
    closeSync(messages);
  }
}

let keepsToCores: boolean | undefined;

function canKeepToCores(): boolean {
  return (keepsToCores ??= spawnSync("taskset", ["--version"], { stdio: "ignore" }).status === 0);
}
