/* eslint-disable no-control-regex -- they are what must not be there */
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  rmSync,
  symlinkSync,
  utimesSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { leaderboardCommand } from "#mtard/cli/leaderboard.js";
import { commonCorruptions } from "#mtard/corruptions/corruptions.js";
import { severities, type Severity } from "#mtard/corruptions/picture.js";
import { attackKey, nameOfKey } from "#mtard/evaluation/key.js";
import { buildLeaderboard, type Leaderboard, type LeaderboardOptions } from "#mtard/report/leaderboard.js";
import { describeColumn } from "#mtard/report/leaderboard-columns.js";
import { describeMeasured } from "#mtard/report/leaderboard-models.js";
import { readMeasurements } from "#mtard/report/leaderboard-records.js";
import {
  leaderboardCsv,
  leaderboardHtml,
  leaderboardJson,
  leaderboardMarkdown,
  leaderboardText,
} from "#mtard/report/render-leaderboard.js";
import { teacherIdentity } from "#mtard/model/model.js";
import { robustBenchFiles } from "#mtard/report/robustbench.js";
import { writeRobustBenchFolder } from "#mtard/report/robustbench-folder.js";
import { runKey } from "#mtard/reproduction/run-key.js";
import { readRun } from "#mtard/run/run-directory.js";
import { findTeacher } from "#mtard/teacher/reference.js";
import { DATA, hex, keep, keepCorrupted, makeRun } from "./leaderboard-runs.js";

const work = mkdtempSync(join(tmpdir(), "mtard-leaderboard-"));
afterAll(() => rmSync(work, { recursive: true }));
const places = { dataDir: join(work, "data"), teachersDir: join(work, "teachers") };

async function boardOf(folder: string, options: LeaderboardOptions = {}): Promise<Leaderboard> {
  const measurements = readMeasurements(folder);
  const problems = [...measurements.problems];
  const described = await describeMeasured(measurements.finished, places, problems);
  return buildLeaderboard("runs", { ...measurements, problems }, described, options);
}

let count = 0;
/** A folder in which models have records, each kept by its function. */
function folderWith(models: Readonly<Record<string, (folder: string, identity: string) => void>>): string {
  const folder = join(work, `runs-${count++}`);
  for (const [index, [name, fill]] of Object.entries(models).entries())
    fill(join(folder, "evaluations", name), hex(String(index + 1)));
  return folder;
}

const ranksOf = (board: Leaderboard, section = 0): [string, number | null][] =>
  (board.sections[section]?.rows ?? []).map(({ model, rank }) => [model.name, rank]);

