import { hostname } from "node:os";
import { cancel } from "../cluster/cancel.js";
import { listJobs } from "../jobs/list.js";
import { isNamed } from "./jobs.js";
import type { GlobalArguments } from "./output.js";
import { log, printResult } from "./output.js";

/** `mtard jobs cancel`: asks workers to save and stop, and takes queued jobs back. */
export async function cancelJobs(
  args: GlobalArguments & { readonly runsDir: string },
  named: readonly string[],
): Promise<void> {
  const jobs = (await listJobs(args.runsDir)).filter(({ name }) => isNamed(name, named));
  const active = jobs.filter(({ state }) => state === "running" || state === "queued");
  const onSlurm = active.filter(({ slurm }) => slurm !== null);
  await cancel(onSlurm.flatMap(({ slurm }) => slurm ?? []));
  const here = active.filter(({ slurm, where, worker }) => {
    if (slurm !== null || worker === null || where !== hostname()) return false;
    process.kill(worker, "SIGTERM");
    return true;
  });
  const elsewhere = active.filter((job) => !onSlurm.includes(job) && !here.includes(job));
  for (const { name, where } of elsewhere) log(`warning: ${name} is worked on by ${where}; cancel it there`);
  const names = [...onSlurm, ...here].map(({ name }) => name);
  const text =
    names.length === 0
      ? "nothing to cancel"
      : `taken back, or asked to save and stop:\n  ${names.join("\n  ")}`;
  printResult(args, { cancelled: names }, text);
}
