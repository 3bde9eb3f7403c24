import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { goldenJson } from "../golden.js";
import { sineClassifier } from "../onnx/models.js";
import { hasShared, shared } from "../shared.js";
import { mtard, mtardJson, workFolder } from "./mtard.js";

const work = workFolder();
afterAll(() => work.remove());

const teacher = (...args: string[]) => mtard(["teacher", ...args], work.path);
const teacherJson = (...args: string[]) => mtardJson(["teacher", ...args], work.path);

describe("mtard teacher on real files", () => {
  beforeAll(async () => {
    if (hasShared)
      await prepareDataset("cifar10", join(work.path, "data"), {
        from: shared("data/cifar-10-binary-subset.tar.gz"),
      });
  });

  it.skipIf(!hasShared)("imports, checks, lists and shows a teacher", async () => {
    const real = ["--onnx", shared("teachers/cifar10-resnet4b.onnx")];
    const normalization = ["--mean", "0.4914,0.4822,0.4465", "--std", "0.2471,0.2435,0.2616"];
    expect(
      await teacherJson("import", "--name", "resnet4b", "--dataset", "cifar10", ...real, ...normalization),
    ).toMatchObject({
      teacher: { name: "resnet4b", dataset: "cifar10", classes: 10, network: null },
      notes: ["the batch size, fixed at 1, was made free"],
    });
    const measured = { split: "test", correct: 1566, total: 2000 };
    expect(await teacherJson("check", "resnet4b", "--attack-limit", "20")).toMatchObject({
      device: "cpu",
      attacks: { "pgd-sat": { measured: { total: 20 }, comparison: "recorded" } },
      impossible: null,
      measured,
      comparison: "recorded",
    });
    expect(await teacherJson("check", "resnet4b", "--limit", "100")).toMatchObject({
      measured: { total: 100 },
      before: measured,
      comparison: "other total",
    });
    expect((await teacher("check", "resnet4b", "--attacks", "none")).stdout).toBe(
      "resnet4b: 78.30% (1,566 of 2,000 test images), on cpu; as its manifest says\n",
    );
    expect(await teacherJson("list", "--dataset", "cifar10")).toMatchObject({
      teachers: [{ name: "resnet4b", measured }],
      broken: [],
    });
    expect((await teacher("list")).stdout).toMatch(
      /resnet4b +cifar10 +- +\(ONNX\) +78\.30% \(1,566 of 2,000 test images\)/,
    );
    expect((await teacher("list", "--dataset", "cifar100")).stdout).toContain("no teachers for cifar100");
    expect(await teacherJson("show", "resnet4b")).toMatchObject({
      teacher: { name: "resnet4b", measured },
    });
    expect((await teacher("show", "resnet4b")).stdout).toContain("cifar10-resnet4b.onnx (onnx), sha256");

    const manifest = join(work.path, "teachers/resnet4b/teacher.json");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"correct": 1566', '"correct": 1600'));
    expect(await teacher("check", "resnet4b")).toMatchObject({
      code: 1,
      stderr: expect.stringContaining("expected  1600 of 2000 test images right") as string,
    });
  });

  it.skipIf(!hasShared)("fetches a described teacher from a file, attacks it and compares", async () => {
    const name = "cifar10-resnet-56";
    expect(await teacherJson("fetch", name, "--from", shared("teachers/cifar10-resnet56.th"))).toMatchObject({
      teacher: { name, network: "resnet-56", role: "clean" },
    });
    const attacked = { attack: "pgd-sat", epsilon: 8 / 255, seed: 0, split: "test", correct: 0, total: 10 };
    expect(await teacherJson("check", name, "--attack-limit", "10")).toMatchObject({
      measured: { correct: 1870, total: 2000 },
      attacks: { "pgd-sat": { measured: attacked, before: null, comparison: "recorded" } },
      published: [
        { from: "akamaster's README", what: "clean", expected: 0.9339, measured: 0.935, agrees: true },
      ],
    });
    const { stdout } = await teacher("check", name, "--limit", "10");
    expect(stdout).toContain("under pgd-sat: 0.00% (0 of 10 test images), seed 0; as its manifest says\n");
    expect((await teacher("show", name)).stdout).toMatch(
      /under pgd-sat +0\.00%(.|\n)*expected +clean 93\.39%/,
    );

    const { teachers, described } = await teacherJson("list", "--dataset", "cifar10", "--role", "clean");
    expect(teachers).toMatchObject([{ name, role: "clean" }]);
    const absent = (described as { name: string }[]).map((each) => each.name);
    expect(absent).toEqual([
      "cifar10-resnet-56-chenyaofo",
      "cifar10-resnet-56-mtard",
      "cifar10-wide-resnet-34-10-c",
    ]);
  });

  it.skipIf(!hasShared)(
    "finds the robust accuracy that PyTorch found, also of a foreign ONNX graph",
    async () => {
      const golden = goldenJson<Record<string, Record<string, number[]>>>("attacks.json");
      const check = async (file: string, ...call: string[]): Promise<void> => {
        const { attacks } = await teacherJson("check", ...call, "--limit", "64");
        const { correct, total } = (
          attacks as { "pgd-sat": { measured: { correct: number; total: number } } }
        )["pgd-sat"].measured;
        const right = golden[file]?.["pgd-sat"]?.slice(0, 64) ?? [];
        expect(total).toBe(64);
        // Another random start and other kernels turn an image or two.
        expect(Math.abs(correct - right.reduce((sum, each) => sum + each, 0))).toBeLessThanOrEqual(2);
      };
      const name = "resnet20-robust";
      const file = "cifar10-resnet20-robust.pth";
      const source = ["--network", "resnet-20", "--weights", shared(`teachers/${file}`), "--role", "robust"];
      const normalization = ["--mean", "0.485,0.456,0.406", "--std", "0.229,0.224,0.225"];
      await teacherJson("import", "--name", name, "--dataset", "cifar10", ...source, ...normalization);
      await check(file, name);
      await check(
        "cifar10-cnn-robust.onnx",
        shared("teachers/cifar10-cnn-robust.onnx"),
        "--dataset",
        "cifar10",
      );
      expect(await teacherJson("list", "--role", "robust")).toMatchObject({
        teachers: [{ name: "demo-robust" }, { name, role: "robust" }],
      });
    },
  );

  it("lists and shows described teachers from any place, whatever the store", async () => {
    const elsewhere = ["--teachers-dir", join(work.path, "elsewhere")];
    const { stdout } = await teacher("list", ...elsewhere);
    expect(stdout).toMatch(/^NAME .*\ndemo-clean +demo +clean /);
    expect(stdout).toMatch(
      /cifar100-wide-resnet-70-16 +cifar100 +robust +\S+ +60\.86% +mtard teacher fetch cifar100-wide-/,
    );
    expect(stdout).toMatch(/cifar10-wide-resnet-34-10-c .* \(says how\)/);
    expect(stdout).toMatch(/\n\nSTUDENTS TO EVALUATE .*\ncifar10-mobilenet-v2-rslad +cifar10 +student /);
    const robust = await teacher("list", "--robustbench", "--dataset", "cifar100", ...elsewhere);
    expect(robust.stdout).toMatch(
      /^MODEL .*\nrobustbench:cifar100\/Linf\/Gowal2020Uncovering +wide-resnet-70-16 +60\.86% +30\.03%\n/,
    );
    expect(robust.stdout).toMatch(/Linf\/Rade2021Helper_R18_ddpm +a PreActResNet-18 in DeepMind's form/);
    const shown = await teacher("show", "cifar10-wide-resnet-34-10", ...elsewhere);
    expect(shown.stdout).toMatch(/here +no: mtard teacher fetch cifar10-wide-resnet-34-10\n/);
    expect(shown.stdout).toMatch(/expected +clean 84\.91%, fgsm 61\.14%, pgd-sat 55\.3%/);
    expect(await teacherJson("show", "cifar10-wide-resnet-34-10", ...elsewhere)).toMatchObject({
      teacher: null,
      folder: null,
      description: { network: "wide-resnet-34-10", role: "robust" },
    });
  });

  it.skipIf(!hasShared)("checks a bare .onnx file and records nothing", async () => {
    const path = shared("teachers/cifar10-cnn-robust.onnx");
    const call = ["check", path, "--dataset", "cifar10", "--limit", "64", "--attacks", "none"];
    expect(await teacherJson(...call)).toMatchObject({
      teacher: "cifar10-cnn-robust",
      measured: { total: 64 },
      comparison: "no manifest",
    });
  });

  it.skipIf(!hasShared)("says which operator keeps a graph from being attacked, and goes on", async () => {
    writeFileSync(join(work.path, "sine.onnx"), sineClassifier());
    const { code, stdout } = await teacher("check", "sine.onnx", "--dataset", "cifar10", "--limit", "10");
    expect(code).toBe(0);
    expect(stdout).toMatch(
      /of 10 test images\), on cpu; .*\npgd-sat: not measured, no gradient of Sin, node "waves"\n$/,
    );
  });
});
