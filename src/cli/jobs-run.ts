import { hostname } from "node:os";
import { resolve } from "node:path";
import { WorkError } from "../errors.js";
import { workOn } from "../jobs/worker.js";
import { readJob } from "../jobs/board.js";
import { STOPPED } from "../jobs/local.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { log } from "./output.js";
import { formatDuration, ProgressLine } from "./progress.js";
import { stopOnSignals } from "./stop-on-signals.js";

/**
 * `mtard jobs run FILE`: does one job, as a worker of `--jobs` or on a cluster. The exit code is 0 when it is done, 75 when it was asked to
 * stop and everything is saved.
 *
 * @param untilParentEnds Whether the end of the standard input, which the parent holds, is a request to stop.
 */
export async function runJob(jobFile: string, untilParentEnds: boolean): Promise<void> {
  const { job, places, threads, from } = readJob(jobFile);
  process.env["MTARD_THREADS"] ??= String(threads);
  prepareNativeLibraries(places.device, threadCount());
  const file = resolve(jobFile);
  goTo(from, jobFile);
  const line = new ProgressLine();
  const stop = stopOnSignals(line);
  let orphaned = false;
  if (untilParentEnds)
    process.stdin
      .on("close", () => (orphaned = true))
      .on("error", () => undefined)
      .resume();
  const gpu = process.env["CUDA_VISIBLE_DEVICES"];
  const onGpu = gpu === undefined || gpu === "-1" ? "" : `, GPU ${gpu}`;
  log(`${job.kind} ${job.name}: process ${process.pid} on ${hostname()}, ${threadCount()} threads${onGpu}`);
  try {
    const done = await workOn(file, {
      onProgress({ doing, imagesPerSecond, secondsLeft }) {
        const rate = imagesPerSecond === null ? "" : `, ${imagesPerSecond.toFixed(0)} images/s`;
        const left = secondsLeft === null ? "" : `, ${formatDuration(secondsLeft)} left`;
        line.show(`${doing}${rate}${left}`);
      },
      onMessage(message) {
        line.clear();
        log(message);
      },
      stopRequested: () => stop.requested || orphaned,
    });
    if (done) return;
    log("everything is saved; the same job goes on");
    process.exitCode = STOPPED;
  } finally {
    line.clear();
    stop.forget();
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
