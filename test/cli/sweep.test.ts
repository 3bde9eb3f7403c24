import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { SweepReport } from "#mtard/report/sweep.js";
import { mtard, mtardJson, workFolder } from "./mtard.js";

/* `mtard sweep` from nothing: runs of seconds on the demo data. Each block begins where the one before it ended. */

const work = workFolder();
afterAll(() => work.remove());

const TINY =
  "--epochs 1 --limit-train 256 --limit-test 20 --batch-size 64 --attacks fgsm --set innerSteps=1 --set heldOut=64";
const environment = { MTARD_TEACHERS: resolve("teachers") };
const run = (line: string) => mtard(line.split(" "), work.path, environment);
type SweepJson = SweepReport & {
  readonly trained: number;
  readonly evaluated: number;
  readonly files: Readonly<Record<string, string>>;
};
const sweep = async (line: string) =>
  (await mtardJson(`sweep ${line}`.split(" "), work.path, environment)) as unknown as SweepJson;
const evaluationsOf = (folder = "") =>
  readFileSync(join(work.path, folder, "metrics.jsonl"), "utf8")
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as { epoch: number; wRobust?: number })
    .flatMap(({ epoch, wRobust }) => (wRobust === undefined ? [] : [{ epoch, wRobust }]));

let first: SweepJson;

beforeAll(async () => {
  first = await sweep(`rates --grid weightRate=0.01,0.5 ${TINY}`);
});

describe("a sweep from nothing", () => {
  it("trains and measures every point, and names the best by what chose", () => {
    expect(first).toMatchObject({ trained: 2, evaluated: 2, method: "B-MTARD", seeds: [0], halving: null });
    expect(first.images).toMatchObject({ train: 192, selection: 64 });
    const chose = first.rows.map(({ chosenBy }) => chosenBy?.wRobust.sample.mean ?? NaN);
    expect(chose).toEqual([...chose].sort((one, other) => other - one));
    expect(first.best).toBe(first.rows[0]?.point);
    for (const { runs, chosenBy, settings } of first.rows) {
      const found = evaluationsOf(runs[0]).map(({ wRobust }) => 100 * wRobust);
      expect(found).toHaveLength(1);
      expect(chosenBy?.wRobust.values).toEqual(found);
      const read = JSON.parse(
        readFileSync(join(work.path, runs[0] ?? "", "settings.json"), "utf8"),
      ) as object;
      expect(read).toMatchObject({ weightRate: settings[0]?.value, selection: "held-out", heldOut: 64 });
    }
  });

  it("has the test numbers that mtard evaluate finds", async () => {
    const [row] = first.rows;
    const line = `evaluate ${row?.runs[0]} --attacks fgsm --limit 20 --wrong-when-clean final-answer`;
    const found = (await mtardJson(line.split(" "), work.path, environment)) as unknown as {
      clean: { accuracy: number };
      attacks: { fgsm: { accuracy: number } };
    };
    expect(row?.values?.["clean"]?.values).toEqual([100 * found.clean.accuracy]);
    expect(row?.values?.["robust:fgsm"]?.values).toEqual([100 * found.attacks.fgsm.accuracy]);
  });

  it("writes a page that loads nothing, a table, every run, and a picture", () => {
    const folder = join(work.path, "reports", "sweep-rates");
    expect(readdirSync(folder).sort()).toEqual([
      "parallel-coordinates.png",
      "parallel-coordinates.svg",
      "sweep.csv",
      "sweep.html",
      "sweep.json",
      "sweep.md",
    ]);
    const page = readFileSync(join(folder, "sweep.html"), "utf8");
    expect(page).not.toMatch(/src="(?!data:)|href=/);
    expect(page.match(/<img /g)).toHaveLength(1);
    expect(readFileSync(join(folder, "sweep.csv"), "utf8").trimEnd().split("\r\n")).toHaveLength(3);
  });

  it("does nothing twice, and takes options from a file", async () => {
    const file = {
      ...{ grid: { weightRate: [0.01, 0.5] }, epochs: 1, limitTrain: 256, limitTest: 20, batchSize: 64 },
      ...{ attacks: ["fgsm"], innerSteps: 1, heldOut: 64 },
    };
    writeFileSync(join(work.path, "sweep.json"), JSON.stringify(file));
    const again = await sweep("rates --config sweep.json");
    expect(again).toMatchObject({ trained: 0, evaluated: 0 });
    expect(again.rows).toEqual(first.rows);
  });
});

describe("a sweep with halving", () => {
  it("stops the worse point, and says so", async () => {
    const { stdout, code } = await run(
      `sweep halved --grid weightRate=0.01,0.5 --halving ${TINY.replace("--epochs 1", "--epochs 2")} --set evaluateEvery=1`,
    );
    expect(code).toBe(0);
    expect(stdout).toMatch(/^weightRate=0\.\d+ .* to the end$/m);
    expect(stdout).toMatch(/^weightRate=0\.\d+ .* stopped after epoch 1 of 2$/m);
    expect(stdout).toContain("after epoch 1 of 2 the best 1 of 2 went on");
  });
});

describe("a wrong call", () => {
  it.each([
    ["sweep ../x --grid weightRate=0.1", /no name for a sweep/],
    ["sweep it", /nothing is varied/],
    ["sweep it --grid alpha=0.1", /b-mtard does not read it/],
    ["sweep it --grid weightRate=0..1", /--samples 16/],
    ["sweep it --grid weightRate=0..1 --samples none", /--samples is wrong/],
    ["sweep it --grid weightRate=0.1 --sample-seed 1", /points that are drawn/],
    ["sweep it --grid weightRate=0.1 --halving 1", /--halving is wrong/],
    ["sweep it --grid epochs=2,4 --halving", /cannot vary epochs/],
    ["sweep it --grid weightRate=0.1,0.2 --halving --epochs 1", /no epoch at which/],
    ["sweep it --grid weightRate=0.1 --set weightRate=0.2", /both varied and set/],
  ])("is refused before anything is trained: %s", async (line, message) => {
    const { code, stderr } = await run(line);
    expect(stderr).toMatch(message);
    expect(code).toBe(2);
  });
});
