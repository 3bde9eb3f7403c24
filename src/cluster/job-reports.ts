import { oneLine } from "../errors.js";
import { exits } from "./batch-script.js";

/** What Slurm says of a job, in its own words; empty where it says nothing. */
export interface JobReport {
  readonly id: string;
  /** Such as `PENDING`. */
  readonly state: string;
  readonly nodes: string;
  /** Until its time limit, as `1-02:03:04`. */
  readonly timeLeft: string;
  /** Why it waits or ended, such as `Resources`. */
  readonly reason: string;
  /** Exit code and signal, as `0:53`. */
  readonly exit: string;
}

/** How a job is. */
export type SlurmJobState = "queued" | "running" | "done" | "failed" | "cancelled";

const states: Readonly<Partial<Record<string, SlurmJobState>>> = {
  ...{ PENDING: "queued", REQUEUED: "queued", REQUEUE_FED: "queued", REQUEUE_HOLD: "queued" },
  ...{ SPECIAL_EXIT: "queued", RESV_DEL_HOLD: "queued" },
  ...{ RUNNING: "running", CONFIGURING: "running", COMPLETING: "running", SUSPENDED: "running" },
  ...{ STOPPED: "running", SIGNALING: "running", STAGE_OUT: "running", RESIZING: "running" },
  COMPLETED: "done",
  ...{ CANCELLED: "cancelled", REVOKED: "cancelled" },
};

/** How a job is by Slurm's word for it; what is none of the others has failed (`TIMEOUT`, `NODE_FAIL`, ...). */
export function stateOf(state: string): SlurmJobState {
  return states[state] ?? "failed";
}

/** Why jobs wait. Of what is not here, Slurm's word is the sentence. */
const waits: Readonly<Partial<Record<string, string>>> = {
  Resources: "waits for a free node",
  Priority: "waits behind jobs of higher priority",
  Dependency: "waits for the jobs it needs",
  DependencyNeverSatisfied: "a job that it needs has failed",
  JobArrayTaskLimit: "waits until others of the array are done (--max-jobs)",
  BeginTime: "was queued again and waits a moment",
  JobHeldUser: "is held: scontrol release lets it go",
  JobHeldAdmin: "is held by an administrator",
  PartitionTimeLimit: "never starts: its --time is longer than the partition allows",
  PartitionConfig: "never starts: no node of the partition has what it asks for",
  PartitionDown: "waits for its partition, which is down",
  PartitionInactive: "waits for its partition, which takes no jobs",
  BadConstraints: "never starts: no node has what it asks for",
  ReqNodeNotAvail: "waits for nodes that are down or reserved",
  AccountNotAllowed: "never starts: the partition does not take this account",
  QOSNotAllowed: "never starts: the partition does not take this quality of service",
  Licenses: "waits for a licence",
  Reservation: "waits for its reservation",
  NodeDown: "waits for a node that is down",
};

/** How jobs end, where exit code and signal do not say it. */
const ends: Readonly<Partial<Record<string, string>>> = {
  TIMEOUT: "reached its time limit before it could save: a longer --time, or a longer --lead before its end",
  NODE_FAIL: "its node was lost",
  BOOT_FAIL: "its node could not start",
  OUT_OF_MEMORY: "had too little memory: more with --mem",
  PREEMPTED: "another job took its place, and this cluster does not queue it again",
  DEADLINE: "its deadline is over",
};

/** Why a job waits or how it ended, in a sentence that is harmless on a terminal; empty where there is nothing to say. */
export function sentenceOf(report: JobReport): string {
  const { state, reason, nodes } = report;
  const kind = stateOf(state);
  if (kind === "done") return "";
  const said = ["", "None", "(null)"].includes(reason) ? "" : oneLine(reason).slice(0, 200);
  if (kind === "queued") {
    const [word = ""] = reason.split(",");
    const meaning = waits[word];
    if (meaning !== undefined) return meaning;
    if (/^(Assoc|QOS)(Grp|Max)/.test(word)) return `waits for a limit on this account or user (${said})`;
    return said === "" ? "" : `waits (${said})`;
  }
  if (kind === "running") return state === "RUNNING" ? "" : oneLine(state.toLowerCase()).slice(0, 50);
  if (kind === "cancelled") return waits[reason] ?? "was cancelled";
  return (
    ends[state] ??
    reasonOfExit(report.exit, oneLine(nodes).slice(0, 200)) ??
    (said === "" ? "failed" : `failed (${said})`)
  );
}

/** What an exit code and signal (`66:0`) mean, after which a batch script ends; null if they say nothing. */
function reasonOfExit(exit: string, node: string): string | null {
  const [code, signal] = exit.split(":").map(Number);
  const where = node === "" ? "its node" : node;
  // How Slurm says that it could not open the log.
  if (signal === 53) return `${where} cannot write its log: it does not share the folder of runs`;
  if (signal !== undefined && signal > 0) return `was ended by signal ${signal}`;
  if (code === exits.noFolder) return `${where} cannot read its job: it does not share the folder of runs`;
  if (code === exits.noProgress) return "was given up after tries that made no progress";
  if (code === exits.stopped) return "was stopped and has saved; it was not queued again";
  if (code === exits.killed) return "its worker was killed, as for too little memory";
  return code !== undefined && code > 0 ? `failed with exit code ${code}` : null;
}
