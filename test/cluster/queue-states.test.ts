import { expect, it } from "vitest";
import { parseAccounts, parseJobs, parseQueue, queueStates } from "#mtard/cluster/queue-states.js";
import { parseNodes, readPartitions } from "#mtard/cluster/require-slurm.js";

// What Slurm 22.05 printed on the local cluster; sacct's as its manual page describes it.
it("squeue: what waits and runs", () => {
  const text =
    "34_1|RUNNING|node2|0:56|None\n35_[1,3-4%2]|PENDING||1:00|Dependency\n12|PENDING||UNLIMITED|ReqNodeNotAvail, Reserved\nx|y\n";
  const reports = parseQueue(text);
  expect([...reports.keys()]).toEqual(["34_1", "35_1", "35_3", "35_4", "12"]);
  expect(reports.get("34_1")).toMatchObject({
    state: "RUNNING",
    nodes: "node2",
    timeLeft: "0:56",
    reason: "None",
  });
  expect(reports.get("12")?.reason).toBe("ReqNodeNotAvail, Reserved");
});

it("scontrol: what ended of late", () => {
  const text = [
    "JobId=4 ArrayJobId=2 ArrayTaskId=0 JobName=a.sh JobState=FAILED Reason=JobLaunchFailure ExitCode=0:53 ReqNodeList=(null) NodeList=node1 StdOut=/x/ JobState=DONE",
    "JobId=21 ArrayJobId=21 ArrayTaskId=2-3,7%2 JobName=b JobState=PENDING Reason=Dependency ExitCode=0:0 NodeList=(null)",
    "JobId=6 JobName=c JobState=CANCELLED Reason=None ExitCode=0:9 NodeList=node[1-2]",
    "slurm_load_jobs error: Invalid job id specified",
  ].join("\n");
  const reports = parseJobs(text);
  expect([...reports.keys()]).toEqual(["2_0", "21_2", "21_3", "21_7", "6"]);
  expect(reports.get("2_0")).toMatchObject({
    state: "FAILED",
    nodes: "node1",
    exit: "0:53",
    reason: "JobLaunchFailure",
  });
  expect(reports.get("6")).toMatchObject({ state: "CANCELLED", nodes: "node[1-2]" });
  expect(reports.get("21_3")?.nodes).toBe("");
});

it("sacct: what ended long ago", () => {
  const reports = parseAccounts(
    "12_0|CANCELLED by 1000|0:0|None assigned\n12_1|OUT_OF_MEMORY|0:125|n4\n12_[2-3]|PENDING|0:0|\n",
  );
  expect(reports.get("12_0")).toMatchObject({ state: "CANCELLED", nodes: "" });
  expect(reports.get("12_1")).toMatchObject({ state: "OUT_OF_MEMORY", exit: "0:125", nodes: "n4" });
  expect([...reports.keys()]).toEqual(["12_0", "12_1", "12_2", "12_3"]);
});

it("partitions and nodes", () => {
  const line = (name: string, rest: string): string => `PartitionName=${name} AllowGroups=ALL ${rest}`;
  expect(
    readPartitions(
      [
        line("main", "Default=YES DefaultTime=NONE MaxTime=UNLIMITED State=UP"),
        line("short", "Default=NO DefaultTime=00:30:00 MaxTime=1-00:00:00 State=DOWN"),
        line("urgent", "Default=NO DefaultTime=NONE MaxTime=01:00:00 State=UP"),
      ].join("\n"),
    ),
  ).toEqual([
    { name: "main", isDefault: true, isUp: true, longest: null, usual: null },
    { name: "short", isDefault: false, isUp: false, longest: 86_400, usual: 1800 },
    { name: "urgent", isDefault: false, isUp: true, longest: 3600, usual: 3600 },
  ]);
  expect(parseNodes("n1|host1|gpu|64+|515000+|gpu:a100:4(S:0-1)\nn2|n2|gpu|8|16000|(null)\n\n")).toEqual([
    { name: "n1", host: "host1", partition: "gpu", cpus: 64, memory: 515_000, gres: "gpu:a100:4(S:0-1)" },
    { name: "n2", host: "n2", partition: "gpu", cpus: 8, memory: 16_000, gres: "" },
  ]);
});

it("an id that is none is not said to Slurm", async () => {
  await expect(queueStates(["--version"])).rejects.toThrow("not the id of a job");
});
