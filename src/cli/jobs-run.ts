import { hostname } from "node:os";
import { resolve } from "node:path";
import { WorkError } from "../errors.js";
import { workOn } from "../jobs/worker.js";
import { readJob } from "../jobs/board.js";
import { STOPPED } from "../jobs/worker-call.js";
import { prepareNativeLibraries } from "../runtime/device.js";
import { log } from "./output.js";
import { formatWork, ProgressLine } from "./progress.js";

/**
 * `mtard jobs run FILE`: does one job, as a worker of `--jobs` or on a cluster. The exit code is 0 when it is done, 75 when it was asked to
 * stop and everything is saved.
 *
 * @param untilParentEnds Whether the end of the standard input, which the parent holds, is a request to stop.
 */
export async function runJob(jobFile: string, untilParentEnds: boolean): Promise<void> {
  const { job, places, threads, from } = readJob(jobFile);
  // Whatever else this host would say: they decide last bits.
  process.env["MTARD_THREADS"] = String(threads);
  // Slurm passes on what the host that submitted the job has told its own engines.
  delete process.env["TF_NUM_INTRAOP_THREADS"];
  prepareNativeLibraries(places.device, threads);
  const file = resolve(jobFile);
  goTo(from, jobFile);
  const line = new ProgressLine();
  const asked = { toStop: false };
  const stop = (): void => {
    if (!asked.toStop) log("saving and stopping");
    asked.toStop = true;
  };
  // However often: Slurm says it more than once, and whoever cannot wait kills.
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, stop);
  if (untilParentEnds)
    process.stdin
      .on("close", stop)
      .on("error", () => undefined)
      .resume();
  const gpu = process.env["CUDA_VISIBLE_DEVICES"];
  const onGpu = gpu === undefined || gpu === "-1" ? "" : `, GPU ${gpu}`;
  log(`${job.kind} ${job.name}: process ${process.pid} on ${hostname()}, ${threads} threads${onGpu}`);
  try {
    const done = await workOn(file, {
      onProgress: (progress) => line.show(formatWork(progress)),
      onMessage(message) {
        line.clear();
        log(message);
      },
      stopRequested: () => asked.toStop,
    });
    if (done) return;
    log("everything is saved; the same job goes on");
    process.exitCode = STOPPED;
  } finally {
    line.clear();
    process.stdin.pause();
  }
}

/** Paths of a job start from the folder of the call that made it. */
function goTo(folder: string, jobFile: string): void {
  try {
    process.chdir(folder);
  } catch (cause) {
    throw new WorkError(`the job starts from a folder that ${hostname()} does not have`, {
      expected: folder,
      found: cause instanceof Error ? cause.message : String(cause),
      fix: `run it where ${jobFile} was made, or call mtard from a folder that all hosts share`,
    });
  }
}
