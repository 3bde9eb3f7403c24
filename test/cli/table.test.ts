import { spawn } from "node:child_process";
import { once } from "node:events";
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, renameSync } from "node:fs";
import { join, resolve } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metricsWithoutClock } from "../training/without-clock.js";
import { contentsOf, mtard, mtardJson, workFolder } from "./mtard.js";

/*
 * `mtard table` and `mtard figure` from nothing: runs of seconds on the demo data. Each block begins where the one before it ended.
 */

const work = workFolder();
afterAll(() => work.remove());

/** Steps so few that a run takes seconds. */
const RUNS = "--epochs 2 --limit-train 64 --limit-test 20 --batch-size 16 --set innerSteps=1";
const TINY = `${RUNS} --attacks fgsm`;
const environment = { MTARD_TEACHERS: resolve("teachers") };
const run = (line: string) => mtard(line.split(" "), work.path, environment);
const runJson = (line: string) => mtardJson(line.split(" "), work.path, environment);
const path = (file: string) => join(work.path, file);
const read = (file: string) => readFileSync(path(file), "utf8");

interface TableJson {
  readonly rows: readonly {
    readonly label: string;
    readonly runs: readonly string[];
    readonly shortfall: { brief: string; others: string };
    readonly cells: readonly (readonly {
      paper: number;
      ours: { mean: number; deviation: number | null; runs: number } | null;
      difference: number | null;
    }[])[];
  }[];
  readonly sections: readonly { title: string; measures: string[] }[];
  readonly trained: number;
  readonly evaluated: number;
  readonly files: Readonly<Record<string, string>>;
}
const table = async (line: string) => (await runJson(`table ${line} ${TINY}`)) as unknown as TableJson;

let first: TableJson;

beforeAll(async () => {
  first = await table("3 --methods natural,mtard");
});

describe("a table from nothing", () => {
  it("trains and evaluates its rows, and says what they were run on", () => {
    expect(first).toMatchObject({ trained: 2, evaluated: 2 });
    expect(first.rows.map(({ label }) => label)).toEqual(["Natural", "MTARD"]);
    const [natural, mtard] = first.rows;
    expect(natural?.shortfall.brief).toBe("demo data, resnet-8, 2 of 100 epochs, 64 of 50,000 images");
    expect(mtard?.shortfall).toEqual({
      brief: "demo data, resnet-8, 2 of 300 epochs, 64 of 50,000 images",
      others:
        "20 of 10,000 test images, teacher demo-clean, teacher demo-robust, batchSize 16, innerSteps 1, klScale 10",
    });
    for (const { runs, cells } of first.rows) {
      expect(runs[0]).toMatch(/^runs\/demo-(natural|mtard)-resnet-8-seed0-[0-9a-f]{10}$/);
      const [[clean] = [], [robust, wRobust] = [], [satRobust] = []] = cells;
      expect(clean?.difference).toBeCloseTo((clean?.ours?.mean ?? NaN) - (clean?.paper ?? NaN), 9);
      const mean = ((clean?.ours?.mean ?? NaN) + (robust?.ours?.mean ?? NaN)) / 2;
      expect(wRobust?.ours).toEqual({ mean: expect.closeTo(mean, 9) as number, deviation: null, runs: 1 });
      expect(satRobust).toMatchObject({ ours: null, difference: null });
    }
  });

  it("has the numbers that mtard evaluate finds", async () => {
    const [folder = ""] = first.rows[1]?.runs ?? [];
    const { clean, attacks } = (await runJson(`evaluate ${folder} --attacks fgsm --limit 20`)) as unknown as {
      clean: { accuracy: number };
      attacks: { fgsm: { accuracy: number } };
    };
    expect(first.rows[1]?.cells[0]?.[0]?.ours?.mean).toBe(100 * clean.accuracy);
    expect(first.rows[1]?.cells[1]?.[0]?.ours?.mean).toBe(100 * attacks.fgsm.accuracy);
  });

  it("takes what mtard evaluate has found already, where its settings are the table's", async () => {
    const [folder = ""] = first.rows[0]?.runs ?? [];
    const conventions = "--wrong-when-clean final-answer --uniform-start clamped";
    await run(`evaluate ${folder} --attacks pgd-sat,pgd-trades --limit 20 ${conventions}`);
    const made = (await runJson(
      `table 3 --methods natural ${RUNS} --attacks pgd-sat,pgd-trades --out reports/other`,
    )) as unknown as TableJson;
    expect(made).toMatchObject({ trained: 0, evaluated: 0 });
    expect(made.rows[0]?.cells[2]?.[0]?.ours).not.toBeNull();
  });

  it("is written as Markdown, CSV and JSON", () => {
    const folder = "reports/table-3-cifar10-smoke";
    expect(first.files).toEqual({
      md: `${folder}/table.md`,
      csv: `${folder}/table.csv`,
      json: `${folder}/table.json`,
    });
    expect(read(`${folder}/table.md`)).toContain("| Natural | 94.57 | ");
    expect(read(`${folder}/table.csv`).split("\r\n")).toHaveLength(1 + 2 * (1 + 2 * 5) + 1);
    expect(JSON.parse(read(`${folder}/table.json`))).toMatchObject({ number: 3, rows: first.rows });
    expect(read(`${folder}/table.md`)).toContain("Not evaluated: PGD-sat, PGD-trades, CW, AutoAttack.");
  });

  it("is made again from what is there: nothing is trained or evaluated, no file of a run changes", async () => {
    const before = contentsOf(path("runs"));
    const again = await table("3 --methods natural,mtard");
    expect(again).toEqual({ ...first, trained: 0, evaluated: 0 });
    expect(contentsOf(path("runs"))).toEqual(before);
  });

  it("finds a run by its settings, whatever its folder is called", async () => {
    const [folder = ""] = first.rows[0]?.runs ?? [];
    renameSync(path(folder), path("runs/my own run"));
    const again = await table("3 --methods natural,mtard");
    expect(again).toMatchObject({ trained: 0, evaluated: 0 });
    expect(again.rows[0]?.runs).toEqual(["runs/my own run"]);
    expect(again.rows[0]?.cells).toEqual(first.rows[0]?.cells);
  });

  it("adds a seed to those there are: mean and deviation", async () => {
    const both = await table("3 --methods natural --seeds 0,1");
    expect(both).toMatchObject({ trained: 1, evaluated: 1 });
    const { ours } = both.rows[0]?.cells[0]?.[0] ?? {};
    const zero = first.rows[0]?.cells[0]?.[0]?.ours?.mean ?? NaN;
    const one = 2 * (ours?.mean ?? NaN) - zero;
    expect(ours?.runs).toBe(2);
    expect(ours?.deviation).toBeCloseTo(Math.abs(one - zero) / Math.SQRT2, 9);
    expect(read("reports/table-3-cifar10-smoke/table.md")).toMatch(
      /\| Natural \| 94\.57 \| [\d.]+ ± [\d.]+ \|/,
    );
  });
});

