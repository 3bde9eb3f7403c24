import { execFileSync, spawnSync } from "node:child_process";
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { type ListedJob, listJobs } from "#mtard/jobs/list.js";
import { mtard, mtardJson, workFolder } from "./mtard.js";

/* Studies on a Slurm cluster of two nodes, which this file starts; runs of seconds on the demo data. */

const hasSlurm = ["slurmctld", "slurmd", "munged"].every(
  (program) =>
    spawnSync("sh", ["-c", `PATH="$PATH:/usr/sbin:/sbin" command -v ${program}`], { stdio: "ignore" })
      .status === 0,
);
const isRoot = process.getuid?.() === 0;

const work = workFolder();
// A socket's path has few characters.
const cluster = mkdtempSync(join(tmpdir(), "mtard-"));
const script = (name: string, ...args: string[]) =>
  execFileSync(resolve(`scripts/slurm/${name}.sh`), [cluster, ...args], { encoding: "utf8" });
afterAll(() => {
  if (hasSlurm) script("stop-local");
  rmSync(cluster, { recursive: true, force: true });
  work.remove();
});

const environment: Record<string, string> = { MTARD_TEACHERS: resolve("teachers"), MTARD_THREADS: "2" };
const run = (line: string) => mtard(line.split(" "), work.path, environment);
const runJson = (line: string) => mtardJson(line.split(" "), work.path, environment);
const path = (file: string) => join(work.path, file);
const slurm = (program: string, ...args: string[]) =>
  execFileSync(program, args, { env: { ...process.env, ...environment }, encoding: "utf8" });

const TINY = "--limit-train 64 --limit-test 20 --batch-size 16 --attacks fgsm --set innerSteps=1";
const study = (seeds: string, epochs: number, runsDir: string) =>
  `study own --dataset demo --methods sat --seeds ${seeds} --epochs ${epochs} ${TINY} --runs-dir ${runsDir}`;
const values = ({ sections }: Record<string, unknown>) =>
  (sections as { rows: { values: unknown }[] }[]).map(({ rows }) => rows.map((row) => row.values));

/** As `mtard jobs` lists them, without a process of its own, as tests ask often. */
const jobsOf = (runsDir: string) => listJobs(path(runsDir), () => undefined);

/** Waits until the training of that seed has begun a step; begin to wait before it is submitted, as it takes seconds. */
async function training(runsDir: string, seed: number): Promise<ListedJob> {
  for (;;) {
    const job = (await jobsOf(runsDir)).find(({ name }) => name.startsWith(`train-sat-seed-${seed}-`));
    if (job?.state === "done") throw new Error(`${job.name} was done before it was seen at work`);
    if (job?.state === "running" && /step [1-9]/.test(job.doing)) return job;
    await sleep(200);
  }
}

