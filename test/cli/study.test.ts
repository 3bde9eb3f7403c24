import { spawn } from "node:child_process";
import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { StudyReport } from "#mtard/report/study.js";
import { mtard, mtardJson, workFolder } from "./mtard.js";

/* `mtard study` from nothing: runs of seconds on the demo data. Each block begins where the one before it ended. */

const work = workFolder();
afterAll(() => work.remove());

const TINY =
  "--epochs 2 --limit-train 64 --limit-test 20 --batch-size 16 --attacks fgsm --set innerSteps=1 --set heldOut=20";
const environment = { MTARD_TEACHERS: resolve("teachers") };
const run = (line: string) => mtard(line.split(" "), work.path, environment);
const runJson = (line: string) => mtardJson(line.split(" "), work.path, environment);
type StudyJson = StudyReport & {
  readonly trained: number;
  readonly evaluated: number;
  readonly files: Readonly<Record<string, string>>;
};
const study = async (line: string) => (await runJson(`study ${line} ${TINY}`)) as unknown as StudyJson;

let first: StudyJson;

beforeAll(async () => {
  first = await study("demo --methods natural,b-mtard --seeds 0,1 --students best,last-averaged");
});

describe("a study from nothing", () => {
  it("trains each method with each seed once, and measures both students and the teachers", () => {
    expect(first).toMatchObject({ trained: 4, evaluated: 10, against: "B-MTARD", seeds: [0, 1] });
    expect(first.sections.map(({ student }) => student)).toEqual(["best", "last-averaged"]);
    for (const { rows } of first.sections) {
      expect(rows.map(({ label }) => label)).toEqual(["Natural", "B-MTARD"]);
      for (const { values } of rows) expect(values["clean"]?.values).toHaveLength(2);
    }
    expect(first.teachers.map(({ label }) => label)).toEqual(["clean teacher", "robust teacher"]);
  });

  it("has the numbers that mtard evaluate finds", async () => {
    const row = first.sections[1]?.rows[1];
    const line = `evaluate ${row?.runs[1]} --checkpoint last-averaged --attacks fgsm --limit 20 --wrong-when-clean final-answer`;
    const { clean, attacks } = (await runJson(line)) as unknown as {
      clean: { accuracy: number };
      attacks: { fgsm: { accuracy: number } };
    };
    expect(row?.values["clean"]?.values[1]).toBe(100 * clean.accuracy);
    expect(row?.values["robust:fgsm"]?.values[1]).toBe(100 * attacks.fgsm.accuracy);
  });

  it("writes a page that loads nothing, tables and pictures", () => {
    const folder = join(work.path, "reports", "study-demo");
    // Whether there is a closer look at the trade-off, the numbers decide.
    const written = readdirSync(folder).filter((name) => !name.startsWith("trade-off-near"));
    expect(written.sort()).toEqual(
      [
        ...["accuracy-curves", "differences", "loss-curves", "trade-off"].flatMap((name) => [
          `${name}.png`,
          `${name}.svg`,
        ]),
        ...["study.csv", "study.html", "study.json", "study.md"],
      ].sort(),
    );
    const page = readFileSync(join(folder, "study.html"), "utf8");
    expect(page).not.toMatch(/src="(?!data:)|href=/);
    const drawn = readdirSync(folder).filter((name) => name.endsWith(".svg"));
    expect(page.match(/<img /g)).toHaveLength(drawn.length);
    const markdown = readFileSync(join(folder, "study.md"), "utf8");
    expect(markdown).toContain("| B-MTARD |");
    expect(markdown).toContain("- Note, the rate falls to a tenth after epochs 1 and 2.");
    expect(markdown).toContain("- Note, batches of 16, where the recipe has 64:");
  });

  it("does nothing twice", async () => {
    const again = await study("demo --methods natural,b-mtard --seeds 0,1 --students best,last-averaged");
    expect(again).toMatchObject({ trained: 0, evaluated: 0 });
    expect(again.sections).toEqual(first.sections);
  });

  it("trains only what another call adds, and compares with another method", async () => {
    const other = await study("demo --methods natural,sat --seeds 0 --against sat --students best");
    expect(other).toMatchObject({ trained: 1, against: "SAT" });
    expect(other.sections[0]?.rows[0]?.values["clean"]?.values[0]).toBe(
      first.sections[0]?.rows[0]?.values["clean"]?.values[0],
    );
    expect(other.sections[0]?.rows[0]?.values["clean"]?.difference?.interval).toBeNull();
  });
});

describe("a study that is stopped", () => {
  it("goes on where it was, to the same numbers", async () => {
    const line = `study demo --methods natural,b-mtard --seeds 0,1 --students best --runs-dir other ${TINY}`;
    const child = spawn("node", [resolve("dist/cli/main.js"), ...line.split(" ")], {
      cwd: work.path,
      env: { ...process.env, ...environment },
      stdio: "ignore",
    });
    const ended = once(child, "exit");
    while (!existsSync(join(work.path, "other")) || readdirSync(join(work.path, "other")).length < 3)
      await sleep(20);
    child.kill("SIGKILL");
    await ended;
    const whole = await study("demo --methods natural,b-mtard --seeds 0,1 --students best --runs-dir other");
    expect(whole.sections[0]?.rows.map(({ values }) => values)).toEqual(
      first.sections[0]?.rows.map(({ values }) => values),
    );
  });
});

describe("a study of one's own", () => {
  it("starts every student from weights", async () => {
    const line = "mine --dataset demo --student resnet-8 --methods natural --seeds 0 --init demo-clean";
    const refused = await run(`study ${line} ${TINY}`);
    expect(refused).toMatchObject({ code: 2 });
    const [folder = ""] = first.sections[0]?.rows[0]?.runs ?? [];
    const own = await study(`mine --dataset demo --methods natural --seeds 0 --init ${folder}`);
    expect(own).toMatchObject({ trained: 1, title: "Study mine", against: null });
    const [started = ""] = own.sections[0]?.rows[0]?.runs ?? [];
    const settings = JSON.parse(readFileSync(join(work.path, started, "settings.json"), "utf8")) as object;
    expect(settings).toMatchObject({ inputs: { init: { from: folder } } });
    expect(await study(`mine --dataset demo --methods natural --seeds 0 --init ${folder}`)).toMatchObject({
      trained: 0,
    });
  });

  it.each([
    ["study dmo", /there is no study "dmo"; did you mean "demo"/],
    ["study ../x --dataset demo", /no name for a study/],
    ["study demo --methods nothing", /nothing/],
    ["study demo --students best,lst", /--students is wrong; did you mean "last"/],
    ["study mine --dataset demo --students best,last-averaged", /--set ema=0.995/],
    ["study demo --methods sat --against rslad", /--against is none of the methods/],
    ["study demo --seeds 0,x", /--seeds is wrong/],
    ["study mine --dataset nowhere", /nowhere/],
    ["study demo --init nowhere", /nowhere/],
  ])("refuses %s before anything is trained", async (line, message) => {
    const { code, stderr } = await run(line);
    expect(code).toBe(2);
    expect(stderr).toMatch(message);
  });
});
