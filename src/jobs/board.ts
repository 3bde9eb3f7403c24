import { existsSync, readdirSync } from "node:fs";
import { basename, dirname, join } from "node:path";
import { z } from "zod";
import { InputError, WorkError } from "../errors.js";
import { writeFileAtomically } from "../files/atomic.js";
import { readTextFile } from "../files/read-text.js";
import type { Job } from "../reproduction/job.js";
import { FORMAT, type JobFile, parseJobFile } from "./job-file.js";

/*
 * The folder of jobs that other processes do, beside the runs. A job has up to five files: what it is (`NAME-ID.json`), its messages
 * (`NAME-ID.log`), how far it is (`ID.status.json`, by whoever does it), its place in a queue (`ID.slurm.json`), and the lock of who does it.
 */

/** How far a job is, as its worker says. */
export interface JobStatus extends z.infer<typeof statusSchema> {}

const statusSchema = z.strictObject({
  state: z.enum(["running", "done", "failed", "stopped"]),
  host: z.string(),
  process: z.int(),
  /** When this try began, and when this was written: milliseconds since 1970. */
  began: z.number(),
  updated: z.number(),
  /** How often a worker has begun it. */
  tries: z.int().min(1),
  doing: z.string(),
  imagesPerSecond: z.number().nullable(),
  secondsLeft: z.number().nullable(),
  /** The share of the job's work that is done. */
  share: z.number(),
  /** What it made: the directory of a run, and whether it was trained or how many evaluations were made, in all its tries. */
  folder: z.string().nullable(),
  made: z.int().nonnegative(),
  error: z.string().nullable(),
});

/** The files of one job. */
export interface JobFiles {
  readonly id: string;
  readonly job: string;
  readonly status: string;
  readonly log: string;
  readonly lock: string;
  readonly slurm: string;
}

const MOST_BYTES = 2 ** 22;

/** The folder of the jobs of a folder of runs. */
export function jobsFolder(runsDir: string): string {
  return join(runsDir, "jobs");
}

/** The files of a job, which need not be there. */
export function filesOfJob(runsDir: string, job: Pick<Job, "id" | "name" | "kind">): JobFiles {
  const slug = `${job.kind}-${job.name}`.replace(/[^A-Za-z0-9.]+/g, "-").slice(0, 80);
  return filesNamed(jobsFolder(runsDir), slug, job.id);
}

/** The files of the job whose file is at a path. */
export function filesBeside(jobFile: string): JobFiles {
  const [, slug = "job", id = "0"] = /^(.*)-([0-9a-f]{16})\.json$/.exec(basename(jobFile)) ?? [];
  return filesNamed(dirname(jobFile), slug, id);
}

/** Two tables may call the same job by two names, so only its id is in the names of what there is one of. */
function filesNamed(folder: string, slug: string, id: string): JobFiles {
  const [named, plain] = [join(folder, `${slug}-${id}`), join(folder, id)];
  return {
    ...{ id, job: `${named}.json`, log: `${named}.log` },
    ...{ status: `${plain}.status.json`, lock: `${plain}.lock`, slurm: `${plain}.slurm.json` },
  };
}

/** Writes what a job is, for a worker to find; its paths start from where this process is. */
export function postJob(what: Omit<JobFile, "format" | "from">): JobFiles {
  const { job, dataset, places, threads } = what;
  const file: JobFile = { format: FORMAT, job, dataset, from: process.cwd(), places, threads };
  const files = filesOfJob(places.runsDir, job);
  const content = `${JSON.stringify(file, null, 2)}\n`;
  if (!existsSync(files.job) || readTextFile(files.job, MOST_BYTES) !== content)
    writeFileAtomically(files.job, content);
  return files;
}

/** Reads what a job is. @throws {InputError} if the file is none of a job. */
export function readJob(path: string): JobFile {
  if (!existsSync(path))
    throw new InputError(`there is no job ${path}`, {
      expected: "the file of a job, as mtard wrote it for a worker",
      found: "no such file",
      fix: "mtard jobs --all lists them",
    });
  let content: unknown;
  try {
    content = JSON.parse(readTextFile(path, MOST_BYTES));
  } catch (cause) {
    if (cause instanceof WorkError) throw cause;
    throw new InputError(`${path} cannot be read as a job`, {
      expected: "a file that mtard wrote for a worker",
      found: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
  return parseJobFile(content, path);
}

/** How far a job is; null if no worker has begun it, or what is there cannot be read. */
export function readStatus({ status }: JobFiles): JobStatus | null {
  if (!existsSync(status)) return null;
  try {
    return statusSchema.parse(JSON.parse(readTextFile(status, MOST_BYTES)));
  } catch {
    // A status is only what is said; the run directory has the truth.
    return null;
  }
}

export function writeStatus({ status }: JobFiles, content: JobStatus): void {
  writeFileAtomically(status, `${JSON.stringify(content)}\n`);
}

/** The files of all jobs that were posted beside a folder of runs, by name, each once. */
export function postedJobs(runsDir: string): JobFiles[] {
  const folder = jobsFolder(runsDir);
  if (!existsSync(folder)) return [];
  const all = readdirSync(folder)
    .filter((name) => /-[0-9a-f]{16}\.json$/.test(name))
    .sort()
    .map((name) => filesBeside(join(folder, name)));
  return [...new Map(all.map((files) => [files.id, files])).values()];
}

/** The files of the posted job with an id, or null. */
export function findPosted(runsDir: string, id: string): JobFiles | null {
  return postedJobs(runsDir).find((files) => files.id === id) ?? null;
}
