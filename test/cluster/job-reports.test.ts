import { describe, expect, it } from "vitest";
import { type JobReport, sentenceOf, stateOf } from "#mtard/cluster/job-reports.js";

const report = (changes: Partial<JobReport>): JobReport => ({
  ...{ id: "1_0", state: "FAILED", nodes: "node7", timeLeft: "", reason: "NonZeroExitCode", exit: "1:0" },
  ...changes,
});

// The states of squeue's manual page.
it.each([
  ["queued", ["PENDING", "REQUEUED", "REQUEUE_HOLD", "SPECIAL_EXIT"]],
  ["running", ["RUNNING", "CONFIGURING", "COMPLETING", "SUSPENDED", "STAGE_OUT"]],
  ["done", ["COMPLETED"]],
  ["cancelled", ["CANCELLED", "REVOKED"]],
  [
    "failed",
    ["FAILED", "TIMEOUT", "NODE_FAIL", "OUT_OF_MEMORY", "BOOT_FAIL", "DEADLINE", "PREEMPTED", "NEWER"],
  ],
])("%s", (state, words) => {
  expect(words.map(stateOf)).toEqual(words.map(() => state));
});

describe("a sentence says", () => {
  it.each([
    ["its exit code", { exit: "3:0" }, "failed with exit code 3"],
    ["its signal", { exit: "0:11" }, "was ended by signal 11"],
    [
      "a node without the log's folder",
      { exit: "0:53", reason: "JobLaunchFailure" },
      /^node7 cannot write its log/,
    ],
    ["a node without the job's folder", { exit: "66:0" }, /^node7 cannot read its job/],
    ["no progress", { exit: "69:0" }, "was given up after tries that made no progress"],
    ["a stop", { exit: "75:0" }, /^was stopped and has saved/],
    ["a killed worker", { exit: "137:0" }, /^its worker was killed/],
    ["the time limit", { state: "TIMEOUT", exit: "0:1" }, /^reached its time limit/],
    ["the memory", { state: "OUT_OF_MEMORY", exit: "0:125" }, /--mem/],
    ["a lost node", { state: "NODE_FAIL", exit: "0:0" }, "its node was lost"],
    ["a need that failed", { state: "CANCELLED", reason: "DependencyNeverSatisfied" }, /needs has failed$/],
    ["a cancellation", { state: "CANCELLED", reason: "None" }, "was cancelled"],
    ["a wait", { state: "PENDING", reason: "Resources" }, "waits for a free node"],
    [
      "a wait for named nodes",
      { state: "PENDING", reason: "ReqNodeNotAvail, UnavailableNodes:n1" },
      /^waits for nodes/,
    ],
    [
      "a limit of the account",
      { state: "PENDING", reason: "QOSMaxJobsPerUserLimit" },
      /QOSMaxJobsPerUserLimit/,
    ],
    ["a wait of another kind", { state: "PENDING", reason: "Brand\u001b[31mNew" }, "waits (Brand?[31mNew)"],
    ["nothing of what runs", { state: "RUNNING", reason: "None" }, ""],
    ["nothing of what is done", { state: "COMPLETED", reason: "None", exit: "0:0" }, ""],
  ])("%s", (_, changes, sentence) => {
    if (typeof sentence === "string") expect(sentenceOf(report(changes))).toBe(sentence);
    else expect(sentenceOf(report(changes))).toMatch(sentence);
  });
});
