import { resolve } from "node:path";
import { fileURLToPath } from "node:url";
import type { JobFiles } from "./board.js";

const MAIN = fileURLToPath(new URL("../cli/main.js", import.meta.url));

/** The exit code of a worker that was stopped as asked and has saved everything. */
export const STOPPED = 75;

/** The program and arguments that do a job, from any folder. */
export function workerCall({ job }: JobFiles): string[] {
  return [process.execPath, MAIN, "jobs", "run", resolve(job)];
}