describe("a leaderboard's columns", () => {
  it("are shared by numbers that may be compared alone: each difference that counts makes another one, and is named", async () => {
    const made = { steps: 5, restarts: 3, images: 10, finalAnswer: true } as const;
    const folder = folderWith({
      plain: (store, model) => keep(store, model, "pgd-sat", [18, 10]),
      fewer: (store, model) => keep(store, model, "pgd-sat", [9, 9], { images: made.images }),
      steps: (store, model) => keep(store, model, "pgd-sat", [18, 17], { steps: made.steps }),
      restarts: (store, model) => keep(store, model, "pgd-sat", [18, 9], { restarts: made.restarts }),
      answers: (store, model) => keep(store, model, "pgd-sat", [18, 12], { finalAnswer: true }),
      seed: (store, model) => keep(store, model, "pgd-sat", [18, 11], { seed: 7 }),
    });
    const [section, ...others] = (await boardOf(folder)).sections;
    expect(others).toEqual([]);
    const columns = section?.columns.map(({ details, models }) => [details.join(), models]) ?? [];
    // The one that ranks first, then fewer images behind more.
    expect([columns[0], columns.at(-1)]).toEqual([
      ["20 images", 2],
      ["10 images", 1],
    ]);
    expect(columns.sort()).toEqual([
      ["10 images", 1],
      ["20 images", 2],
      ["20 images,final answers count", 1],
      ["20 images,restarts 3", 1],
      ["20 images,steps 5", 1],
    ]);
    // One number a column, so that the 9 of 10 images is above nobody.
    expect(
      section?.rows.map(({ model, rank, cells }) => [model.name, rank, cells.filter(Boolean).length]),
    ).toEqual([
      ["seed", 1, 1],
      ["plain", 2, 1],
      ...["answers", "fewer", "restarts", "steps"].map((name) => [name, null, 1]),
    ]);
  });

  it("have the usual seed of a model that was measured with several, and the CSV has them all", async () => {
    const folder = folderWith({
      it(store, model) {
        keep(store, model, "pgd-sat", [18, 8], { seed: 3 });
        keep(store, model, "pgd-sat", [18, 12], { seed: 0 });
      },
    });
    const board = await boardOf(folder);
    const cell = board.sections[0]?.rows[0]?.cells[0];
    expect(cell).toMatchObject({ robust: { correct: 12, total: 20 }, others: 1 });
    const lines = leaderboardCsv(board).trim().split("\r\n");
    expect(lines).toHaveLength(3);
    expect(lines.filter((line) => line.includes(",yes,pgd-sat,20 images,20,0.9,"))).toHaveLength(1);
  });

  it("name no number that is an attack's own in its norm", () => {
    const measured = { model: hex("1"), data: DATA, images: 20, batchSize: 10 };
    const common = { epsilon: 0.5, seed: 0, norm: "l2" as const };
    const detailsOf = (changes: object): readonly string[] => {
      const key = attackKey(measured, "pgd-trades", { ...common, changes }, null);
      return describeColumn({ ...key, attack: "pgd-trades" }, 1, new Map()).details;
    };
    expect(detailsOf({})).toEqual(["20 images"]);
    expect(detailsOf({ "pgd-trades": { steps: 7 } })).toEqual(["20 images", "steps 7"]);
  });

  it("are of one data set, norm and epsilon: others, and what later versions put into keys, are sections of their own", async () => {
    const folder = folderWith({
      it(store, model) {
        keep(store, model, "fgsm", [18, 8]);
        keep(store, model, "fgsm", [18, 9], { epsilon: 4 / 255 });
        keep(store, model, "fgsm", [18, 9], { data: hex("db") });
      },
      clean: (store, model) => keep(store, model, null, [19]),
    });
    const measurements = readMeasurements(folder);
    const [first] = measurements.finished.filter(({ key }) => key.attack === "fgsm");
    if (!first) throw new Error("nothing read");
    const l2 = { ...first, key: { ...first.key, norm: "l2" as const, epsilon: 0.5 } };
    const later = { ...first, key: { ...first.key, severity: 3 } };
    const finished = [...measurements.finished, l2, later];
    const described = await describeMeasured(finished, places, []);
    const { sections } = buildLeaderboard("runs", { ...measurements, finished }, described);
    expect(
      new Set(sections.map(({ threat, dataset }) => `${dataset.data.slice(0, 2)} ${threat.title}`)),
    ).toEqual(
      new Set([
        "da L-infinity, epsilon 8/255",
        "da L-infinity, epsilon 4/255",
        "db L-infinity, epsilon 8/255",
        "da L2, epsilon 0.5",
        "da L-infinity, epsilon 8/255, severity 3",
        "da null",
      ]),
    );
    expect(sections.at(-1)).toMatchObject({
      ranking: null,
      rows: [{ model: { name: "clean" }, rank: null }],
    });
  });
});

