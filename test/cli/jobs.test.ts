import { spawn } from "node:child_process";
import { once } from "node:events";
import {
  chmodSync,
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { listJobs } from "#mtard/jobs/list.js";
import { mtard, mtardJson, workFolder } from "./mtard.js";

/* Tables and studies by several processes: runs of seconds on the demo data. */

const work = workFolder();
afterAll(() => work.remove());

const TINY = "--limit-train 64 --limit-test 20 --batch-size 16 --attacks fgsm --set innerSteps=1";
const environment = { MTARD_TEACHERS: resolve("teachers") };
const run = (line: string, more = {}) => mtard(line.split(" "), work.path, { ...environment, ...more });
const runJson = (line: string) => mtardJson(line.split(" "), work.path, environment);
const path = (file: string) => join(work.path, file);

interface JobsJson {
  readonly jobs: readonly { name: string; state: string; tries: number; log: string; doing: string }[];
}
const printedJobs = async (runsDir: string) =>
  ((await runJson(`jobs --all --runs-dir ${runsDir}`)) as unknown as JobsJson).jobs;
/** The same without a process, for tests that ask often. */
const jobsOf = (runsDir: string) => listJobs(path(runsDir), () => undefined);

/** Table 11 trains two runs whose students are teachers of others. */
const TABLE = `table 11 --epochs 1 ${TINY}`;
let alone: Record<string, unknown>;

beforeAll(async () => {
  alone = await runJson(`${TABLE} --runs-dir alone`);
});

/** A table's rows without the folders of their runs. */
function numbers({ rows }: Record<string, unknown>): unknown {
  return (rows as { runs: string[] }[]).map((row) => ({ ...row, runs: row.runs.length }));
}

describe("--dry-run", () => {
  it("lists each job with what it waits for, and does nothing", async () => {
    const { jobs } = (await runJson(`${TABLE} --dry-run --runs-dir dry`)) as unknown as {
      jobs: { id: string; name: string; needs: string[]; folder: string | null; done: boolean }[];
    };
    expect(jobs.map(({ name, needs, done }) => [name, needs.length, done])).toEqual([
      ["natural, seed 0", 0, false],
      ["sat, seed 0", 0, false],
      ["b-mtard, seed 0", 0, false],
      ["b-mtard, second clean teacher, seed 0", 1, false],
      ["b-mtard, second clean teacher, second robust teacher, seed 0", 2, false],
    ]);
    expect(jobs[4]?.needs).toEqual([jobs[0]?.id, jobs[1]?.id]);
    // Whose teacher is to be trained has no key yet, and so no folder.
    expect(jobs.map(({ folder }) => folder === null)).toEqual([false, false, false, true, true]);
    expect(existsSync(path("dry"))).toBe(false);
  });

  it("knows what is done", async () => {
    const { jobs } = (await runJson(`${TABLE} --dry-run --runs-dir alone`)) as unknown as {
      jobs: { done: boolean }[];
    };
    expect(jobs.map(({ done }) => done)).toEqual(Array(5).fill(true));
  });
});

const STOPPED = `study own --dataset demo --methods natural,sat --seeds 0 --epochs 3 ${TINY}`;
let plain: Promise<Record<string, unknown>> | undefined;
/** What a study has that nobody stopped. */
const undisturbed = () => (plain ??= runJson(`${STOPPED} --runs-dir undisturbed`));

describe("--jobs 2", () => {
  it("makes the same table as one process, to the digit, also with teachers that were trained before", async () => {
    for (const name of readdirSync(path("alone")).filter((each) => /^demo-(natural|sat)-/.test(each)))
      cpSync(path(`alone/${name}`), path(`before/${name}`), { recursive: true });
    const made = await runJson(`${TABLE} --jobs 2 --runs-dir before`);
    expect(numbers(made)).toEqual(numbers(alone));
    expect(made["trained"]).toBe(3);
  });

  it("goes on where a job fails, names it with its log, shows the rest of the table, and ends at the same", async () => {
    const jobs = (await runJson(`${TABLE} --dry-run --runs-dir broken`)) as unknown as {
      jobs: { folder: string }[];
    };
    mkdirSync(path("broken"));
    // Where the second run would be there is a file.
    const inTheWay = path(jobs.jobs[1]?.folder ?? "");
    writeFileSync(inTheWay, "");
    const measured = TABLE.replace("--attacks fgsm", "--attacks pgd-sat");
    const { code, stderr, stdout } = await run(`${measured} --jobs 2 --runs-dir broken`);
    expect(code).toBe(1);
    expect(stderr).toMatch(
      /error: sat, seed 0: not trained\n {2}found {5}.*\n {2}try {7}tail broken\/jobs\/train-sat-/,
    );
    expect(stderr).toContain("it needs sat, seed 0");
    // Nor can be measured what cannot be trained.
    expect(stderr).toContain("it needs b-mtard, second clean teacher, second robust teacher, seed 0");
    expect(stdout).toContain("ResNet-56 and WideResNet-34-10");
    expect((await jobsOf("broken")).filter(({ state }) => state === "failed")).toHaveLength(1);
    rmSync(inTheWay);
    const mended = await runJson(`${TABLE} --jobs 2 --runs-dir broken`);
    expect(numbers(mended)).toEqual(numbers(alone));
    expect(mended["trained"]).toBe(1);
  });

  it("keeps what each said, and does nothing twice", async () => {
    const jobs = (await printedJobs("broken")).filter(({ name }) => name.startsWith("train-"));
    expect(jobs.map(({ state }) => state)).toEqual(Array(5).fill("done"));
    for (const { log } of jobs) expect(readFileSync(path(log), "utf8")).toContain("training ");
    expect(await runJson(`${TABLE} --jobs 2 --runs-dir broken`)).toMatchObject({ trained: 0, evaluated: 0 });
  });

  it.concurrent.each(["SIGINT", "SIGKILL"] as const)(
    "with %s, its workers save and end, and the same call goes on",
    async (signal) => {
      const line = `${STOPPED} --runs-dir ${signal} --jobs 2`;
      const child = spawn("node", [resolve("dist/cli/main.js"), ...line.split(" ")], {
        cwd: work.path,
        env: { ...process.env, MTARD_DATA: "", ...environment },
        stdio: "ignore",
      });
      const ended = once(child, "exit") as Promise<[number | null]>;
      const begun = (): number =>
        existsSync(path(signal))
          ? readdirSync(path(signal)).filter((name) => existsSync(path(`${signal}/${name}/metrics.jsonl`)))
              .length
          : 0;
      while (begun() < 2) await sleep(20);
      child.kill(signal);
      expect((await ended)[0]).toBe(signal === "SIGINT" ? 1 : null);
      const statesNow = async () => (await jobsOf(signal)).map(({ state }) => state);
      while ((await statesNow()).includes("running")) await sleep(200);
      expect(await statesNow()).not.toContain("failed");
      const done = await runJson(line);
      const alone = await undisturbed();
      const values = ({ sections }: Record<string, unknown>) =>
        (sections as { rows: { values: unknown }[] }[]).map(({ rows }) => rows.map(({ values }) => values));
      expect(values(done)).toEqual(values(alone));
    },
  );
});

describe("GPUs", () => {
  it("are given out one to each process", async () => {
    mkdirSync(path("bin"));
    writeFileSync(path("bin/nvidia-smi"), "#!/bin/sh\nfor i in 0 1; do echo $i; done\n");
    chmodSync(path("bin/nvidia-smi"), 0o755);
    const line = `study own --dataset demo --methods natural --seeds 0,1 --epochs 1 ${TINY} --runs-dir gpus --jobs 2 --device auto`;
    const { code } = await run(line, { PATH: `${path("bin")}:${process.env["PATH"]}`, MTARD_DEVICE: "" });
    expect(code).toBe(0);
    const said = (await jobsOf("gpus")).map(
      ({ log }) => /GPU (\d)/.exec(readFileSync(log ?? "", "utf8"))?.[1],
    );
    expect(new Set(said)).toEqual(new Set(["0", "1"]));
  });
});

describe("two calls in one folder of runs", () => {
  it("work side by side, and train each run once", async () => {
    const line = (methods: string, out: string) =>
      `table 3 --methods ${methods} --epochs 1 ${TINY} --runs-dir shared --out ${out}`;
    const [one, two] = await Promise.all([
      runJson(line("natural,sat", "one")),
      runJson(line("sat,natural", "two")),
    ]);
    expect((one["trained"] as number) + (two["trained"] as number)).toBe(2);
    expect(numbers(one)).toEqual(numbers(two));
  });
});

describe("a wrong call", () => {
  it.each([
    ["--jobs 0", "--jobs is wrong"],
    ["--jobs many", "--jobs is wrong"],
  ])("%s is refused", async (option, message) => {
    const { code, stderr } = await run(`${TABLE} ${option}`);
    expect(code).toBe(2);
    expect(stderr).toContain(message);
  });

  it("is told what a worker's file must be", async () => {
    writeFileSync(path("no-job.json"), '{"format":1,"job":{"kind":"train","name":"\\u001b[2J"}}');
    writeFileSync(path("empty.json"), "");
    for (const [line, message] of [
      ["jobs run", "mtard jobs run takes one file"],
      ["jobs run nowhere.json", "there is no job nowhere.json"],
      ["jobs run empty.json", "empty.json cannot be read as a job"],
      ["jobs run no-job.json", "no-job.json is no job of this mtard"],
      ["jobs begin", 'mtard jobs has no action "begin"'],
    ] as const) {
      const { code, stderr } = await run(line);
      expect([line, code, stderr]).toEqual([line, 2, expect.stringContaining(message) as string]);
      // eslint-disable-next-line no-control-regex -- it must not be there
      expect(stderr).not.toMatch(/\u001b/);
    }
  });

  it("has no jobs where none were posted", async () => {
    expect((await run("jobs --runs-dir nowhere")).stdout).toBe("no jobs in nowhere/jobs\n");
  });
});
