import { isMainThread, Worker, workerData } from "node:worker_threads";

/* For the processes that try and run models: they end with the one that started them, and not before it wants. */

/** What tells the watching thread from any other that loads this file. */
const WATCHES = "mtard watches the parent";
/** How often it looks. */
const LOOK_MILLISECONDS = 1000;

/**
 * Has this process end when the one that started it is gone, also while ONNX Runtime has its main thread. Ctrl-C and the end of a terminal
 * reach the whole group: whoever started this process ends it when it needs no more answers. To be called once, at the start.
 */
export function followParent(): void {
  for (const signal of ["SIGINT", "SIGTERM", "SIGHUP"] as const) process.on(signal, () => undefined);
  process.once("disconnect", () => process.exit());
  new Worker(new URL(import.meta.url), { execArgv: [], workerData: WATCHES }).unref();
}

function watch(): void {
  const parent = process.ppid;
  setInterval(() => {
    if (process.ppid !== parent) process.kill(process.pid, "SIGKILL");
  }, LOOK_MILLISECONDS);
}

if (!isMainThread && workerData === WATCHES) watch();