describe("a leaderboard's ranks", () => {
  let folder = "";
  beforeAll(() => {
    folder = folderWith({
      // By PGD the first, by AutoAttack the last.
      masked(store, model) {
        keep(store, model, "pgd-trades", [18, 18]);
        keep(store, model, "aa", [18, 2]);
      },
      one(store, model) {
        keep(store, model, "pgd-trades", [16, 12]);
        keep(store, model, "aa", [16, 10]);
      },
      // W-Robust as the one before, from other numbers.
      other(store, model) {
        keep(store, model, "pgd-trades", [14, 13]);
        keep(store, model, "aa", [14, 12]);
      },
      // A perfect number under a weak attack.
      weak: (store, model) => keep(store, model, "fgsm", [20, 20]),
    });
  });

  it("are by W-Robust under the strongest attack that most models have; equal ones share a rank, others have none", async () => {
    const board = await boardOf(folder);
    expect(ranksOf(board)).toEqual([
      ["one", 1],
      ["other", 1],
      ["masked", 3],
      ["weak", null],
    ]);
    const [section] = board.sections;
    expect(section?.columns[section.ranking ?? -1]).toMatchObject({ attack: "aa", models: 3 });
    expect(section?.rows[0]).toMatchObject({ wRobust: { value: 0.65 }, elsewhere: null, few: true });
    expect(section?.rows[3]).toMatchObject({ wRobust: null, elsewhere: { value: 1 } });
    const text = leaderboardText(board, (rows) => rows.map((row) => row.join(" | ")).join("\n"));
    expect(text).toContain(
      "under AutoAttack (20 images), the strongest attack that most models here have (3 of 4 models)",
    );
    expect(text).toContain(
      "– | weak (model without a manifest here) | 100.00 (not ranked: FGSM (20 images))",
    );
  });

  it("are by the attack that is asked for, and of the attacks that are shown", async () => {
    const asked = await boardOf(folder, { rankBy: "pgd-trades" });
    expect(ranksOf(asked).slice(0, 1)).toEqual([["masked", 1]]);
    expect(leaderboardMarkdown(asked)).toContain("which was asked for (3 of 4 models have it)");
    const shown = await boardOf(folder, { attacks: ["fgsm"] });
    expect(ranksOf(shown)).toEqual([["weak", 1]]);
    expect((await boardOf(folder, { dataset: "cifar10" })).sections).toEqual([]);
  });

  it("have Wilson's intervals", async () => {
    const [section] = (await boardOf(folder)).sections;
    const { clean, cells, wRobust } = section?.rows[0] ?? {};
    // Wilson's formula with the quantile 1.959963984540054, computed in Python, of 16 and of 10 in 20.
    expect(clean?.low).toBeCloseTo(0.5839826, 6);
    expect(clean?.high).toBeCloseTo(0.9193423, 6);
    expect(cells?.[0]?.robust.low).toBeCloseTo(0.299298, 6);
    expect(wRobust?.low).toBeCloseTo((0.5839826 + 0.299298) / 2, 6);
  });
});

describe("a leaderboard's models", () => {
  it("are runs' students, whatever else they are called, and a student that a run no longer has is said to be one", async () => {
    const folder = join(work, "named");
    const run = join(folder, "study", "run");
    const identity = makeRun(run, 5);
    keep(join(run, "evaluations"), identity, "fgsm", [18, 9]);
    keep(join(run, "evaluations"), hex("01d"), "fgsm", [17, 9]);
    // The student's ONNX export, measured beside the runs, also by the very same call.
    keep(join(folder, "evaluations", "exported"), identity, "pgd-sat", [18, 8]);
    keep(join(folder, "evaluations", "exported"), identity, "fgsm", [18, 9]);
    symlinkSync(folder, join(folder, "study", "circle"));
    symlinkSync(run, join(folder, "link"));
    const stored = { format: 1, dataset: "demo", train: 4000, test: 20, fingerprint: DATA, source: {} };
    mkdirSync(join(places.dataDir, "demo"), { recursive: true });
    writeFileSync(join(places.dataDir, "demo", "store.json"), JSON.stringify(stored));
    const board = await boardOf(folder);
    rmSync(places.dataDir, { recursive: true });
    const [section] = board.sections;
    expect(board).toMatchObject({ models: 2, measurements: 3 });
    expect(section?.dataset).toEqual({ data: DATA, id: "demo", test: 20 });
    const { settings, inputs } = readRun(run);
    const facts = { method: "SAT", network: "resnet-8", seed: 5, kind: "student" };
    const key = runKey(settings, inputs, stored);
    const row = (of: string) => section?.rows.find(({ model }) => model.identity === of);
    expect(row(identity)?.model).toMatchObject({ ...facts, student: "best", settings: key });
    expect(row(identity)?.model).toMatchObject({ name: "link", also: ["study/run", "exported"] });
    expect(row(hex("01d"))?.model).toMatchObject({ ...facts, student: "replaced", settings: key });
  });

  it("are teachers while these are what was measured: a replaced one's records are not the new one's, nor its data set theirs", async () => {
    const teacher = teacherIdentity(findTeacher("demo-clean", places.teachersDir));
    const folder = folderWith({
      "demo-clean"(store) {
        keep(store, teacher, "fgsm", [18, 9]);
        keep(store, hex("01d"), "fgsm", [18, 8]);
        keep(store, teacher, "fgsm", [18, 9], { data: hex("db") });
      },
    });
    const board = await boardOf(folder);
    const rows = board.sections.flatMap((section) => section.rows.map(({ model }) => model));
    expect(board.sections.map(({ dataset }) => dataset.id)).toEqual([null, null]);
    expect(rows.find(({ identity }) => identity === teacher)).toMatchObject({
      ...{ name: "demo-clean", kind: "teacher", network: "resnet-14" },
    });
    const replaced = { name: "demo-clean (01d00000)", kind: "replaced", network: null };
    expect(rows.find(({ identity }) => identity === hex("01d"))).toMatchObject(replaced);
    expect(leaderboardMarkdown(board)).toContain("another model than the teacher of this name is now");
  });

  it("have what is whole alone: unfinished records are counted, damaged ones named", async () => {
    const folder = folderWith({
      it(store, model) {
        keep(store, model, "fgsm", [18, 8]);
        keep(store, model, "pgd-sat", [18, 18], { done: false });
        const key = keep(store, model, "cw", [18, 8]);
        writeFileSync(join(store, `${nameOfKey(key)}.json`), "{}");
        const moved = keep(store, model, "rays", [18, 8]);
        const other = keep(store, model, "rays", [18, 8], { images: 19 });
        const path = join(store, `${nameOfKey(moved)}.json`);
        rmSync(path);
        symlinkSync(join(store, `${nameOfKey(other)}.json`), path);
        const [first = ""] = readdirSync(store).filter((name) => name.startsWith("fgsm"));
        utimesSync(join(store, first), 1e9, 1e9);
      },
    });
    const board = await boardOf(folder, { attacks: ["fgsm"] });
    expect(board.unfinished).toBe(1);
    expect(board.problems).toHaveLength(2);
    expect(board.problems.join("\n")).toMatch(
      /cw-\w+\.json is no record.*\n.*rays-\w+\.json is the record of something else/,
    );
    expect(board.sections[0]?.rows[0]?.measured.toISOString()).toBe("2001-09-09T01:46:40.000Z");
  });

  it("are refused where there is no folder", async () => {
    await expect(boardOf(join(work, "nowhere"))).rejects.toThrow("there is no folder");
  });
});

