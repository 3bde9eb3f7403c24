import { readFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { parameterSpecs } from "#mtard/graph/parameters.js";
import { goldenNetworks } from "../networks/formula.js";
import { contentsOf, mtard, mtardJson, workFolder } from "./mtard.js";

/*
 * The commands in the order a person uses them, on the demo data: train, evaluate, export, import what was exported, distil from it,
 * resume. Each block begins where the one before it ended.
 */

const work = workFolder();
afterAll(() => work.remove());

const run = (line: string) => mtard(line.split(" "), work.path);
const runJson = (line: string) => mtardJson(line.split(" "), work.path);
const read = (file: string) => readFileSync(join(work.path, file), "utf8");
const readLines = (file: string) =>
  read(file)
    .trimEnd()
    .split("\n")
    .map((line) => JSON.parse(line) as Record<string, unknown>);

const SMALL = "--dataset demo --student resnet-8 --limit-train 128 --limit-test 50 --epochs 1";
/** Enough steps for the running statistics, and so for answers of several classes. */
const MANY_STEPS = "--batch-size 8 --set learningRate=0.02 --set innerSteps=2";

interface EvaluationJson {
  readonly model: string;
  readonly dataset: string;
  readonly total: number;
  readonly clean: { readonly correct: number; readonly accuracy: number };
  readonly attacks: Readonly<Record<string, { robust: number; accuracy: number; wRobust: number }>>;
  readonly perExample: string;
}
const evaluate = async (line: string) => (await runJson(`evaluate ${line}`)) as unknown as EvaluationJson;

beforeAll(async () => {
  expect(await runJson("data demo")).toMatchObject({
    dataset: "demo",
    train: 4000,
    test: 1000,
    classes: 10,
    folder: "data/demo",
    alreadyThere: false,
  });
  await Promise.all(
    ["natural", "sat"].map(async (method) => {
      expect(await runJson(`train --method ${method} ${SMALL} ${MANY_STEPS}`)).toEqual({
        run: `runs/demo-${method}-resnet-8-seed0`,
        status: "finished",
        step: 16,
        best: {
          epoch: 1,
          clean: expect.any(Number) as number,
          robust: expect.any(Number) as number,
          wRobust: expect.any(Number) as number,
        },
      });
    }),
  );
});

const NATURAL = "runs/demo-natural-resnet-8-seed0";
const SAT = "runs/demo-sat-resnet-8-seed0";

describe("a trained run", () => {
  it("holds its settings, a line of metrics a step and one an epoch, and two checkpoints", () => {
    expect(Object.keys(contentsOf(join(work.path, NATURAL)))).toEqual([
      "best.safetensors",
      "events.out.tfevents.hparams",
      "events.out.tfevents.metrics",
      "last.safetensors",
      "metrics.jsonl",
      "previous.safetensors",
      "settings.json",
      "summary.json",
    ]);
    expect(JSON.parse(read(`${SAT}/settings.json`))).toMatchObject({
      dataset: "demo",
      method: "sat",
      student: "resnet-8",
      epochs: 1,
      batchSize: 8,
      learningRate: 0.02,
      limitTrain: 128,
      inputs: { cleanTeacher: null, robustTeacher: null },
    });
    const number = expect.any(Number) as number;
    expect(readLines(`${NATURAL}/metrics.jsonl`)).toEqual([
      ...Array.from({ length: 16 }, (_, index) => ({
        ...{ epoch: 1, step: index + 1, lossNat: number },
        ...{ learningRate: 0.02, seconds: number },
      })),
      {
        ...{ epoch: 1, step: 16, clean: number, robust: number, wRobust: number },
        ...{ best: true, selection: "test", seconds: number },
      },
    ]);
    expect(readLines(`${SAT}/metrics.jsonl`)[0]).toEqual({
      ...{ epoch: 1, step: 1, lossAdv: number },
      ...{ learningRate: 0.02, seconds: number },
    });
  });

  it("is evaluated: counts, fractions, W-Robust, and every image, in the run's own folder", async () => {
    const { total, clean, attacks, ...rest } = await evaluate(`${SAT} --attacks fgsm,pgd-sat --limit 50`);
    expect(rest).toEqual({
      known: [],
      model: SAT,
      dataset: "demo",
      perExample: `${SAT}/evaluation.jsonl`,
      settings: {
        norm: "linf",
        epsilon: 8 / 255,
        seed: 0,
        restarts: 1,
        batchSize: 250,
        ...{ wrongWhenClean: "not-robust", uniformStart: "unclamped" },
        numbers: { fgsm: {}, "pgd-sat": { steps: 20, stepSize: 2 / 255 } },
        surrogate: null,
        device: "cpu (libtensorflow and ONNX Runtime)",
      },
      warnings: [],
    });
    expect(total).toBe(50);
    expect(clean.accuracy).toBe(clean.correct / 50);
    expect(Object.keys(attacks)).toEqual(["fgsm", "pgd-sat"]);
    const images = readLines(`${SAT}/evaluation.jsonl`) as unknown as {
      label: number;
      clean: number;
      attacks: Record<string, number>;
    }[];
    expect(images).toHaveLength(50);
    expect(images.filter((image) => image.clean === image.label)).toHaveLength(clean.correct);
    for (const [id, { robust, accuracy, wRobust }] of Object.entries(attacks)) {
      const right = images.filter(({ label, clean: answer, attacks: answers }) =>
        [answer, answers[id]].every((each) => each === label),
      );
      expect(right).toHaveLength(robust);
      expect(accuracy).toBe(robust / 50);
      expect(wRobust).toBeCloseTo((clean.accuracy + accuracy) / 2, 12);
    }
  });

  it("is shown to people as a table", async () => {
    const { code, stdout, stderr } = await run(
      `evaluate ${SAT} --attacks pgd-sat --limit 20 --checkpoint last`,
    );
    expect({ code, stderr }).toEqual({ code: 0, stderr: expect.any(String) as string });
    expect(stderr).toMatch(
      /^\S+ \(last\) on cpu \(libtensorflow and ONNX Runtime\)\nclean: 20\/20 images {2}\d+ right\npgd-sat: \d+ of \d+ left robust\nnext: mtard report \S+\n +mtard attack \S+ --checkpoint last --attack pgd-sat\n$/,
    );
    expect(stdout).toMatch(
      /^attack +right +accuracy +W-Robust\nnone +\d+\/20 +[\d.]+%\npgd-sat +\d+\/20 +[\d.]+% +[\d.]+%\n$/,
    );
  });
});

describe("a student that is exported", () => {
  beforeAll(async () => {
    const imports = [
      ["natural", NATURAL],
      ["robust", SAT],
    ].map(async ([name = "", folder = ""]) => {
      expect(await runJson(`export ${folder} --to onnx --out out/${name}.onnx`)).toEqual({
        model: folder,
        network: "resnet-8",
        format: "onnx",
        file: `out/${name}.onnx`,
        normalization: null,
        difference: expect.toSatisfy((difference: number) => difference >= 0 && difference <= 1e-4) as number,
      });
      const call = `teacher import --name ${name} --dataset demo --onnx out/${name}.onnx`;
      expect(await runJson(call)).toMatchObject({
        teacher: { name, dataset: "demo", classes: 10, network: "resnet-8", source: { format: "onnx" } },
        folder: `teachers/${name}`,
        notes: [],
      });
    });
    await Promise.all(imports);
  });

  it.each(["safetensors", "npz"])("has PyTorch's names in %s, and comes back the same", async (format) => {
    const file = `out/natural.${format}`;
    expect(await runJson(`export ${NATURAL} --to ${format} --out ${file}`)).toEqual({
      model: NATURAL,
      network: "resnet-8",
      format,
      file,
      normalization: null,
      difference: null,
    });
    const image = { height: 32, width: 32, channels: 3 };
    const names = parameterSpecs(createNetwork("resnet-8", { image, classes: 10 })).map(({ name }) => name);
    expect(names).toContain("layer2.0.bn1.running_var");
    const { weights } = await readWeightsFile(join(work.path, file));
    const best = await readWeightsFile(join(work.path, NATURAL, "best.safetensors"));
    expect([...weights.keys()].sort()).toEqual([...names].sort());
    for (const [name, tensor] of weights) expect(best.weights.get(name), name).toEqual(tensor);

    const call = `teacher import --name ${format} --dataset demo --network resnet-8 --weights ${file}`;
    expect(await runJson(call)).toMatchObject({ teacher: { source: { format } }, dialect: "akamaster" });
    const { clean } = await evaluate(`${NATURAL} --attacks none --limit 200`);
    expect(await runJson(`teacher check ${format} --limit 200`)).toMatchObject({
      measured: { correct: clean.correct, total: 200 },
    });
  });

  it("is handed on in a folder, with what was measured of it and test images in its page", async () => {
    await evaluate(`${NATURAL} --attacks none --limit 300`);
    expect(await runJson(`export ${NATURAL} --out out/handed --license mit`)).toMatchObject({
      format: "folder",
      files: ["README.md", "model.onnx", "model.safetensors", "classes.json", "index.html"],
      images: 12,
      noPage: null,
    });
    const card = read("out/handed/README.md");
    expect(card).toMatch(/^license: mit$/m);
    expect(card).toMatch(/^\| clean \| 300 \| [\d.]+% \([\d.]+ to [\d.]+\) \|/m);
  });

  it("answers every image as the run does, as a teacher and as a file", async () => {
    const answers = async (model: string): Promise<unknown[]> => {
      const { perExample } = await evaluate(`${model} --attacks none --limit 300`);
      return readLines(perExample).map(({ clean }) => clean);
    };
    const [student, teacher, file] = await Promise.all([
      answers(NATURAL),
      answers("natural"),
      answers("out/natural.onnx"),
    ]);
    expect(student).toHaveLength(300);
    expect(new Set(student).size).toBeGreaterThan(1);
    expect(teacher).toEqual(student);
    expect(file).toEqual(student);
  });

  it("is listed and shown as a teacher", async () => {
    const { teachers } = await runJson("teacher list --dataset demo");
    expect(teachers).toEqual(
      expect.arrayContaining([
        expect.objectContaining({ name: "natural", network: "resnet-8" }),
        expect.objectContaining({ name: "robust" }),
      ]),
    );
    expect((await run("teacher show robust")).stdout).toMatch(/^made from +robust\.onnx \(onnx\), sha256/m);
  });

  it("teaches a student, whose finished run --resume leaves as it is", async () => {
    const call = `train --method baseline --clean-teacher natural --robust-teacher robust ${SMALL} --set innerSteps=2 --out runs/baseline`;
    const first = await runJson(call);
    expect(first).toMatchObject({ run: "runs/baseline", status: "finished", step: 2, best: { epoch: 1 } });
    const number = expect.any(Number) as number;
    expect(readLines("runs/baseline/metrics.jsonl")[0]).toMatchObject({
      epoch: 1,
      step: 1,
      lossNat: number,
      lossAdv: number,
      weightNat: 0.5,
      weightAdv: 0.5,
      temperatureNat: 1,
      temperatureAdv: 1,
    });
    const there = contentsOf(join(work.path, "runs/baseline"));
    const { code, stdout, stderr } = await run(`${call} --resume --json`);
    expect(code).toBe(0);
    expect(JSON.parse(stdout)).toEqual(first);
    expect(stderr).toBe(
      "student resnet-8 on cpu (libtensorflow), clean teacher natural on cpu (ONNX Runtime), robust teacher robust on cpu (ONNX Runtime)\n" +
        "baseline on demo, 1 epoch, best chosen on test images\nresumed from runs/baseline after step 2\n",
    );
    expect(contentsOf(join(work.path, "runs/baseline"))).toEqual(there);
  });

  it("gives way to another teacher by one flag, which takes a name, a folder or an .onnx file", async () => {
    const inputs = (folder: string) =>
      (JSON.parse(read(`${folder}/settings.json`)) as { inputs: Record<string, string> }).inputs;
    const swapped = `train --method baseline --clean-teacher out/robust.onnx --robust-teacher teachers/natural ${SMALL} --set innerSteps=2 --out runs/swapped`;
    expect(await runJson(swapped)).toMatchObject({ run: "runs/swapped", status: "finished" });
    const [before, after] = [inputs("runs/baseline"), inputs("runs/swapped")];
    expect(after).toMatchObject({ data: before["data"], robustTeacher: before["cleanTeacher"] });
    expect(after["cleanTeacher"]).not.toBe(before["cleanTeacher"]);
    const losses = (folder: string) => readLines(`${folder}/metrics.jsonl`).map((line) => line["lossNat"]);
    expect(losses("runs/swapped")).not.toEqual(losses("runs/baseline"));
  });

  it("keeps its teachers when a run is resumed", async () => {
    const there = contentsOf(join(work.path, "runs/baseline"));
    const call = `train --method baseline --robust-teacher robust ${SMALL} --set innerSteps=2 --out runs/baseline --resume`;
    const another = await run(`${call} --clean-teacher robust`);
    expect(another.code).toBe(2);
    const hash = "\\(sha256 [0-9a-f]{8}\\)";
    expect(another.stderr).toMatch(
      new RegExp(
        `holds a run of other settings\n +expected +cleanTeacher robust ${hash}\n +found +cleanTeacher natural ${hash}\n`,
      ),
    );
    // The same name, and other weights behind it.
    expect(
      await run("teacher import --name natural --dataset demo --onnx out/robust.onnx --force"),
    ).toMatchObject({ code: 0 });
    const replaced = await run(`${call} --clean-teacher natural`);
    expect(replaced.code).toBe(2);
    expect(replaced.stderr).toMatch(
      new RegExp(`expected +cleanTeacher natural ${hash}\n +found +cleanTeacher natural`),
    );
    expect(contentsOf(join(work.path, "runs/baseline"))).toEqual(there);
  });
});

describe("help", () => {
  it("lists every command, and every command says what it takes", async () => {
    const { code, stdout } = await run("--help");
    expect(code).toBe(0);
    const names = [...stdout.matchAll(/^ {2}mtard (\w+)/gm)].map(([, name]) => name ?? "");
    expect(names).toEqual([
      "setup",
      "demo",
      "data",
      "teacher",
      "train",
      "evaluate",
      "obfuscation",
      "attack",
      "export",
      "table",
      "figure",
      "study",
      "sweep",
      "jobs",
      "watch",
      "report",
      "leaderboard",
      "networks",
      "recipe",
      "doctor",
      "completion",
    ]);
    const options: Record<string, string[]> = {
      setup: ["--device"],
      study: ["--seeds", "--against", "--students"],
      sweep: ["--grid", "--seeds", "--samples", "--halving", "log:0.001..0.1"],
      watch: ["--port", "--open", "ssh -L"],
      leaderboard: ["--rank-by", "--attacks", "--dataset", "--out", "mtard leaderboard runs --rank-by aa"],
      jobs: ["--runs-dir", "--all", "mtard jobs cancel rslad"],
      demo: ["--out", "--limit-train"],
      data: ["--from"],
      teacher: ["fetch <model>", "import", "list", "show <name>", "check <name>"],
      recipe: ["list", "show"],
      train: ["--reading", "--method", "--clean-teacher", "--resume", "--set", "b-mtard", "temperatureRate"],
      evaluate: ["--attacks", "--eps", "--limit", "pgd-trades"],
      export: ["--to", "safetensors", "npz"],
      table: [
        "1, 2, 3, 4, 5, 6, 7, 8, 9, 10, 11",
        "--attack-images",
        "--budget",
        "subset",
        "--seeds",
        "--runs-dir",
        "--dry-run",
        "--on",
        "--partition",
        "--methods",
      ],
      report: ["--out", "--no-examples", "several are compared"],
      figure: ["3, 4, 5, 6", "--budget", "--out"],
    };
    for (const [name, words] of Object.entries(options)) {
      const { stdout: help } = await run(`${name} --help`);
      for (const word of [...words, "--json", "--data-dir"]) expect(help).toContain(word);
    }
  });

  it("--version is the package's", async () => {
    const { version } = JSON.parse(readFileSync("package.json", "utf8")) as { version: string };
    expect(await run("--version")).toEqual({ code: 0, stdout: `${version}\n`, stderr: "" });
  });
});

describe("networks", () => {
  it("counts the parameters PyTorch counts", async () => {
    const { networks } = (await runJson("networks --dataset cifar100")) as {
      networks: { id: string; parameters: number }[];
    };
    for (const { id, size, classes, parameters } of goldenNetworks) {
      const listed = networks.find((network) => network.id === id);
      if (listed && size === 32 && classes === 100) expect(listed.parameters).toBe(parameters);
    }
    expect(networks.map(({ id }) => id)).toContain("wide-resnet-70-16");
  });
});

describe("doctor", () => {
  it("says what runs here and counts the stores", async () => {
    const { ok, checks } = await runJson("doctor");
    expect(ok).toBe(true);
    expect(checks).toEqual(
      expect.arrayContaining([
        { name: "data sets", status: "ok", found: "demo (4000 train, 1000 test)" },
        { name: "teachers", status: "ok", found: expect.stringMatching(/natural, .*robust/) as string },
      ]),
    );
  });
});
