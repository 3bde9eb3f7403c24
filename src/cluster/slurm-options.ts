import { InputError } from "../errors.js";
import { checkTimeLimit } from "./slurm-time.js";

/** What a person asks Slurm for, checked; null leaves it to Slurm. */
export interface SlurmOptions {
  /** One partition, or several with commas. */
  readonly partition: string | null;
  readonly account: string | null;
  /** Generic resources of each job, such as `gpu:1`. */
  readonly gres: string | null;
  /** The limit on a job's time as Slurm writes it, and in seconds. */
  readonly time: string | null;
  readonly timeSeconds: number | null;
  /** Processors of each job. */
  readonly cpus: number | null;
  /** Memory of each job, such as `16G`. */
  readonly mem: string | null;
  /** How many jobs of one array run at once. */
  readonly maxJobs: number | null;
  /** Other options of sbatch by their long names; null for one without a value. */
  readonly extra: readonly (readonly [name: string, value: string | null])[];
  /** How many tries without progress in between end a job. */
  readonly tries: number;
  /** Seconds before the limit at which a job is told to save; null leaves it to the limit. */
  readonly lead: number | null;
}

/** The options as flags or a configuration file give them; `extra` holds texts `KEY=VALUE`. */
export type SlurmFlags = Partial<Record<Exclude<keyof SlurmOptions, "timeSeconds">, unknown>>;

/** Tries without progress, if nobody says. */
const USUAL_TRIES = 5;

/** The flag of each option, for errors. */
const flagOf = {
  partition: "--partition",
  account: "--account",
  gres: "--gres",
  time: "--time",
  cpus: "--cpus",
  mem: "--mem",
  maxJobs: "--max-jobs",
  extra: "--sbatch",
  tries: "--tries",
  lead: "--lead",
} as const satisfies Record<keyof SlurmFlags, string>;

/** What mtard says to sbatch itself, and how to say it to mtard, if at all. */
const ours: Readonly<Partial<Record<string, string>>> = {
  ...{ partition: flagOf.partition, account: flagOf.account, gres: flagOf.gres, time: flagOf.time },
  ...{ "cpus-per-task": flagOf.cpus, mem: flagOf.mem, signal: flagOf.lead },
  ...{ array: flagOf.maxJobs, "job-name": "", output: "", error: "", input: "", "open-mode": "" },
  ...{ requeue: "", "no-requeue": "", dependency: "", "kill-on-invalid-dep": "", parsable: "", wrap: "" },
  ...{ wait: "", "test-only": "", help: "", usage: "", version: "", clusters: "", chdir: "" },
};

/**
 * Checks what a person asks Slurm for; whether this cluster has it, {@link requireSlurm} finds out.
 *
 * @throws {InputError} naming the option that is none, or that could not be said to sbatch in one word.
 */
export function readSlurmOptions(flags: SlurmFlags): SlurmOptions {
  const time = word("time", flags.time);
  const timeSeconds = time === null ? null : checkTimeLimit(time);
  const lead = quantity("lead", flags.lead);
  if (lead !== null && timeSeconds !== null && lead > timeSeconds / 2)
    throw new InputError("--lead leaves a job no time to work", {
      expected: `at most half of --time: ${timeSeconds / 2} seconds`,
      found: String(lead),
    });
  const mem = word("mem", flags.mem);
  if (mem !== null && !/^[1-9]\d{0,11}[KMGT]?$/i.test(mem))
    throw new InputError("--mem is no amount of memory", { expected: "such as 16G or 4000M", found: mem });
  return {
    partition: word("partition", flags.partition),
    account: word("account", flags.account),
    gres: word("gres", flags.gres),
    ...{ time, timeSeconds, mem, lead },
    cpus: quantity("cpus", flags.cpus),
    maxJobs: quantity("maxJobs", flags.maxJobs),
    extra: listOf(flags.extra).map(readExtra),
    tries: quantity("tries", flags.tries) ?? USUAL_TRIES,
  };
}

/** Whether a text can stand in a line `#SBATCH --name=TEXT` as it is, and is no option itself. */
function isWord(text: string): boolean {
  return text !== "" && text.length <= 1000 && !text.startsWith("-") && !/[\s\p{C}"'\\#]/u.test(text);
}

function word(name: keyof SlurmFlags, value: unknown): string | null {
  if (value === undefined || value === null) return null;
  const text = typeof value === "number" ? String(value) : value;
  if (typeof text === "string" && isWord(text)) return text;
  throw new InputError(`${flagOf[name]} cannot be said to Slurm`, {
    expected: "one word without spaces, quotes, backslashes and #, that does not begin with a dash",
    found: typeof text === "string" ? JSON.stringify(text.slice(0, 200)) : typeof text,
  });
}

function quantity(name: keyof SlurmFlags, value: unknown): number | null {
  if (value === undefined || value === null) return null;
  const number = typeof value === "string" && /^\d{1,9}$/.test(value) ? Number(value) : value;
  if (typeof number === "number" && Number.isInteger(number) && number >= 1 && number <= 1e9) return number;
  throw new InputError(`${flagOf[name]} is no number of that`, {
    expected: "a whole number from 1",
    found: typeof value === "string" || typeof value === "number" ? String(value) : typeof value,
  });
}

function listOf(value: unknown): unknown[] {
  if (value === undefined || value === null) return [];
  return Array.isArray(value) ? value : [value];
}

function readExtra(text: unknown): readonly [string, string | null] {
  const [, name = "", , value = null] =
    /^([a-z][a-z0-9-]*)(=([^]*))?$/.exec(typeof text === "string" ? text.replace(/^--/, "") : "") ?? [];
  const own = ours[name];
  if (own !== undefined)
    throw new InputError(`--sbatch cannot set ${name}: mtard says it to sbatch itself`, {
      found: String(text),
      ...(own === "" ? {} : { fix: `use ${own}` }),
    });
  if (name !== "" && (value === null || isWord(value))) return [name, value];
  throw new InputError("--sbatch is no option of sbatch", {
    expected: "KEY=VALUE, as in --sbatch qos=long, in one word without spaces, quotes, backslashes and #",
    found: typeof text === "string" ? JSON.stringify(text.slice(0, 200)) : typeof text,
    fix: "sbatch --help lists them",
  });
}