describe("a leaderboard's common corruptions", () => {
  const folder = (): string =>
    folderWith({
      // The mean of fog is 0.75, that of snow 0.2: of both 0.475, and at severity 1 of both 0.55.
      more(store, model) {
        for (const severity of severities)
          keepCorrupted(store, model, severity === 1 ? 19 : 14, { name: "fog", severity });
        keepCorrupted(store, model, 3, { name: "snow", severity: 1 });
        keepCorrupted(store, model, 5, { name: "snow", severity: 2 });
        keepCorrupted(store, model, 20, { name: "fog", severity: 1, seed: 4 });
        keepCorrupted(store, model, 20, { name: "saturate", severity: 1 });
      },
      fewer(store, model) {
        keepCorrupted(store, model, 12, { name: "fog", severity: 1 });
        keepCorrupted(store, model, 12, { name: "snow", severity: 1 });
        keep(store, model, "fgsm", [18, 9]);
        keep(store, model, null, [38], { images: 40 });
      },
      published: (store, model) =>
        keepCorrupted(store, model, 20, { name: "fog", severity: 1, file: hex("f1") }),
    });

  it("are one section, ranked by the mean of the most that most models have; computed and published ones share no column", async () => {
    const { sections, corruptions, ...board } = await boardOf(folder());
    expect(board).toMatchObject({ models: 3, measurements: 2, corrupted: 12 });
    // Nobody's corrupted images are a section of clean accuracies.
    expect(sections.map(({ rows }) => rows.map(({ model }) => model.name))).toEqual([["fewer"]]);
    expect(corruptions).toHaveLength(1);
    const [section] = corruptions;
    const rows = (section?.rows ?? []).map(({ model, rank, clean, cells }) => ({
      ...{ name: model.name, rank, clean: clean?.value ?? null },
      cells: Object.fromEntries(
        cells.flatMap((cell, index) => {
          const { title, details } = section?.columns[index] ?? { title: "", details: [] };
          return cell ? [[`${title}: ${details.join(", ")}`, cell.value]] : [];
        }),
      ),
    }));
    const both = "mean: snow, fog, severity 1, 20 images, computed";
    expect(section?.ranking).toBe(0);
    expect(rows).toEqual([
      {
        ...{ name: "fewer", rank: 1, clean: 0.9 },
        cells: {
          [both]: 0.6,
          "snow: severity 1, 20 images, computed": 0.6,
          "fog: severity 1, 20 images, computed": 0.6,
        },
      },
      {
        ...{ name: "more", rank: 2, clean: null },
        cells: {
          [both]: (19 + 3) / 40,
          "mean: snow, fog, some at fewer severities, 20 images, computed": 0.475,
          "snow: severities 1, 2, 20 images, computed": 0.2,
          "snow: severity 1, 20 images, computed": 0.15,
          "fog: severities 1-5, 20 images, computed": 0.75,
          "fog: severity 1, 20 images, computed": 0.95,
          "saturate: severity 1, 20 images, computed": 1,
        },
      },
      {
        ...{ name: "published", rank: null, clean: null },
        cells: {
          "mean: fog, severity 1, 20 images, published": 1,
          "fog: severity 1, 20 images, published": 1,
        },
      },
    ]);
    // The mean of the ends of Wilson's intervals of 19 and of 3 in 20, computed in Python.
    const mean = section?.rows[1]?.cells[0];
    expect(mean?.low).toBeCloseTo((0.7638688 + 0.0523687) / 2, 6);
    expect(mean?.high).toBeCloseTo((0.9911186 + 0.3604189) / 2, 6);
  });

  it("are in every file, as robust accuracies without a clean one", async () => {
    const board = await boardOf(folder());
    const text = leaderboardText(board, (rows) => rows.map((row) => row.join(" | ")).join("\n"));
    expect(text).toContain("(da000000): common corruptions");
    expect(text).toMatch(/\n2 \| more \(.*\) \| 55\.00 \(.*\) \| – \| 20 \(few\)/);
    expect(leaderboardMarkdown(board)).toContain("(da000000): common corruptions");
    expect(leaderboardHtml(board)).toContain("mean<small>snow, fog, severity 1, 20 images, computed</small>");
    const lines = leaderboardCsv(board).split("\r\n");
    const fog = lines.filter((line) => line.includes(',fog,"20 images; published",20,,,,1,'));
    expect(fog.map((line) => line.split(",").at(-1))).toEqual(["1"]);
    expect(lines.filter((line) => line.includes(",yes,fog,"))).toHaveLength(2);
    const values = JSON.parse(leaderboardJson(board)) as { corruptions: { rows: { cells: unknown[] }[] }[] };
    expect(values.corruptions[0]?.rows[0]?.cells[0]).toMatchObject({ value: 0.6, measurements: 2 });
    const shown = await boardOf(folder(), { attacks: ["fgsm"] });
    expect(shown).toMatchObject({ corruptions: [], corrupted: 0, models: 1 });
  });

  it("have RobustBench's number where all fifteen were measured at all five severities alone", async () => {
    const all = (store: string, model: string, at: readonly Severity[]): void => {
      for (const name of commonCorruptions)
        for (const severity of at) keepCorrupted(store, model, 13, { name, severity, file: hex("f1") }, 20);
    };
    const made = folderWith({
      whole(store, model) {
        all(store, model, severities);
        keep(store, model, null, [18]);
      },
      part: (store, model) => all(store, model, [1]),
    });
    const files = robustBenchFiles(await boardOf(made));
    // The fields of RobustBench's model_info/cifar10/corruptions/*.json.
    const whole = files.get("da0000000000/corruptions/whole.json");
    expect(whole).toMatchObject({ eps: null, clean_acc: "90.00", corruptions_acc: "65.00" });
    expect(whole).not.toHaveProperty("autoattack_acc");
    const part = files.get("da0000000000/corruptions/part.json");
    expect(part).toMatchObject({ eps: null, clean_acc: null });
    expect(part).not.toHaveProperty("corruptions_acc");
    expect(part?.footnote).toContain(
      "(mean (15 corruptions, severity 1, 20 images, published)), not the fifteen",
    );
  });
});

