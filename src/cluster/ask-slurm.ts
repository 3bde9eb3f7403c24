import { execFile } from "node:child_process";
import { setTimeout as wait } from "node:timers/promises";
import { InputError, oneLine, WorkError } from "../errors.js";

/** The programs of Slurm that mtard calls. */
export type SlurmProgram = "sbatch" | "squeue" | "scancel" | "scontrol" | "sinfo" | "sacct" | "sacctmgr";

/** What a program said and how it ended; null if it did not end in time. */
export interface SlurmAnswer {
  readonly code: number | null;
  readonly out: string;
  readonly error: string;
}

/** Milliseconds that a call may take. */
const LONGEST = 120_000;
/** Milliseconds that a controller may be away before reading is given up: time to restart it. */
export const PATIENCE = 90_000;
const MOST_BYTES = 2 ** 28;

const UNREACHABLE =
  /unable to contact slurm controller|socket timed out|zero bytes were transmitted|communication connection failure|connection refused|transport endpoint|unexpected message received|controller .*(standby|not responding)|protocol authentication error/i;
const NOT_CONFIGURED = /could not establish a configuration source|cannot stat file .*slurm\.conf/i;

/** Whether an answer says that the controller was not there: then nobody knows whether it took what was asked. */
export function isUnreachable({ code, error }: SlurmAnswer): boolean {
  return code === null || (code !== 0 && UNREACHABLE.test(error));
}

/**
 * Calls a program of Slurm and waits for its end; while the controller is away it is called again.
 *
 * @param patience Milliseconds from the first call after which it is not called again; 0 for what must not be done twice.
 * @throws {InputError} if there is no such program, or Slurm is not set up here.
 */
export async function askSlurm(
  program: SlurmProgram,
  args: readonly string[],
  patience = PATIENCE,
): Promise<SlurmAnswer> {
  const end = performance.now() + patience;
  for (let pause = 500; ; pause = Math.min(2 * pause, 10_000)) {
    const answer = await call(program, args);
    if (NOT_CONFIGURED.test(answer.error))
      throw new InputError("Slurm is installed here, but does not know its cluster", {
        expected: "a configuration in /etc/slurm/slurm.conf, or its path in SLURM_CONF",
        found: firstError(answer.error),
        fix: "submit on a login node of the cluster, or set SLURM_CONF",
      });
    if (!isUnreachable(answer) || performance.now() + pause > end) return answer;
    await wait(pause);
  }
}

/**
 * Reads what a program of Slurm says.
 *
 * @throws {WorkError} if it fails, and as {@link askSlurm}.
 */
export async function readSlurm(program: SlurmProgram, ...args: readonly string[]): Promise<string> {
  const answer = await askSlurm(program, args);
  if (answer.code === 0) return answer.out;
  throw slurmFailure(program, answer);
}

/** The error for a program of Slurm that failed. */
export function slurmFailure(program: SlurmProgram, answer: SlurmAnswer): WorkError {
  if (isUnreachable(answer))
    return new WorkError("Slurm's controller does not answer", {
      found:
        answer.code === null ? `${program} did not end in ${LONGEST / 1000} s` : firstError(answer.error),
      fix: "queued and running jobs go on; scontrol ping says when it is back, then run the same command",
    });
  return new WorkError(`${program} failed`, {
    found: firstError(answer.error) || `exit code ${answer.code ?? "none"} and no message`,
    fix: "squeue and sinfo show how the cluster is",
  });
}

/** What a program of Slurm complains of, without its name, in one line. */
export function firstError(text: string): string {
  const lines = text.split("\n").filter((line) => line.trim() !== "");
  return oneLine(lines.map((line) => line.replace(/^\w+: (error|fatal): /, "")).join("; ")).slice(0, 500);
}

function call(program: SlurmProgram, args: readonly string[]): Promise<SlurmAnswer> {
  return new Promise((done, fail) => {
    execFile(
      program,
      [...args],
      { env: environmentFor(program), timeout: LONGEST, killSignal: "SIGKILL", maxBuffer: MOST_BYTES },
      (error, out, text) => {
        if (!error) done({ code: 0, out, error: text });
        else if (error.code === "ENOENT") fail(noSlurm(program));
        else if (typeof error.code === "number") done({ code: error.code, out, error: text });
        else if (error.killed === true) done({ code: null, out, error: text });
        else fail(new WorkError(`${program} cannot be run`, { found: error.message, cause: error }));
      },
    ).stdin?.end();
  });
}

function noSlurm(program: SlurmProgram): InputError {
  return new InputError(`there is no ${program} on this machine`, {
    expected: "Slurm's programs (sbatch, squeue, scancel, scontrol, sinfo) in the PATH",
    found: "none of that name",
    fix: "run the same command on a login node of the cluster, or without --on slurm (--jobs N uses this machine)",
  });
}

/**
 * The environment of a call: a person's own formats and filters (SQUEUE_FORMAT, ...) are for what a person reads. Jobs inherit that of sbatch,
 * so there only goes what would make it wait for them.
 */
function environmentFor(program: SlurmProgram): NodeJS.ProcessEnv {
  const own =
    program === "sbatch" ? /^SBATCH_WAIT$/ : new RegExp(`^(${program.toUpperCase()}_|SLURM_TIME_FORMAT$)`);
  const kept = Object.entries(process.env).filter(([name]) => !own.test(name));
  // Otherwise lists of array indices end in "..." after 64 characters.
  return { ...Object.fromEntries(kept), ...(program === "sbatch" ? {} : { SLURM_BITSTR_LEN: "0" }) };
}
