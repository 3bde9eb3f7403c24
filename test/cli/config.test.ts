import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { metricsWithoutClock } from "../training/without-clock.js";
import { mtard, mtardJson, workFolder } from "./mtard.js";

/* `--config FILE`: options and settings by name, under the authority of the flags; and a run that is begun from, and trained further. */

const work = workFolder();
afterAll(() => work.remove());

const run = (line: string) => mtard(line.split(" "), work.path);
const runJson = (line: string) => mtardJson(line.split(" "), work.path);
const settingsOf = (folder: string) =>
  JSON.parse(readFileSync(join(work.path, folder, "settings.json"), "utf8")) as Record<string, unknown>;
const put = (file: string, content: string): void => writeFileSync(join(work.path, file), content);

const YAML = `# a run of seconds
dataset: demo
method: sat
student: resnet-8
limitTrain: 32
limit-test: 10
batchSize: 16
epochs: 1
epsilon: 4/255
innerSteps: 2
milestones: [1]
augmentation: false
cleanTeacher: null
set:
  learningRate: 0.05
`;

beforeAll(async () => {
  await runJson("data demo");
  put("small.yaml", YAML);
  await runJson("train --config small.yaml --out runs/from-yaml");
});

describe("mtard train --config", () => {
  it("takes options and settings from YAML, by either name", () => {
    expect(settingsOf("runs/from-yaml")).toMatchObject({
      ...{ dataset: "demo", method: "sat", student: "resnet-8", limitTrain: 32, limitTest: 10 },
      ...{ batchSize: 16, epochs: 1, epsilon: 4 / 255, innerSteps: 2, milestones: [1] },
      ...{ augmentation: false, learningRate: 0.05, cleanTeacher: null, seed: 0 },
    });
  });

  it("takes the same from JSON", async () => {
    const { set, ...others } = settingsOf("runs/from-yaml");
    expect(set).toBeUndefined();
    put("small.json", JSON.stringify({ ...others, recipe: undefined, inputs: undefined }));
    await runJson("train --config small.json --out runs/from-json");
    expect(settingsOf("runs/from-json")).toEqual(settingsOf("runs/from-yaml"));
  });

  it("gives way to flags, --set included", async () => {
    await runJson(
      "train --config=small.yaml --seed 3 --method natural --set learningRate=0.02 --out runs/flags",
    );
    expect(settingsOf("runs/flags")).toMatchObject({
      ...{ seed: 3, method: "natural", learningRate: 0.02, batchSize: 16, innerSteps: 2 },
    });
  });

  it.each(["runs/from-yaml/settings.json", "runs/from-yaml"])(
    "makes the same run again from %s, without a word about settings nobody changed",
    async (from) => {
      const out = `runs/again-${from.length}`;
      const { code, stderr } = await run(`train --config ${from} --out ${out}`);
      // The batch size is not the recipe's, as it was not in that run.
      const notes = stderr.match(/^note:.*/gm);
      expect({ code, notes }).toEqual({
        code: 0,
        notes: [expect.stringMatching(/^note: batches of 16, where the recipe has 64: /) as string],
      });
      expect(settingsOf(out)).toEqual(settingsOf("runs/from-yaml"));
      const metrics = (folder: string): string =>
        metricsWithoutClock(join(work.path, folder, "metrics.jsonl"));
      expect(metrics(out)).toBe(metrics("runs/from-yaml"));
    },
  );

  it("of a finished run and more epochs, trains it further and says so", async () => {
    const { code, stderr } = await run("train --config runs/flags --epochs 2 --out runs/flags --resume");
    expect(code).toBe(0);
    expect(stderr).toContain(
      "the run had 1 epoch; goes on to 2; milestones stay 1; learning rate in epoch 2: 0.002\n",
    );
    expect(settingsOf("runs/flags")).toMatchObject({
      epochs: 2,
      inputs: { earlier: [{ epochs: 1, milestones: [1], evaluateEvery: 1 }] },
    });
  });

  it("starts again from the weights that a run started from", async () => {
    const init = "--init runs/from-yaml --init-head new";
    await runJson(`train --config small.yaml ${init} --seed 1 --out runs/warm`);
    await runJson("train --config runs/warm/settings.json --out runs/warm-again");
    expect(settingsOf("runs/warm-again")).toEqual(settingsOf("runs/warm"));
    expect(settingsOf("runs/warm")).toMatchObject({
      inputs: { init: { from: "runs/from-yaml", head: "new" } },
    });
    const refused = await run("train --config small.yaml --init-head new --out runs/no");
    expect(refused.code).toBe(2);
    expect(refused.stderr).toContain("--init-head is about the weights of --init");
  });
});

