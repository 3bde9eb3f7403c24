import { Stopped, type Places, type WorkEvents } from "../reproduction/session.js";
import { prepareNativeLibraries, threadCount } from "../runtime/device.js";
import { log } from "./output.js";
import { formatDuration, ProgressLine } from "./progress.js";
import { ProgressBlock } from "./progress-block.js";
import { stopOnSignals } from "./stop-on-signals.js";

/**
 * Does the work with one progress line over all of it, or a line for each of several processes; SIGINT and SIGTERM save and stop.
 *
 * @returns Null if it was stopped; then this is logged and the exit code is 1.
 */
export async function withWorkProgress<T>(
  { device }: Places,
  work: (events: WorkEvents) => Promise<T>,
): Promise<T | null> {
  prepareNativeLibraries(device, threadCount());
  const [line, block] = [new ProgressLine(), new ProgressBlock()];
  const clear = (): void => {
    line.clear();
    block.clear();
  };
  const stop = stopOnSignals({ clear });
  try {
    return await work({
      onProgress({ run, runs, doing, imagesPerSecond, secondsLeft }) {
        const rate = imagesPerSecond === null ? "" : `, ${imagesPerSecond.toFixed(0)} images/s`;
        const left = secondsLeft === null ? "" : `, ${formatDuration(secondsLeft)} left of all`;
        line.show(`run ${run} of ${runs}${left}${rate}  ${doing}`);
      },
      onJobs: (view) => block.show(view),
      onMessage(message) {
        clear();
        log(message);
      },
      stopRequested: () => stop.requested,
    });
  } catch (error) {
    if (!(error instanceof Stopped)) throw error;
    clear();
    log("everything is saved; the same command goes on");
    process.exitCode = 1;
    return null;
  } finally {
    clear();
    stop.forget();
  }
}
