import { chmodSync, existsSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { hostname, tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { cancel } from "#mtard/cluster/cancel.js";
import { type QueueState, queueStates } from "#mtard/cluster/queue-states.js";
import { nodesOf, requireSlurm } from "#mtard/cluster/require-slurm.js";
import { readSlurmOptions, type SlurmFlags } from "#mtard/cluster/slurm-options.js";
import { type SlurmTask, submit } from "#mtard/cluster/submit.js";
import { InputError } from "#mtard/errors.js";
import { hasNamespaces, hasSlurm, type LocalCluster, startCluster } from "./local-cluster.js";

/**
 * A worker that knows nothing of training. In each mode but `slow` it has to be begun a second time; then it is done.
 *
 * `save`: waits for TERM, saves, and exits with 75. `hang`: waits for its end. `die`: is killed. `fail`: fails always. `slow`: until FILE.go.
 */
const WORKER = `#!/bin/bash
mode=$1 file=$2
echo "begun on $(hostname)"
case "$mode" in
done) exit 0 ;;
fail) exit 3 ;;
slow) while [ ! -e "$file.go" ]; do sleep 0.1; done; exit 0 ;;
esac
if [ -e "$file.begun" ]; then exit 0; fi
trap 'echo saved; exit 75' TERM
read -r _ _ _ step _ <"/proc/$PPID/stat"
echo "$$ $PPID $step" >"$file.begun"
if [ "$mode" = die ]; then kill -KILL $$; fi
if [ "$mode" = hang ]; then trap "" TERM; fi
while :; do sleep 0.1; done
`;

let cluster: LocalCluster;
const at = (name: string): string => join(cluster.folder, "runs", name);
const logOf = (id: string): string => readFileSync(at(`${id}.log`), "utf8");

function task(mode: string, id: string, ...after: string[]): SlurmTask {
  writeFileSync(at(`${id}.json`), "{}");
  const files = { log: at(`${id}.log`), jobFile: at(`${id}.json`) };
  return { id, name: `${mode} ${id}`, argv: [at("worker"), mode, at(id)], ...files, after };
}

async function submitted(
  tasks: readonly SlurmTask[],
  flags: SlurmFlags = {},
): Promise<ReadonlyMap<string, string>> {
  const options = readSlurmOptions({ time: "30", cpus: 1, ...flags });
  const there = await requireSlurm(options);
  return submit(tasks, { options, cluster: there, folder: at("slurm"), label: "test" });
}

/** The jobs' states by the tasks' ids, once a condition holds. */
async function statesWhen(
  ids: ReadonlyMap<string, string>,
  holds: (states: Readonly<Record<string, QueueState>>) => boolean,
): Promise<Readonly<Record<string, QueueState>>> {
  for (;;) {
    const found = await queueStates([...ids.values()]);
    const states = Object.fromEntries([...ids].map(([id, job]) => [id, found.get(job) as QueueState]));
    if (holds(states)) return states;
    await wait(300);
  }
}

const areOver = (states: Readonly<Record<string, QueueState>>): boolean =>
  Object.values(states).every(({ state }) => !["queued", "running"].includes(state));
const begun = async (...names: string[]): Promise<void> => {
  while (!names.every((id) => existsSync(at(`${id}.begun`)))) await wait(50);
};

describe.skipIf(!hasSlurm)("a cluster (needs Slurm: apt-get install slurm-wlm munge)", () => {
  /** Jobs that meet a limit of a minute while the other tests run. */
  let limited: ReadonlyMap<string, string>;
  beforeAll(async () => {
    cluster = startCluster();
    mkdirSync(at(""));
    writeFileSync(at("worker"), WORKER);
    chmodSync(at("worker"), 0o755);
    const tasks = [task("save", "limit"), task("done", "after-limit", "limit"), task("hang", "stubborn")];
    limited = await submitted(tasks, { time: "1", extra: ["nodelist=node2"] });
  });
  afterAll(() => cluster.stop());

  it("says what it does not have", async () => {
    const refused = async (flags: SlurmFlags): Promise<unknown> => {
      try {
        await requireSlurm(readSlurmOptions(flags));
        return "nothing";
      } catch (error) {
        if (!(error instanceof InputError)) throw error;
        return [error.message, error.detail.expected];
      }
    };
    expect(await refused({ partition: "urgnt" })).toEqual([
      'there is no partition urgnt; did you mean "urgent"?',
      "one of main, urgent",
    ]);
    expect(await refused({ gres: "gpu:3" })).toEqual(["no node has what --gres gpu:3 asks for", "gpu:2"]);
    expect(await refused({ cpus: 5 })).toEqual([
      "no node has 5 processors for --cpus",
      "at most 4, as the largest node of main",
    ]);
    expect(await refused({ mem: "5G" })).toEqual([
      "no node has the memory for --mem 5G",
      "at most 4096M, as the largest node of main",
    ]);
    expect(await refused({ partition: "urgent", time: "2:00:00" })).toEqual([
      "--time 2:00:00 is longer than the partition allows",
      "at most 60 minutes in urgent",
    ]);
    expect(await refused({ extra: ["qso=x"] })).toEqual([
      'sbatch has no option --qso; did you mean "qos"?',
      "an option that sbatch --help lists",
    ]);
    expect(await refused({ gres: "gpu:2", cpus: 4, mem: "4G", time: "1-0" })).toBe("nothing");
    expect(await nodesOf(null)).toEqual(hasNamespaces ? ["node1", "node2"] : [hostname()]);
    expect(await requireSlurm(readSlurmOptions({ partition: "urgent" }))).toMatchObject({
      limitSeconds: 3600,
      arraySize: 1000,
    });
  });

  it("does jobs when what they need is done, and none whose need has failed", async () => {
    const tasks = [
      ...[task("done", "m1", "t1"), task("done", "m2", "t2"), task("done", "both", "m1", "t1")],
      ...[task("slow", "t1"), task("fail", "t2"), task("done", "never", "m1", "m2")],
    ];
    const ids = await submitted(tasks, { gres: "gpu:1" });
    await statesWhen(ids, ({ t1, t2 }) => t1?.state === "running" && t2?.state === "failed");
    const [early] = [await queueStates([ids.get("m1") ?? ""])];
    expect([...early.values()]).toMatchObject([{ state: "queued", why: "waits for the jobs it needs" }]);
    writeFileSync(at("t1.go"), "");
    const states = await statesWhen(ids, areOver);
    const ends = Object.entries(states).map(([id, { state, why }]) => `${id} ${state} ${why}`.trim());
    expect(ends.sort()).toEqual([
      ...["both done", "m1 done", "m2 cancelled a job that it needs has failed"],
      ...["never cancelled a job that it needs has failed", "t1 done", "t2 failed failed with exit code 3"],
    ]);
    expect(logOf("t1")).toMatch(/^mtard: slow t1: job \d+_0 on \S+, try 1\nbegun on \S+\n$/);
  });

  it("queues a job again that a person requeues, or whose worker is killed, and only those", async () => {
    const ids = await submitted([task("save", "requeued"), task("die", "killed"), task("save", "cancelled")]);
    await begun("requeued", "cancelled", "killed");
    await cancel([ids.get("cancelled") ?? ""]);
    cluster.call("scontrol", "requeue", ids.get("requeued") ?? "");
    const states = await statesWhen(ids, areOver);
    expect(states).toMatchObject({
      ...{ requeued: { state: "done" }, killed: { state: "done" } },
      cancelled: { state: "cancelled", why: "was cancelled" },
    });
    for (const id of ["requeued", "cancelled"]) expect(logOf(id).match(/^saved$/gm)).toHaveLength(1);
    expect(logOf("requeued")).toMatch(/, try 2\nbegun/);
    expect(logOf("killed")).toMatch(/the worker was killed[^]*queued again[^]*, try 2\nbegun/);
    expect(logOf("cancelled")).not.toMatch(/try 2|queued again/);
    // What is over already is no error.
    await cancel([...ids.values()]);
  });

  it("queues a job again that gives way to a more urgent one", async () => {
    const low = await submitted([task("save", "low")], { cpus: 4, extra: ["nodelist=node1"] });
    await begun("low");
    const high = await submitted([task("done", "high")], {
      partition: "urgent",
      cpus: 4,
      extra: ["nodelist=node1"],
    });
    expect(await statesWhen(high, areOver)).toMatchObject({ high: { state: "done" } });
    expect(await statesWhen(low, areOver)).toMatchObject({ low: { state: "done" } });
    expect(logOf("low")).toMatch(/saved\n[^]*, try 2\nbegun/);
    expect(logOf("low")).not.toContain("queued again");
  });

  it("does a job to its end whose node is lost, and comes back with another name", async () => {
    const tasks = [task("hang", "lost"), task("done", "after-lost", "lost")];
    const ids = await submitted(tasks, { extra: ["nodelist=node1"] });
    await begun("lost");
    await cluster.end("slurmd-node1", "SIGKILL");
    for (const id of readFileSync(at("lost.begun"), "utf8").trim().split(" ").reverse()) {
      try {
        process.kill(Number(id), "SIGKILL");
      } catch {
        // It ended with the one before.
      }
    }
    await statesWhen(ids, ({ lost }) => lost?.state === "queued");
    const name = hasNamespaces
      ? ["unshare", "--uts", "sh", "-c", "hostname stranger && exec slurmd -N node1"]
      : [];
    if (hasNamespaces) cluster.call(name[0] ?? "", ...name.slice(1));
    else cluster.start();
    expect(await statesWhen(ids, areOver)).toMatchObject({
      ...{ lost: { state: "done" }, "after-lost": { state: "done" } },
    });
    expect(logOf("lost")).toMatch(hasNamespaces ? /on stranger, try 2\nbegun on stranger/ : /try 2\nbegun/);
  });

  it("is waited for while its controller and a node's daemon restart, and takes a job once", async () => {
    const ids = await submitted([task("slow", "before")], { extra: ["nodelist=node2"] });
    await statesWhen(ids, ({ before }) => before?.state === "running");
    await cluster.end("slurmd-node2", "SIGTERM");
    await cluster.end("slurmctld", "SIGTERM");
    const [states, during] = [queueStates([...ids.values()]), submitted([task("done", "during")])];
    await wait(1000);
    cluster.start();
    expect((await states).get(ids.get("before") ?? "")).toMatchObject({ state: "running" });
    writeFileSync(at("before.go"), "");
    for (const id of [ids, await during]) expect(areOver(await statesWhen(id, areOver))).toBe(true);
    expect(logOf("during").match(/begun/g)).toHaveLength(1);
    expect(logOf("before").match(/begun/g)).toHaveLength(1);
  });

  it("saves a job before its time limit, and goes on with it", async () => {
    const states = await statesWhen(limited, ({ limit, "after-limit": after }) =>
      [limit, after].every((each) => each?.state === "done"),
    );
    expect(logOf("limit")).toMatch(
      /, try 1\nbegun[^]*the time limit is near, saving\nsaved\n[^]*queued again\n[^]*, try 2\nbegun/,
    );
    expect(logOf("after-limit").match(/begun/g)).toHaveLength(1);
    // One that does not save goes on until Slurm ends it.
    expect(["running", "failed"]).toContain(states["stubborn"]?.state);
  });
});

describe.skipIf(!hasSlurm || !hasNamespaces)(
  "a node without the shared disk (needs Slurm and namespaces)",
  () => {
    let shared: string;
    beforeAll(() => {
      shared = mkdtempSync(join(tmpdir(), "mtard-unshared-"));
      cluster = startCluster({ UNSHARED: shared });
    });
    afterAll(() => {
      cluster.stop();
      rmSync(shared, { recursive: true });
    });

    it("is named with what it lacks", async () => {
      const options = readSlurmOptions({ extra: ["nodelist=node2"] });
      const there = await requireSlurm(options);
      const inShared = { log: join(shared, "a.log"), jobFile: join(shared, "a.json") };
      const inBoth = { log: join(cluster.folder, "b.log"), jobFile: join(shared, "a.json") };
      writeFileSync(inShared.jobFile, "{}");
      const worker = { name: "a worker", argv: ["true"], after: [] };
      const label = "test";
      const all = await submit([{ id: "log", ...worker, ...inShared }], {
        ...{ options, cluster: there, folder: join(shared, "slurm"), label },
      });
      const one = await submit([{ id: "job", ...worker, ...inBoth }], {
        ...{ options, cluster: there, folder: join(cluster.folder, "slurm"), label },
      });
      const states = await statesWhen(new Map([...all, ...one]), ({ log }) => log?.state === "failed");
      expect(states["log"]?.why).toBe("node2 cannot write its log: it does not share the folder of runs");
      // The other one waits for the file for half a minute.
      await cancel([...one.values()]);
    });
  },
);
