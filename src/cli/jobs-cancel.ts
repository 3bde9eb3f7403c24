import { hostname } from "node:os";
import { listJobs } from "../jobs/list.js";
import { isNamed } from "./jobs.js";
import type { GlobalArguments } from "./output.js";
import { printResult } from "./output.js";

/** `mtard jobs cancel`: asks workers to save and stop, and takes queued jobs back. */
export async function cancelJobs(
  args: GlobalArguments & { readonly runsDir: string },
  named: readonly string[],
): Promise<void> {
  const jobs = (await listJobs(args.runsDir)).filter(({ name }) => isNamed(name, named));
  const cancelled = jobs.filter(({ state, where, worker }) => {
    if (state !== "running" || worker === null || where !== hostname()) return false;
    process.kill(worker, "SIGTERM");
    return true;
  });
  const names = cancelled.map(({ name }) => name);
  printResult(
    args,
    { cancelled: names },
    names.length === 0 ? "nothing to cancel" : `asked to stop:\n${names.join("\n")}`,
  );
}