describe("mtard evaluate and mtard table with --config", () => {
  it("take their options from it", async () => {
    put("evaluate.yaml", "attacks: [fgsm, pgd-sat]\nlimit: 10\neps: 4/255\nagain: true\n");
    const { settings, attacks } = (await runJson("evaluate runs/from-yaml --config evaluate.yaml")) as {
      settings: { epsilon: number };
      attacks: Record<string, unknown>;
    };
    expect(settings.epsilon).toBe(4 / 255);
    expect(Object.keys(attacks)).toEqual(["fgsm", "pgd-sat"]);
    put("table.yaml", "budget: hge\n");
    expect((await run("table 3 --config table.yaml")).stderr).toContain('there is no budget "hge"');
  });
});

describe("a file of --config is refused", () => {
  it.each([
    [
      "an unknown name",
      "x.yaml",
      "batchSzie: 3",
      'x.yaml: unknown name "batchSzie"; did you mean "batchSize"?\n',
    ],
    ["a name of the program's own", "x.json", '{"__proto__x": 1}', 'unknown name "__proto__x"'],
    ["no names", "x.yaml", "- a\n- b", "x.yaml holds no settings"],
    ["nothing", "x.yaml", "", "x.yaml holds no settings"],
    ["broken JSON", "x.json", "{", "x.json cannot be read as settings"],
    ["broken YAML", "x.yaml", "a: [1", "x.yaml cannot be read as settings"],
    ["a name twice", "x.yaml", "method: sat\nmethod: ard", "x.yaml cannot be read as settings"],
    ["a wrong kind of value", "x.yaml", "resume: maybe", "x.yaml: resume is wrong"],
    ["names within an option", "x.yaml", "seed: {a: 1}", "x.yaml: seed is wrong"],
    ["a value out of range", "x.yaml", "batchSize: 0", "--batch-size is wrong"],
    ["a config in it", "x.yaml", "config: y.yaml", 'unknown name "config"'],
  ])("for %s", async (_, file, content, says) => {
    put(file, content);
    const { code, stderr, stdout } = await run(`train --dataset demo --out runs/refused --config ${file}`);
    expect({ code, stdout }).toEqual({ code: 2, stdout: "" });
    expect(stderr).toContain(says);
    expect(stderr.trimEnd().split("\n").length).toBeLessThanOrEqual(4);
  });

  it.each([
    ["study demo", "studnets: best", 'unknown name "studnets"; did you mean "students"?'],
    ["study demo", "students: lst", '--students is wrong; did you mean "last"?'],
    ["sweep it", "grid: {weightRat: [0.1]}", 'no setting; did you mean "weightRate"?'],
    ["sweep it", "grid: [weightRat=0.1]", 'no setting; did you mean "weightRate"?'],
    ["sweep it", "grid: {weightRate: [0.1, 0.1]}", "weightRate has a value twice"],
    ["sweep it", "grid: [1]", "x.yaml: grid is wrong"],
    ["sweep it", "grid: {milestones: [[2, 3], [x]]}", "--grid milestones is wrong"],
  ])("of %s with %s", async (call, content, says) => {
    put("x.yaml", content);
    const { code, stderr } = await run(`${call} --config x.yaml`);
    expect(stderr).toContain(says);
    expect(code).toBe(2);
  });

  it("that is not there, or where none is taken", async () => {
    expect((await run("train --dataset demo --config nowhere.yaml")).stderr).toContain(
      "nowhere.yaml cannot be read as settings",
    );
    expect((await run("networks --config small.yaml")).stderr).toContain("unknown argument: --config");
    expect((await run("train --dataset demo --config")).stderr).toContain("--config lacks its value");
  });
});
