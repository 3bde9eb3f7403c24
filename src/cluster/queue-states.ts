import { WorkError } from "../errors.js";
import { arrayOf, indicesOf, isJobId, jobIdsOf } from "./array-ids.js";
import { askSlurm, isUnreachable, slurmFailure } from "./ask-slurm.js";
import { type JobReport, sentenceOf, type SlurmJobState, stateOf } from "./job-reports.js";
import { secondsOf } from "./slurm-time.js";

/** How a job is in Slurm's queue, or was. */
export interface QueueState {
  /** `gone`: Slurm knows nothing of it any more. */
  readonly state: SlurmJobState | "gone";
  /** Why it waits, or how it ended, in a sentence; empty if there is nothing to say. */
  readonly why: string;
  /** Where it runs or ran; null if nowhere. */
  readonly node: string | null;
  /** Seconds until its time limit; null if it does not run or has none. */
  readonly secondsLeft: number | null;
}

const GONE: QueueState = { state: "gone", why: "Slurm has forgotten it", node: null, secondsLeft: null };

/** Arrays that one call asks for. */
const AT_ONCE = 200;

/**
 * Asks Slurm how jobs are: squeue for those that wait and run, scontrol for those that ended of late, sacct for others where the cluster keeps
 * accounts.
 *
 * @param jobIds Slurm's ids, such as `12_3`.
 * @returns A state for each of the ids.
 * @throws {InputError} without Slurm on this machine; {@link WorkError} if its controller does not answer.
 */
export async function queueStates(jobIds: readonly string[]): Promise<ReadonlyMap<string, QueueState>> {
  for (const id of jobIds)
    if (!isJobId(id)) throw new WorkError("not the id of a job in Slurm's queue", { found: id });
  const states = new Map<string, QueueState>();
  const open = (): string[] => jobIds.filter((id) => !states.has(id));
  const take = (reports: ReadonlyMap<string, JobReport>): void => {
    for (const id of open()) {
      const report = reports.get(id);
      if (report) states.set(id, stateFrom(report));
    }
  };
  take(await queued(open()));
  for (const array of new Set(open().map(arrayOf))) take(await recent(array));
  if (open().length > 0) take(await accounted(open()));
  return new Map(jobIds.map((id) => [id, states.get(id) ?? GONE]));
}

function stateFrom(report: JobReport): QueueState {
  const state = stateOf(report.state);
  const secondsLeft = state === "running" ? secondsOf(report.timeLeft) : null;
  return { state, why: sentenceOf(report), node: report.nodes === "" ? null : report.nodes, secondsLeft };
}

/** What squeue says of jobs that wait and run. */
async function queued(jobIds: readonly string[]): Promise<ReadonlyMap<string, JobReport>> {
  const reports = new Map<string, JobReport>();
  const arrays = [...new Set(jobIds.map(arrayOf))];
  for (let first = 0; first < arrays.length; first += AT_ONCE) {
    const jobs = arrays.slice(first, first + AT_ONCE).join();
    const answer = await askSlurm("squeue", [
      "--noheader",
      "--array",
      `--jobs=${jobs}`,
      "--format=%i|%T|%N|%L|%r",
    ]);
    if (answer.code !== 0 && !/invalid job id/i.test(answer.error)) throw slurmFailure("squeue", answer);
    for (const [id, report] of parseQueue(answer.out)) reports.set(id, report);
  }
  return reports;
}

/** Reads what squeue says in the format `%i|%T|%N|%L|%r`. */
export function parseQueue(text: string): Map<string, JobReport> {
  const reports = new Map<string, JobReport>();
  for (const line of text.split("\n")) {
    const [ids = "", state = "", nodes = "", timeLeft = "", ...reason] = line.trim().split("|");
    for (const id of jobIdsOf(ids))
      reports.set(id, { id, state, nodes, timeLeft, reason: reason.join("|"), exit: "" });
  }
  return reports;
}

/** What the controller still knows of an array, or of a job that is none; nothing once it has forgotten it. */
async function recent(array: string): Promise<ReadonlyMap<string, JobReport>> {
  const answer = await askSlurm("scontrol", ["show", "job", array, "--oneliner"]);
  if (answer.code !== 0 && isUnreachable(answer)) throw slurmFailure("scontrol", answer);
  return parseJobs(answer.out);
}

/** Reads `scontrol show job --oneliner`. */
export function parseJobs(text: string): Map<string, JobReport> {
  const reports = new Map<string, JobReport>();
  for (const line of text.split("\n")) {
    // The first of its name: names of files, which come later, could hold anything.
    const field = (key: string): string => new RegExp(`(?:^|\\s)${key}=(\\S*)`).exec(line)?.[1] ?? "";
    const [array, indices, job] = [field("ArrayJobId"), field("ArrayTaskId"), field("JobId")];
    const ids =
      array === ""
        ? jobIdsOf(job)
        : indicesOf(indices.replace(/%\d+$/, "")).map((index) => `${array}_${index}`);
    for (const id of ids)
      reports.set(id, {
        ...{ id, timeLeft: "", exit: field("ExitCode") },
        state: field("JobState"),
        nodes: field("NodeList").replace(/^\(null\)$/, ""),
        reason: field("Reason"),
      });
  }
  return reports;
}

/** What sacct says of jobs that the controller has forgotten; nothing where the cluster keeps no accounts. */
async function accounted(jobIds: readonly string[]): Promise<ReadonlyMap<string, JobReport>> {
  const jobs = [...new Set(jobIds.map(arrayOf))].join();
  const format = ["--format=JobID,State,ExitCode,NodeList"];
  try {
    const call = ["--noheader", "--parsable2", "--allocations", "--array", `--jobs=${jobs}`, ...format];
    return parseAccounts((await askSlurm("sacct", call, 0)).out);
  } catch {
    return new Map();
  }
}

/** Reads what sacct says in the format `JobID,State,ExitCode,NodeList`. */
export function parseAccounts(text: string): Map<string, JobReport> {
  const reports = new Map<string, JobReport>();
  for (const line of text.split("\n")) {
    const [ids = "", state = "", exit = "", nodes = ""] = line.trim().split("|");
    for (const id of jobIdsOf(ids))
      reports.set(id, {
        ...{ id, exit, timeLeft: "", reason: "" },
        // "CANCELLED by 1000"
        state: state.split(" ")[0] ?? "",
        nodes: nodes.startsWith("None") ? "" : nodes,
      });
  }
  return reports;
}