const EVIL = `<img src=x onerror=alert(1)>"'&|[x](y)\u001b[2J\u202e=1+1`;

describe("a leaderboard's files", () => {
  it("are harmless whatever names say, and cut long ones short", async () => {
    const long = "x".repeat(250);
    const folder = folderWith({
      [EVIL.replaceAll("/", "")]: (store, model) => keep(store, model, "fgsm", [18, 8]),
      [long]: (store, model) => keep(store, model, "fgsm", [18, 7]),
    });
    const board = { ...(await boardOf(folder)), folder: EVIL.repeat(200) };
    const html = leaderboardHtml(board);
    expect(html).not.toMatch(/<img|\u001b|\u202e/);
    expect(html).toContain(`>${"x".repeat(80)}...<`);
    expect(html).toContain("script-src 'sha256-");
    expect(html.length).toBeLessThan(40_000);
    const markdown = leaderboardMarkdown(board);
    expect(markdown).not.toMatch(/<img|\u001b|\u202e|[^\\]\[x\]/);
    expect(leaderboardCsv(board)).not.toMatch(/\u001b|\u202e|\n[^"]*,=1/);
    const values = JSON.parse(leaderboardJson(board)) as {
      sections: { rows: { model: { name: string } }[] }[];
    };
    expect(values.sections[0]?.rows[1]?.model.name).toBe(long);
    for (const path of robustBenchFiles(board).keys()) {
      expect(path).toMatch(/^[\w-]+\/Linf\/[\w.-]+\.json$/);
      expect(path.length).toBeLessThan(200);
    }
  });

  it("have RobustBench's form: AutoAttack's number alone, texts in percent, null for what is not known", async () => {
    const folder = folderWith({
      auto(store, model) {
        keep(store, model, "aa", [18, 9]);
        keep(store, model, "fgsm", [36, 30], { images: 40 });
      },
      pgd(store, model) {
        keep(store, model, "pgd-sat", [18, 9]);
        keep(store, model, "aa", [18, 9], { finalAnswer: true });
      },
    });
    const files = robustBenchFiles(await boardOf(folder));
    expect([...files.keys()].sort()).toEqual(["da0000000000/Linf/auto.json", "da0000000000/Linf/pgd.json"]);
    // The fields of RobustBench's model_info/cifar10/Linf/*.json.
    const unknown = { link: null, authors: null, additional_data: null, number_forward_passes: null };
    expect(files.get("da0000000000/Linf/auto.json")).toEqual({
      ...unknown,
      ...{ name: "auto", dataset: null, venue: null, architecture: null, reported: null },
      ...{ eps: "8/255", clean_acc: "90.00", autoattack_acc: "45.00" },
      footnote: expect.stringContaining("on the first 20 test images. Model 1000") as string,
    });
    expect(files.get("da0000000000/Linf/pgd.json")).not.toHaveProperty("autoattack_acc");
    expect(existsSync(join(folder, "robustbench"))).toBe(false);
  });

  it("replace RobustBench's folder, so that no model stays that is not there any more, but nobody else's", async () => {
    const board = await boardOf(
      folderWith({
        gone: (store, model) => keep(store, model, "aa", [18, 9]),
        here: (store, model) => keep(store, model, "aa", [18, 8]),
      }),
    );
    const files = robustBenchFiles(board);
    const out = join(work, "robustbench");
    const written = (): string[] => readdirSync(out, { recursive: true, encoding: "utf8" }).sort();
    await writeRobustBenchFolder(out, files);
    const [, here] = [...files];
    await writeRobustBenchFolder(out, new Map(here ? [here] : []));
    const left = ["da0000000000", "da0000000000/Linf", "da0000000000/Linf/here.json"];
    expect(written()).toEqual(left);
    const foreign = "da0000000000/Linf/Carmon2019.json";
    writeFileSync(join(out, foreign), '{"footnote": null}');
    await expect(writeRobustBenchFolder(out, files)).rejects.toThrow("holds what no leaderboard wrote");
    expect(written()).toEqual([...left.slice(0, 2), foreign, ...left.slice(2)]);
  });

  it("are refused before anything is read where a file is in the place of their folder", async () => {
    const file = join(work, "taken");
    writeFileSync(file, "mine");
    for (const out of [file, join(file, "below")]) {
      const args = { ...places, folder: join(work, "nowhere"), out };
      await expect(async () => leaderboardCommand.handler(args as never)).rejects.toThrow(
        out === file ? `${file} is not a folder` : `${out} cannot be written`,
      );
    }
  });
});
