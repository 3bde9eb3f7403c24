import { hostname } from "node:os";
import { cancel } from "../cluster/cancel.js";
import { isNamed, listJobs } from "../jobs/list.js";
import type { GlobalArguments } from "./output.js";
import { log, printResult } from "./output.js";

/** `mtard jobs cancel`: asks workers to save and stop, and takes queued jobs back. */
export async function cancelJobs(
  args: GlobalArguments & { readonly runsDir: string },
  named: readonly string[],
): Promise<void> {
  const jobs = (await listJobs(args.runsDir, log)).filter(({ name }) => isNamed(name, named));
  const active = jobs.filter(({ state }) => state === "running" || state === "queued");
  const onSlurm = active.filter(({ slurm }) => slurm !== null);
  await cancel(onSlurm.flatMap(({ slurm }) => slurm ?? []));
  const here = active.filter(({ slurm, where, worker }) => {
    if (slurm !== null || worker === null || where !== hostname()) return false;
    return isAsked(worker);
  });
  const elsewhere = active.filter((job) => !onSlurm.includes(job) && !here.includes(job));
  for (const { name, where } of elsewhere) log(`warning: ${name} is worked on by ${where}; cancel it there`);
  const names = [...onSlurm, ...here].map(({ name }) => name);
  const text =
    names.length === 0
      ? "nothing to cancel"
      : `taken back, or asked to save and stop:\n  ${names.join("\n  ")}`;
  printResult(args, { cancelled: names }, text);
  if (here.length > 0) log("a call with --jobs goes on with its other jobs; Ctrl-C there ends it");
}

/** Asks a worker to save and stop; false if it has ended, or is another user's. */
function isAsked(worker: number): boolean {
  try {
    return process.kill(worker, "SIGTERM");
  } catch {
    return false;
  }
}
