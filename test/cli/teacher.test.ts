import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { prepareDataset } from "#mtard/data/prepare.js";
import { hasShared, shared } from "../shared.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-cli-teacher-"));
const stores = ["--data-dir", join(folder, "data"), "--teachers-dir", join(folder, "teachers")];
afterAll(() => rmSync(folder, { recursive: true }));

function mtard(...args: string[]) {
  const { status, stdout, stderr } = spawnSync(
    process.execPath,
    [join(import.meta.dirname, "../../dist/cli/main.js"), "teacher", ...args, ...stores],
    { encoding: "utf8", timeout: 100_000, env: { ...process.env, MTARD_DEVICE: "cpu" } },
  );
  return { status, stdout, stderr };
}

function json(result: ReturnType<typeof mtard>): Record<string, unknown> {
  expect(result).toMatchObject({ status: 0 });
  return JSON.parse(result.stdout) as Record<string, unknown>;
}

describe("mtard teacher on real files", () => {
  beforeAll(async () => {
    if (hasShared)
      await prepareDataset("cifar10", join(folder, "data"), {
        from: shared("data/cifar-10-binary-subset.tar.gz"),
      });
  });

  it.skipIf(!hasShared)("imports, checks, lists and shows a teacher", () => {
    const real = ["--onnx", shared("teachers/cifar10-resnet4b.onnx")];
    const normalization = ["--mean", "0.4914,0.4822,0.4465", "--std", "0.2471,0.2435,0.2616"];
    expect(
      json(
        mtard("import", "--name", "resnet4b", "--dataset", "cifar10", ...real, ...normalization, "--json"),
      ),
    ).toMatchObject({
      teacher: { name: "resnet4b", dataset: "cifar10", classes: 10, network: null },
      notes: ["the batch size, fixed at 1, was made free"],
    });
    const measured = { split: "test", correct: 1566, total: 2000 };
    expect(json(mtard("check", "resnet4b", "--json"))).toMatchObject({
      device: "cpu",
      measured,
      comparison: "recorded",
    });
    expect(json(mtard("check", "resnet4b", "--limit", "100", "--json"))).toMatchObject({
      measured: { total: 100 },
      before: measured,
      comparison: "other total",
    });
    expect(mtard("check", "resnet4b").stdout).toBe(
      "resnet4b: 78.30% (1,566 of 2,000 test images), on cpu; as its manifest says\n",
    );
    expect(json(mtard("list", "--json"))).toMatchObject({
      teachers: [{ name: "resnet4b", measured }],
      broken: [],
    });
    expect(mtard("list").stdout).toMatch(
      /resnet4b +cifar10 +10 +\(ONNX\) +78\.30% \(1,566 of 2,000 test images\)/,
    );
    expect(mtard("list", "--dataset", "cifar100").stdout).toContain("no teachers for cifar100");
    expect(json(mtard("show", "resnet4b", "--json"))).toMatchObject({
      teacher: { name: "resnet4b", measured },
    });
    expect(mtard("show", "resnet4b").stdout).toContain("cifar10-resnet4b.onnx (onnx), sha256");

    const manifest = join(folder, "teachers/resnet4b/teacher.json");
    writeFileSync(manifest, readFileSync(manifest, "utf8").replace('"correct": 1566', '"correct": 1600'));
    expect(mtard("check", "resnet4b")).toMatchObject({
      status: 1,
      stderr: expect.stringContaining("expected  1600 of 2000 test images right") as string,
    });
  });

  it.skipIf(!hasShared)("checks a bare .onnx file and records nothing", () => {
    const path = shared("teachers/cifar10-cnn-robust.onnx");
    expect(json(mtard("check", path, "--dataset", "cifar10", "--limit", "64", "--json"))).toMatchObject({
      teacher: "cifar10-cnn-robust",
      measured: { total: 64 },
      comparison: "other total",
    });
  });
});

describe("mtard teacher refuses with exit code 2 and leaves nothing behind", () => {
  const half = join(folder, "half.onnx");
  const page = join(folder, "page.onnx");
  beforeAll(() => {
    writeFileSync(half, Buffer.from([8, 7, 58, 200, 1, 10]));
    writeFileSync(page, "<!DOCTYPE html>");
  });

  it.each([
    ["no source", [], "nothing to import was named"],
    ["two sources", ["--onnx", half, "--network", "resnet-20", "--weights", half], "mutually exclusive"],
    ["a cut file", ["--onnx", half], "not a whole ONNX model"],
    ["a web page", ["--onnx", page], "a web page"],
    ["an absent file", ["--onnx", join(folder, "absent.onnx")], "cannot read"],
    ["an unknown network", ["--network", "resnet-57", "--weights", half], 'unknown network "resnet-57"'],
    ["a mean without a deviation", ["--onnx", half, "--mean", "1,1,1"], "needs both --mean and --std"],
    [
      "a mean that is no list",
      ["--onnx", half, "--mean", "1,x,1", "--std", "1,1,1"],
      "--mean is not a list of numbers",
    ],
    ["two means", ["--onnx", half, "--mean", "1,1", "--std", "1,1"], "3 numbers in --mean"],
    ["an unknown layout", ["--onnx", half, "--layout", "chwn"], "layout"],
  ])("%s", (_, args, said) => {
    const result = mtard("import", "--name", "it", "--dataset", "cifar10", ...args);
    expect(result).toMatchObject({ status: 2, stdout: "", stderr: expect.stringContaining(said) as string });
    expect(existsSync(join(folder, "teachers/it"))).toBe(false);
  });

  it.each([
    [
      "a name with a path",
      ["import", "--name", "../it", "--dataset", "cifar10", "--onnx", half],
      "teacher's name",
    ],
    [
      "an unknown data set",
      ["import", "--name", "it", "--dataset", "mnist", "--onnx", half],
      'no data set "mnist"',
    ],
    ["an unknown teacher", ["check", "nobody"], 'no teacher "nobody"'],
    ["nothing to do", [], "name what to do"],
    ["an unknown word", ["frobnicate"], "frobnicate"],
  ])("%s", (_, args, said) => {
    expect(mtard(...args)).toMatchObject({ status: 2, stderr: expect.stringContaining(said) as string });
  });
});
