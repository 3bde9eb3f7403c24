import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
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
    expect(await teacherJson("check", "resnet4b")).toMatchObject({
      device: "cpu",
      measured,
      comparison: "recorded",
    });
    expect(await teacherJson("check", "resnet4b", "--limit", "100")).toMatchObject({
      measured: { total: 100 },
      before: measured,
      comparison: "other total",
    });
    expect((await teacher("check", "resnet4b")).stdout).toBe(
      "resnet4b: 78.30% (1,566 of 2,000 test images), on cpu; as its manifest says\n",
    );
    expect(await teacherJson("list")).toMatchObject({
      teachers: [{ name: "resnet4b", measured }],
      broken: [],
    });
    expect((await teacher("list")).stdout).toMatch(
      /resnet4b +cifar10 +10 +\(ONNX\) +78\.30% \(1,566 of 2,000 test images\)/,
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

  it.skipIf(!hasShared)("checks a bare .onnx file and records nothing", async () => {
    const path = shared("teachers/cifar10-cnn-robust.onnx");
    expect(await teacherJson("check", path, "--dataset", "cifar10", "--limit", "64")).toMatchObject({
      teacher: "cifar10-cnn-robust",
      measured: { total: 64 },
      comparison: "other total",
    });
  });
});
