import { existsSync, readdirSync, readFileSync, readlinkSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { readSlurmOptions, type SlurmFlags } from "#mtard/cluster/slurm-options.js";
import { type SlurmTask, submit } from "#mtard/cluster/submit.js";
import { recoverSubmissions } from "#mtard/cluster/unrecorded.js";
import { InputError, WorkError } from "#mtard/errors.js";
import { useFakeSlurm } from "./fake-slurm.js";

const slurm = useFakeSlurm();
/** Numbers its arrays 1, 2, ... */
const counts = 'echo "$(grep -c "^sbatch" "$FOLDER/calls");cluster"';

const task = (id: string, ...after: string[]): SlurmTask => ({
  ...{ id, name: `the task ${id}`, argv: ["work", id], log: join(slurm.folder, `${id}.log`) },
  ...{ jobFile: join(slurm.folder, `${id}.json`), after },
});

async function submitted(
  tasks: readonly SlurmTask[],
  flags: SlurmFlags = {},
  arraySize = 1000,
): Promise<object> {
  const ids = await submit(tasks, {
    options: readSlurmOptions(flags),
    cluster: { partitions: [], nodes: [], limitSeconds: 3600, arraySize },
    ...{ folder: join(slurm.folder, "slurm"), label: "table 8/a" },
  });
  return Object.fromEntries(ids);
}

/** What sbatch was called with, by name; the script's path is none. */
function callsOf(): Record<string, string>[] {
  return slurm
    .calls()
    .filter((call) => call.startsWith("sbatch"))
    .map((call) =>
      Object.fromEntries(
        [...call.matchAll(/--([a-z-]+)(?:=(\S+))?/g)].map(([, name = "", value = ""]) => [name, value]),
      ),
    );
}

describe("tasks", () => {
  it("become arrays that wait for each other", async () => {
    slurm.set({ sbatch: counts });
    const tasks = [
      task("m1", "t1"),
      task("t1"),
      task("t2"),
      task("m2", "t2"),
      task("all", "m1", "m2"),
      task("old", "99_7"),
    ];
    expect(await submitted(tasks, { maxJobs: 3 })).toEqual({
      ...{ t1: "1_0", t2: "1_1", m1: "2_0", m2: "2_1", old: "3_7", all: "4_0" },
    });
    expect(callsOf().map(({ array, dependency }) => [array, dependency])).toEqual([
      ["0-1%3", undefined],
      ["0-1%3", "aftercorr:1"],
      ["7%3", "aftercorr:99"],
      ["0%3", "afterok:2_0:2_1"],
    ]);
  });

  it("are as many in an array as it may have", async () => {
    slurm.set({ sbatch: counts });
    const ids = await submitted(
      ["a", "b", "c", "d", "e"].map((id) => task(id)),
      {},
      2,
    );
    expect(ids).toEqual({ a: "1_0", b: "1_1", c: "2_0", d: "2_1", e: "3_0" });
  });

  it("are told of after each array", async () => {
    slurm.set({
      sbatch: `if [ $(grep -c "^sbatch" "$FOLDER/calls") = 2 ]; then echo "sbatch: error: no" >&2; exit 1; fi; ${counts}`,
    });
    const told: object[] = [];
    const call = submit([task("a"), task("b", "a"), task("c", "b")], {
      options: readSlurmOptions({}),
      cluster: { partitions: [], nodes: [], limitSeconds: null, arraySize: 10 },
      ...{ folder: join(slurm.folder, "slurm"), label: "t" },
      onSubmitted: (ids) => void told.push(Object.fromEntries(ids)),
    });
    await expect(call).rejects.toThrow("; 1 of 3 jobs are queued already");
    expect(told).toEqual([{ a: "1_0" }]);
  });

  it("have a script, and logs by their names", async () => {
    slurm.set({ sbatch: counts });
    await submitted([task("a")], {
      partition: "gpu",
      time: "30",
      gres: "gpu:1",
      extra: ["qos=long", "exclusive"],
    });
    const [name = ""] = readdirSync(join(slurm.folder, "slurm"));
    expect(name).toMatch(/^table-8-a-[0-9a-f]{10}$/);
    const own = join(slurm.folder, "slurm", name);
    expect(readlinkSync(join(own, "0.log"))).toBe(join(slurm.folder, "a.log"));
    const [call = {}] = callsOf();
    expect(call).toEqual({
      ...{
        parsable: "",
        "job-name": name,
        array: "0",
        output: `${own}/%a.log`,
        "open-mode": "append",
        requeue: "",
      },
      ...{ signal: "B:USR1@300", "kill-on-invalid-dep": "yes", partition: "gpu", time: "30", gres: "gpu:1" },
      ...{ qos: "long", exclusive: "" },
    });
    const lines = readFileSync(join(own, "batch.sh"), "utf8")
      .split("\n")
      .filter((line) => line.startsWith("#SBATCH"));
    const { parsable, ...others } = call;
    expect(parsable).toBe("");
    expect(lines).toEqual(
      Object.entries(others).map(([key, value]) => `#SBATCH --${key}${value === "" ? "" : `=${value}`}`),
    );
  });
});

describe("are refused:", () => {
  it("tasks that wait for what is not there, or for each other", async () => {
    slurm.set({ sbatch: counts });
    await expect(submitted([task("a", "nobody")])).rejects.toThrow(
      "the task a waits for a job that is not known",
    );
    await expect(submitted([task("a", "b"), task("b", "a")])).rejects.toThrow(
      "the task a, the task b wait for each other",
    );
    expect(slurm.calls()).toEqual([]);
  });

  it("a folder that Slurm cannot be told of", async () => {
    slurm.set({ sbatch: counts });
    const call = submit([task("a")], {
      options: readSlurmOptions({}),
      cluster: { partitions: [], nodes: [], limitSeconds: null, arraySize: 10 },
      ...{ folder: join(slurm.folder, "back\\slash"), label: "t" },
    });
    await expect(call).rejects.toThrow("Slurm cannot write logs below this folder");
    expect(existsSync(join(slurm.folder, "back\\slash"))).toBe(false);
  });

  it.each([
    [
      "Invalid account or account/partition combination specified",
      InputError,
      "does not take the account me",
    ],
    [
      "Invalid generic resource (gres) specification",
      InputError,
      "does not know the resources of --gres gpu:1",
    ],
    ["invalid partition specified: nix", InputError, "does not take jobs for gpu"],
    ["Job violates accounting/QOS policy (job submit limit)", WorkError, "so many or so large jobs"],
    [
      "Requested node configuration is not available",
      InputError,
      "no node of the cluster can run these jobs",
    ],
    ["unrecognized option '--foo'", InputError, "does not understand its options"],
    ["Munge encode failed", WorkError, "Slurm did not take the jobs"],
  ])("by sbatch, as %s", async (said, kind, message) => {
    slurm.set({
      sbatch: `echo "sbatch: error: ${said}" >&2; exit 1`,
      sacctmgr: "printf 'physics\\nchemistry\\n'",
    });
    const call = submitted([task("a")], { account: "me", partition: "gpu", gres: "gpu:1" });
    const error = await call.catch((error: unknown) => error);
    expect(error).toBeInstanceOf(kind);
    expect((error as InputError).message).toContain(message);
    expect((error as InputError).detail.found).toBe(said);
    if (/account or/.test(said))
      expect((error as InputError).detail.expected).toContain("physics, chemistry");
  });
});

describe("where nobody heard whether a job was queued", () => {
  const AWAY =
    'echo "sbatch: error: Batch job submission failed: Socket timed out on send/recv operation" >&2; exit 1';

  it("it is looked for by its name, and not queued again", async () => {
    slurm.set({ sbatch: AWAY, squeue: "printf '41\\n41\\n'" });
    expect(await submitted([task("a"), task("b")])).toEqual({ a: "41_0", b: "41_1" });
    const [call = {}] = callsOf();
    expect(slurm.calls().at(-1)).toContain(`--name=${call["job-name"] ?? ""}`);
    expect(slurm.calls()).toHaveLength(2);
  });

  it("and is queued if it is not there", async () => {
    slurm.set({
      sbatch: `if [ $(grep -c "^sbatch" "$FOLDER/calls") = 1 ]; then ${AWAY}; fi; echo 42`,
      squeue: "",
    });
    expect(await submitted([task("a")])).toEqual({ a: "42_0" });
    expect(slurm.calls().map((call) => call.split(" ")[0])).toEqual(["sbatch", "squeue", "sbatch"]);
  });

  it("the next call finds it", async () => {
    const folder = join(slurm.folder, "slurm");
    slurm.set({ sbatch: counts });
    await expect(
      submit([task("a"), task("b")], {
        options: readSlurmOptions({}),
        cluster: { partitions: [], nodes: [], limitSeconds: null, arraySize: 10 },
        ...{ folder, label: "t" },
        onSubmitted() {
          throw new WorkError("killed before it was written down");
        },
      }),
    ).rejects.toThrow("killed");
    slurm.set({ squeue: "printf '1\\n1\\n'" });
    const told: object[] = [];
    const tell = (ids: ReadonlyMap<string, string>): void => void told.push(Object.fromEntries(ids));
    await recoverSubmissions(folder, tell);
    await recoverSubmissions(folder, tell);
    expect(told).toEqual([{ a: "1_0", b: "1_1" }]);
    expect(slurm.calls().at(-1)).toContain(`--name=${readdirSync(folder)[0] ?? ""}`);
  });

  it("the next call is not told of what was recorded, refused or never queued", async () => {
    const folder = join(slurm.folder, "slurm");
    await recoverSubmissions(folder, () => expect.fail("nothing was submitted"));
    slurm.set({ sbatch: counts, squeue: "" });
    await submitted([task("a")]);
    slurm.set({ sbatch: 'echo "sbatch: error: invalid partition specified: x" >&2; exit 1' });
    await expect(submitted([task("b")])).rejects.toThrow("does not take jobs");
    await recoverSubmissions(folder, () => expect.fail("all of it is known"));
    expect(slurm.calls().filter((call) => call.startsWith("squeue"))).toEqual([]);
    slurm.set({ sbatch: 'echo "sbatch: error: Munge encode failed" >&2; exit 1' });
    await expect(submitted([task("c")])).rejects.toThrow("did not take the jobs");
    await recoverSubmissions(folder, () => expect.fail("Slurm has none"));
    expect(slurm.calls().filter((call) => call.startsWith("squeue"))).toHaveLength(1);
  });
});