describe.skipIf(!hasSlurm)("on Slurm (needs apt-get install slurm-wlm munge)", () => {
  beforeAll(() => {
    const [, conf = ""] = /SLURM_CONF=(.*)/.exec(script("start-local", "2")) ?? [];
    environment["SLURM_CONF"] = conf;
    process.env["SLURM_CONF"] = conf;
  });

  it("submits what is missing once, and collects the same table as one process", async () => {
    const table = `table 11 --epochs 1 ${TINY}`;
    const alone = await runJson(`${table} --runs-dir alone`);
    const call = `${table} --runs-dir cluster --on slurm --cpus 2`;
    const first = await run(call);
    expect(first).toMatchObject({ code: 0, stdout: "" });
    expect(first.stderr).toContain("jobs submitted: 5");
    expect(first.stderr).toContain("5 jobs are not done yet");
    const second = await run(call);
    const [, again, queued] = /jobs submitted: (\d+), queued already: (\d+)/.exec(second.stderr) ?? [];
    // By then some may be done.
    expect([Number(again), Number(queued)]).toEqual([0, expect.any(Number)]);
    const made = await runJson(`${call} --wait`);
    const rows = (from: Record<string, unknown>) =>
      (from["rows"] as { cells: unknown; shortfall: unknown }[]).map(({ cells, shortfall }) => [
        cells,
        shortfall,
      ]);
    expect(rows(made)).toEqual(rows(alone));
    const jobs = await jobsOf("cluster");
    expect(jobs.map(({ state, tries }) => [state, tries])).toEqual(Array(5).fill(["done", 1]));
    for (const { log } of jobs) expect(readFileSync(log ?? "", "utf8")).toMatch(/ on node[12], try 1\n/);
  });

  it("goes on with a job whose worker is killed, and with one that is queued again", async () => {
    const alone = await runJson(study("0,1", 8, "undisturbed"));
    const call = `${study("0,1", 8, "disturbed")} --on slurm --cpus 2`;
    // Each as soon as it is at work: the other may begin when it has ended.
    await Promise.all([
      run(call),
      training("disturbed", 0).then(({ worker }) => process.kill(worker ?? 0, "SIGKILL")),
      training("disturbed", 1).then(({ slurm: id }) => slurm("scontrol", "requeue", id ?? "")),
    ]);
    const made = await runJson(`${call} --wait`);
    expect(values(made)).toEqual(values(alone));
    const tries = (await jobsOf("disturbed")).filter(({ name }) => name.startsWith("train"));
    expect(tries.map((job) => job.tries)).toEqual([2, 2]);
    // No step was made twice: the run goes on from its last checkpoint.
    for (const name of readdirSync(path("disturbed")).filter((each) => each.startsWith("demo-"))) {
      const metrics = readFileSync(path(`disturbed/${name}/metrics.jsonl`), "utf8")
        .trim()
        .split("\n");
      const steps = metrics.map((line) => JSON.parse(line) as { step: number; clean?: number });
      expect(steps.filter(({ clean }) => clean === undefined).map(({ step }) => step)).toEqual(
        Array.from({ length: 32 }, (_, index) => index + 1),
      );
    }
  });

  it("takes jobs back, which save and are submitted again by the next call", async () => {
    const call = `${study("0", 30, "taken")} --on slurm --cpus 2`;
    await Promise.all([run(call), training("taken", 0)]);
    const { cancelled } = await runJson("jobs cancel --runs-dir taken");
    expect(cancelled).toHaveLength(2);
    while ((await jobsOf("taken")).some(({ state }) => state === "running")) await sleep(300);
    expect((await jobsOf("taken")).map(({ state }) => state)).toEqual(["cancelled", "cancelled"]);
    expect((await run(call)).stderr).toContain("jobs submitted: 2");
    await runJson("jobs cancel --runs-dir taken");
  });

  it.skipIf(!isRoot)(
    "names the job whose disk is full, with its log, and does it when there is room",
    async () => {
      const call = study("0,1", 1, "full");
      const { jobs } = (await runJson(`${call} --dry-run`)) as unknown as {
        jobs: { folder: string | null }[];
      };
      const small = path(jobs[0]?.folder ?? "");
      mkdirSync(small, { recursive: true });
      execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "none", small]);
      try {
        const { code, stderr } = await run(`${call} --on slurm --cpus 2 --wait`);
        expect(code).toBe(1);
        expect(stderr).toMatch(
          /error: sat, seed 0: not trained\n {2}found {5}.*(full|space).*\n {2}try {7}tail full\/jobs\/train-sat-seed-0/,
        );
        expect(stderr).not.toContain("sat, seed 1: not");
      } finally {
        execFileSync("umount", [small]);
      }
      const { sections } = await runJson(call);
      expect(sections).toBeDefined();
      expect(existsSync(join(small, "summary.json"))).toBe(true);
    },
  );

  it.each([
    ["--partition gpus", "there is no partition gpus"],
    ["--sbatch nonsense=1", "sbatch has no option --nonsense"],
    ["--cpus 64", "no node has 64 processors"],
    ["--time soon", "--time"],
    ["--jobs 2", "--jobs is of processes on this machine"],
  ])("refuses %s", async (option, message) => {
    const { code, stderr } = await run(`${study("0", 1, "refused")} --on slurm ${option}`);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
    expect(existsSync(path("refused"))).toBe(false);
  });
});

describe("without a cluster", () => {
  it.each([
    ["--on slurm", /sbatch/],
    ["--partition main", /--partition is of jobs on a cluster/],
  ])("%s is refused, with what to do", async (option, message) => {
    const line = `${study("0", 1, "none")} ${option}`;
    const { code, stderr } = await mtard(line.split(" "), work.path, {
      ...environment,
      PATH: path("nothing"),
    });
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
