import type { AttackChanges } from "../evaluation/settings.js";
import { workLocally } from "../jobs/local.js";
import { saidDone, workOnSlurm } from "../jobs/on-slurm.js";
import { readStoreRecord } from "../data/store.js";
import type { Job } from "../reproduction/job.js";
import { imagesOf, type Places } from "../reproduction/session.js";
import { requireStep } from "../jobs/time-limit.js";
import { readSlurmOptions } from "../cluster/slurm-options.js";
import { InputError } from "../errors.js";
import { parseQuantity } from "../recipes/settings.js";
import { optionName } from "../recipes/setting-text.js";
import {
  type Elsewhere,
  planOf,
  type Reproduction,
  reproduce,
  type UnfinishedJob,
} from "../reproduction/reproduce.js";
import type { SubjectRequest } from "../reproduction/run-request.js";
import type { Scale } from "../reproduction/scale.js";
import { threadCount } from "../runtime/device.js";
import { logAlways, printResult, shellWord, suggest } from "./output.js";
import { estimatesOf } from "../reproduction/estimate-jobs.js";
import { planJson, planText } from "./plan-text.js";
import { clusterOptionNames } from "./job-options.js";
import { placesOf, type ScaleArguments } from "./reproduction.js";
import { withWorkProgress } from "./work-progress.js";

/** What a command wants done. */
export interface WantedWork {
  readonly requests: readonly SubjectRequest[];
  readonly scale: Scale;
  readonly attackChanges?: AttackChanges | undefined;
  /** Whether the command can show a part of it. */
  readonly showsParts: boolean;
}

/**
 * Does what a command wants: in this process, in several, or on a cluster, as the call says; with `--dry-run` it is only printed.
 *
 * @returns Null if there is nothing to show: it was stopped, printed only, or is not done as far as it has to be, which is then said.
 */
export async function performCall(
  args: ScaleArguments,
  { requests, scale, attackChanges, showsParts }: WantedWork,
): Promise<Reproduction | null> {
  const places = placesOf(args);
  const elsewhere = elsewhereOf(args);
  if (args.dryRun) {
    await printPlan(args, { requests, scale, attackChanges });
    return null;
  }
  const found = await withWorkProgress(places, (events) =>
    reproduce(requests, scale, places, events, { attackChanges, elsewhere }),
  );
  if (!found || found.unfinished.length === 0) return found;
  if (showsParts && found.outcomes.length > 0) return found;
  reportNothing(args, found.unfinished);
  return null;
}

/** Says which jobs are not done where there is nothing to show beside. */
export function reportNothing(args: ScaleArguments, unfinished: readonly UnfinishedJob[]): void {
  reportUnfinished(unfinished);
  if (args.json) printResult(args, unfinishedJson(unfinished), "");
}

/** Prints the jobs that a call would do. */
export async function printPlan(
  args: ScaleArguments,
  { requests, scale, attackChanges }: Omit<WantedWork, "showsParts">,
): Promise<void> {
  const places = placesOf(args);
  const events = { onProgress: () => undefined, onMessage: () => undefined, stopRequested: () => false };
  const plan = await planOf(requests, scale, places, events, { attackChanges });
  const estimates = estimatesOf(plan.jobs, scale.dataset, places);
  printResult(args, planJson(plan, scale, places, estimates), planText(plan, scale, places, estimates));
}

/** Says which jobs are not done and why, and sets the exit code where that is bad news. */
export function reportUnfinished(unfinished: readonly UnfinishedJob[]): void {
  if (unfinished.length === 0) return;
  const failed = unfinished.filter(({ state }) => state === "failed");
  for (const { job, why, log } of failed) {
    logAlways(`error: ${job.name}: not ${job.kind === "train" ? "trained" : "measured"}\n  found     ${why}`);
    if (log !== null)
      logAlways(`  try       tail ${shellWord(log)}, then the same command, which does what is missing`);
  }
  const stopped = unfinished.filter(({ state }) => state === "stopped");
  if (stopped.length > 0)
    logAlways(
      `stopped or taken back: ${stopped.map(({ job }) => job.name).join("; ")}; the same command goes on with them`,
    );
  if (failed.length + stopped.length > 0) process.exitCode = 1;
  const pending = unfinished.length - failed.length - stopped.length;
  if (pending > 0) {
    logAlways(`${pending} jobs are not done yet; the same command collects what is done`);
    suggest("mtard jobs");
  }
}

/** Unfinished jobs as `--json` has them, and nothing where all are done. */
export function unfinishedJson(unfinished: readonly UnfinishedJob[]): { unfinished?: object[] } {
  if (unfinished.length === 0) return {};
  const jobs = unfinished.map(({ job: { id, kind, name }, ...rest }) => ({ id, kind, name, ...rest }));
  return { unfinished: jobs };
}

/** Who does the jobs, if not this process. @throws {InputError} if an option is wrong. */
export function elsewhereOf(args: ScaleArguments): Elsewhere | undefined {
  if (args.on === "slurm") return slurmOf(args);
  for (const name of clusterOptionNames) {
    if (args[name] === undefined) continue;
    throw new InputError(`--${optionName(name)} is of jobs on a cluster`, {
      expected: "it with --on slurm",
      found: args.jobs === undefined ? "work in this process" : "work on this machine",
    });
  }
  if (args.wait)
    throw new InputError("--wait is of jobs on a cluster", {
      expected: "it with --on slurm",
      found: "work on this machine",
    });
  const places = placesOf(args);
  const processes = parseQuantity("--jobs", args.jobs ?? 1, { minimum: 1, maximum: 1024, whole: true });
  if (processes === 1) return undefined;
  return (plan, dataset, events) =>
    workLocally(plan, dataset, { processes, places, threads: threadCount() }, events);
}

function slurmOf(args: ScaleArguments): Elsewhere {
  if (args.jobs !== undefined)
    throw new InputError("--jobs is of processes on this machine", {
      expected: "--max-jobs N with --on slurm",
      found: "--jobs and --on slurm",
    });
  const threads = threadCount();
  const { partition, account, gres, time, cpus, mem, maxJobs, sbatch, lead, tries } = args;
  const flags = {
    partition,
    account,
    gres,
    time,
    cpus: cpus ?? threads,
    mem,
    maxJobs,
    extra: sbatch,
    lead,
    tries,
  };
  const options = readSlurmOptions(flags);
  const places = placesOf(args);
  const doneBefore = saidDone(places.runsDir);
  return (plan, dataset, events) =>
    workOnSlurm(
      plan,
      dataset,
      {
        ...{ options, places, doneBefore },
        threads: options.cpus ?? threads,
        waits: args.wait,
        onCluster: ({ limitSeconds }, todo) => requireTime(limitSeconds, options.lead, todo, dataset, places),
      },
      events,
    );
}

/** @throws {InputError} if a try is over before a job can make a step and save it, as far as that can be told. */
function requireTime(
  limit: number | null,
  lead: number | null,
  todo: readonly Job[],
  dataset: string,
  places: Places,
): void {
  const trainings = todo.filter((job) => job.kind === "train");
  const record = readStoreRecord(dataset, places.dataDir);
  if (limit === null || record === null || trainings.length === 0) return;
  const estimates = estimatesOf(trainings, dataset, places);
  for (const job of trainings) {
    const seconds = estimates.get(job.id)?.seconds ?? null;
    if (seconds === null) continue;
    const { settings, until } = job;
    const steps =
      (until ?? settings.epochs) * Math.ceil(imagesOf(settings, record).train / settings.batchSize);
    requireStep(job.name, seconds / steps, limit, lead);
  }
}