describe("a table that is interrupted", () => {
  it.concurrent.each(["SIGKILL", "SIGINT"] as const)(
    "with %s goes on when called again, with the same result",
    async (signal) => {
      const folder = `interrupted-${signal}`;
      mkdirSync(path(folder));
      cpSync(path("data"), path(`${folder}/data`), { recursive: true });
      const call = ["table", "3", "--methods", "natural,mtard", ...TINY.split(" ")];
      const child = spawn(process.execPath, [resolve("dist/cli/main.js"), ...call], {
        cwd: path(folder),
        env: { ...process.env, MTARD_DATA: "", MTARD_DEVICE: "cpu", ...environment },
        stdio: ["ignore", "ignore", "pipe"],
      });
      let log = "";
      child.stderr.on("data", (chunk: Buffer) => (log += chunk.toString()));
      const ended = once(child, "close") as Promise<[number | null]>;
      const training = () =>
        existsSync(path(`${folder}/runs`)) &&
        readdirSync(path(`${folder}/runs`)).some(
          (name) =>
            name.startsWith("demo-mtard") && existsSync(path(`${folder}/runs/${name}/last.safetensors`)),
        );
      while (child.exitCode === null && !training()) await sleep(20);
      child.kill(signal);
      const [code] = await ended;
      expect(log).toContain("run 2 of 2: training mtard");
      if (signal === "SIGINT") {
        expect(code).toBe(1);
        expect(log).toContain("everything is saved; the same command goes on");
      }
      expect(existsSync(path(`${folder}/reports`))).toBe(false);
      const finished = await mtardJson(call, path(folder), environment);
      expect(finished).toMatchObject({ trained: 1, evaluated: 1 });
      const cells = (finished as unknown as TableJson).rows.map((row) => row.cells);
      expect(cells).toEqual(first.rows.map((row) => row.cells));
      const metrics = (runs: string): string => {
        const name = readdirSync(path(runs)).find((each) => each.startsWith("demo-mtard")) ?? "";
        return metricsWithoutClock(path(join(runs, name, "metrics.jsonl")));
      };
      expect(metrics(`${folder}/runs`)).toBe(metrics("runs"));
    },
  );
});

