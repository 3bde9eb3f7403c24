import type { Argv } from "yargs";

/** Who does the jobs of a call, and where; checked in `perform-call.ts`. */
export interface JobArguments {
  jobs: unknown;
  dryRun: boolean;
  on: "slurm" | undefined;
  wait: boolean;
  partition: unknown;
  account: unknown;
  gres: unknown;
  time: unknown;
  cpus: unknown;
  mem: unknown;
  maxJobs: unknown;
  sbatch: string[] | undefined;
  lead: unknown;
  tries: unknown;
}

const text = { type: "string", requiresArg: true } as const;

/** What each job asks of Slurm, checked with `readSlurmOptions`. */
const slurmOptions = {
  partition: { ...text, describe: "one, or several with commas", defaultDescription: "the cluster's" },
  account: { ...text, describe: "whose time it is" },
  gres: { ...text, describe: "such as gpu:1" },
  time: { ...text, describe: "the limit of a try, such as 4:00:00", defaultDescription: "the partition's" },
  cpus: { requiresArg: true, describe: "processors", defaultDescription: "as this machine's threads" },
  mem: { ...text, describe: "such as 16G", defaultDescription: "the partition's" },
  "max-jobs": { requiresArg: true, describe: "so many at once of each array" },
  sbatch: { ...text, array: true, nargs: 1, describe: "another option of sbatch, KEY=VALUE" },
  lead: {
    requiresArg: true,
    describe: "seconds before the limit at which a job saves",
    defaultDescription: "300, or a twelfth of the limit",
  },
  tries: { requiresArg: true, describe: "so many without progress end a job", defaultDescription: "5" },
} as const;

/** The options that only jobs on a cluster have, by the names that handlers see. */
export const clusterOptionNames = [
  "partition",
  "account",
  "gres",
  "time",
  "cpus",
  "mem",
  "maxJobs",
  "sbatch",
  "lead",
  "tries",
] as const;

/** Adds the options that say who does the jobs of a call. */
export function withJobOptions(yargs: Argv): Argv {
  return yargs
    .option("jobs", {
      requiresArg: true,
      describe: "so many processes at once on this machine, each with a GPU or cores of its own",
    })
    .option("on", { ...text, choices: ["slurm"], describe: "submit the jobs to this cluster" })
    .option("wait", {
      type: "boolean",
      default: false,
      describe: "with --on: stay until all jobs are over, and go on with what came of them",
    })
    .options(slurmOptions)
    .group([...Object.keys(slurmOptions)], "Options of each job on Slurm:")
    .option("dry-run", { type: "boolean", default: false, describe: "only print what would be done" });
}