describe("the other tables", () => {
  it("1: the teachers' knowledge scales of the final epoch, Theorem 1's and log C less the scripts' entropies", async () => {
    const { rows, trained, evaluated } = await table("1");
    expect({ trained, evaluated }).toEqual({ trained: 1, evaluated: 0 });
    for (const [index, teacher] of ["Nat", "Adv"].entries()) {
      for (const [section, method] of ["mtard", "b-mtard"].entries()) {
        const folder = readdirSync(path("runs")).find((each) => each.startsWith(`demo-${method}-`)) ?? "";
        const lines = read(`runs/${folder}/metrics.jsonl`)
          .trimEnd()
          .split("\n")
          .map((line) => JSON.parse(line) as Record<string, number>)
          .filter((line) => line["epoch"] === 2 && "entropyNat" in line);
        expect(lines).toHaveLength(4);
        const mean = (name: string): number =>
          lines.reduce((sum, line) => sum + (line[name] ?? NaN), 0) / lines.length;
        const [theorem = NaN, scripts = NaN] = (rows[index]?.cells[section] ?? []).map(
          ({ ours }) => ours?.mean ?? NaN,
        );
        expect(scripts).toBeCloseTo(Math.log(10) - mean(`entropy${teacher}`), 9);
        expect(theorem).toBeCloseTo(mean(`knowledgeScale${teacher}`), 9);
        expect(scripts - theorem).toBeGreaterThan(0);
        expect(scripts - theorem).toBeLessThan(1e-4);
      }
    }
    const [clean, robust, gap] = rows.map(({ cells }) => cells.map(([cell]) => cell?.ours?.mean ?? NaN));
    for (const section of [0, 1])
      expect(gap?.[section]).toBeCloseTo(Math.abs((clean?.[section] ?? NaN) - (robust?.[section] ?? NaN)), 9);
  });

  it("2: both teachers, with the numbers that mtard evaluate finds", async () => {
    const { rows, trained, evaluated } = await table("2");
    expect({ trained, evaluated }).toEqual({ trained: 0, evaluated: 2 });
    const evaluation = await runJson(
      "evaluate demo-robust --dataset demo --attacks fgsm --limit 20 --wrong-when-clean final-answer",
    );
    const { clean, attacks } = evaluation as unknown as {
      clean: { accuracy: number };
      attacks: { fgsm: { accuracy: number } };
    };
    expect(rows[1]?.shortfall.brief).toBe("demo data, demo-robust (resnet-14), 20 of 10,000 test images");
    expect(rows[1]?.cells[0]?.[0]?.ours?.mean).toBe(100 * clean.accuracy);
    expect(rows[1]?.cells[1]?.[0]?.ours?.mean).toBe(100 * attacks.fgsm.accuracy);
    expect(await table("2")).toMatchObject({ evaluated: 0 });
  });

  it("5: transfer, score and decision attacks, with 100 queries, on fewer images where that is said", async () => {
    const line = `table 5 --methods mtard ${RUNS} --attacks transfer-pgd-trades,square,rays --attack-images rays=6`;
    const made = (await runJson(line)) as unknown as TableJson & { notes: string[] };
    expect(made).toMatchObject({ trained: 0, evaluated: 3 });
    const [clean = NaN, ...robust] =
      made.rows[0]?.cells.flatMap(([cell]) => (cell?.ours ? [cell.ours.mean] : [])) ?? [];
    expect(robust).toHaveLength(3);
    for (const accuracy of robust.slice(0, 2)) expect(accuracy).toBeLessThanOrEqual(clean);
    expect(made.notes).toContain("RayS: the first 6 test images, W-Robust with the clean accuracy on them.");
    const [folder = ""] = made.rows[0]?.runs ?? [];
    const kept = readdirSync(path(`${folder}/evaluations`)).find((name) => name.startsWith("square-")) ?? "";
    const { key, record } = JSON.parse(read(`${folder}/evaluations/${kept}`)) as {
      key: { rounds: object[] };
      record: { attack: { queries: number[] } };
    };
    expect(key.rounds).toEqual([{ attack: "square", numbers: { queries: 100 }, restarts: 1 }]);
    expect(Math.max(...record.attack.queries)).toBeLessThanOrEqual(100);
    expect(await runJson(line)).toMatchObject({ evaluated: 0 });
  });

  it("11: students of the demo's runs stand in for the teachers that are missing", async () => {
    const { rows, trained } = await table("11");
    // The natural run is there, the one of SAT is not; the first pair is B-MTARD's run of table 1.
    expect(trained).toBe(2);
    expect(rows.map(({ label }) => label)).toEqual([
      "ResNet-56 and WideResNet-34-10",
      "WideResNet-34-10-C and WideResNet-34-10",
      "WideResNet-34-10-C and WideResNet-70-16",
    ]);
    expect(rows[2]?.shortfall.others).toContain(
      "teacher resnet-8 trained by natural, teacher resnet-8 trained by sat",
    );
  });

  it.concurrent.each([
    ["table 3 --attack-images aa=0", "--attack-images aa is wrong", "0"],
    ["table 3 --attack-images few=9", 'unknown attack "few"', undefined],
    ["table 12", "the paper has no table 12", undefined],
    ["table three", '"three" is no number of a table', "three"],
    ["table 3 --budget huge", 'there is no budget "huge"', "huge"],
    ["table 3 --dataset mnist", 'the paper has no data set "mnist"', "mnist"],
    ["table 7 --dataset cifar100", "the paper's table 7 is of CIFAR-10 alone", "--dataset cifar100"],
    ["table 3 --methods lmtn", "table 3 has no row of these methods", "lmtn"],
    ["table 3 --seeds 0,x", "--seeds is wrong", "x"],
    ["table 3 --budget subset", "data set cifar10 is not there yet", undefined],
    ["figure 2", "figure 2 is not made here", undefined],
    ["figure 3 --attacks fgsm", "nothing is left to show", undefined],
  ])("mtard %s is refused", async (line, message, found) => {
    const { code, stdout } = await run(`${line} --json`);
    expect(code).toBe(2);
    const { error } = JSON.parse(stdout) as { error: { message: string; found?: string; fix?: string } };
    expect(error.message).toBe(message);
    if (found !== undefined) expect(error.found).toBe(found);
    expect(error.fix).toBeTruthy();
  });
});

describe("a figure", () => {
  it("6 has SVG, PNG and JSON of both teachers' entropies, from runs that are there", async () => {
    const figure = await runJson(`figure 6 ${TINY}`);
    expect(figure).toMatchObject({ figure: 6, kind: "lines", trained: 0 });
    const { panels } = figure as unknown as {
      panels: { title: string; series: { name: string; points: unknown[] }[] }[];
    };
    expect(panels.map(({ title }) => title)).toEqual(["Baseline+NLB", "B-MTARD"]);
    for (const { series } of panels)
      expect(series.map(({ name, points }) => [name, points.length])).toEqual([
        ["clean teacher", 8],
        ["robust teacher", 8],
      ]);
    const folder = "reports/figure-6-cifar10-smoke";
    const svg = read(`${folder}/figure.svg`);
    for (const text of [
      "Training epoch",
      "Entropy (nats)",
      "clean teacher",
      "robust teacher",
      "Baseline+NLB",
    ])
      expect(svg).toContain(text);
    expect(
      readFileSync(path(`${folder}/figure.png`))
        .subarray(1, 4)
        .toString(),
    ).toBe("PNG");
  });
});

describe("a report", () => {
  it("is one HTML file with the run's curves, accuracies and settings", async () => {
    const [folder = ""] = first.rows[1]?.runs ?? [];
    expect(await runJson(`report ${folder} --no-examples`)).toMatchObject({
      ...{ run: folder, file: `${folder}/report.html`, finished: true, steps: 8, examples: null },
      accuracies: expect.arrayContaining([
        expect.objectContaining({ attack: "fgsm", label: "FGSM" }),
      ]) as unknown,
    });
    const html = read(`${folder}/report.html`);
    const drawn = [...html.matchAll(/<img alt="([^"]*)" src="data:image\/svg\+xml;base64,([^"]*)">/g)];
    expect(drawn.slice(0, 3).map(([, title]) => title)).toEqual([
      "Accuracy with 95% intervals",
      "Accuracy for each class",
      "Confusion under attack",
    ]);
    const pictures = drawn.slice(3);
    expect(pictures.map(([, title]) => title?.replaceAll("&#39;", "'"))).toEqual([
      "Accuracy",
      "Losses",
      "Relative losses",
      "Loss weights",
      "Teachers' temperatures",
      "Entropy of the teachers' predictions",
    ]);
    for (const [, title, data = ""] of pictures) {
      const svg = Buffer.from(data, "base64").toString();
      expect(svg, title).toContain("Training epoch");
    }
    expect(html).toContain("<td>FGSM</td>");
    expect(html).toContain("Finished after 2 epochs (8 steps).");
    expect(Buffer.byteLength(html)).toBeLessThan(300_000);
  });

  it("of no run is refused", async () => {
    const { code, stderr } = await run("report data");
    expect(code).toBe(2);
    expect(stderr).toMatch(/^error: data is no run directory/);
  });
});
