import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { teacherRolesOf } from "#mtard/methods/method.js";
import { methods, requireMethodId } from "#mtard/methods/methods.js";
import { askedTeachers, departuresOf } from "#mtard/recipes/departures.js";
import { recipe } from "#mtard/recipes/recipes.js";
import { parseSettings, type TrainingSettings } from "#mtard/recipes/settings.js";
import { formatManifest, type TeacherManifest } from "#mtard/teacher/manifest.js";

const work = mkdtempSync(join(tmpdir(), "mtard-departures-"));
afterAll(() => rmSync(work, { recursive: true }));

for (const [name, network, normalization] of [
  ["papers", "resnet-56-b", null],
  ["wrn", "wide-resnet-34-10", null],
  ["akamaster", "resnet-56", null],
  ["normalised", "resnet-56-b", { mean: [0.5, 0.5, 0.5], std: [0.2, 0.2, 0.2] }],
] as const) {
  const manifest: TeacherManifest = {
    name,
    dataset: "cifar10",
    classes: 10,
    image: { height: 32, width: 32, channels: 3 },
    file: "model.onnx",
    sha256: "0".repeat(64),
    source: { file: "model.pt", sha256: "0".repeat(64), format: "torch-zip" },
    network,
    normalization: normalization && { mean: [...normalization.mean], std: [...normalization.std] },
    createdBy: "1",
  };
  mkdirSync(join(work, name));
  writeFileSync(join(work, name, "teacher.json"), formatManifest(manifest));
}

const said = (changes: Partial<TrainingSettings> = {}, dataset = "cifar10"): string[] => {
  const training = { dataset, method: "baseline", student: "resnet-18" };
  const settings = parseSettings({
    ...{ ...recipe(training), ...training },
    ...{ cleanTeacher: "papers", robustTeacher: "wrn", seed: 0, limitTrain: null, limitTest: null },
    ...changes,
  });
  const roles = teacherRolesOf(methods[requireMethodId(settings.method)]);
  return departuresOf(settings, askedTeachers(settings, roles, work));
};

it("a run by its recipe departs in nothing", () => {
  expect(said()).toEqual([]);
  expect(said({ epochs: 3, learningRate: 1 })).toEqual([]);
});

it("another batch size than the recipe's is said, in one line", () => {
  expect(said({ batchSize: 64 })).toEqual([
    "batches of 64, where the recipe has 128: its rates are for those, and results change, in a public report on ARD by several points",
  ]);
  expect(said({ batchSize: 32, cleanTeacher: null, robustTeacher: null }, "tiny-imagenet")).toEqual([]);
  expect(said({ batchSize: 128, cleanTeacher: null, robustTeacher: null }, "tiny-imagenet")).toHaveLength(1);
});

it("another clean teacher than the paper's is said, where the method asks one", () => {
  const text = (name: string): string =>
    `the clean teacher ${name} is not the paper's: that is cifar10-resnet-56-mtard (resnet-56-b)`;
  expect(said({ cleanTeacher: "akamaster" })).toEqual([text("akamaster")]);
  expect(said({ cleanTeacher: "normalised" })).toEqual([text("normalised")]);
  expect(said({ cleanTeacher: "akamaster", method: "rslad" })).toEqual([]);
});

it("a teacher that is named by its folder is looked at, and a file is not known", () => {
  expect(said({ cleanTeacher: join(work, "papers") })).toEqual([]);
  expect(said({ cleanTeacher: join(work, "akamaster") })).toEqual([
    "the clean teacher akamaster is not the paper's: that is cifar10-resnet-56-mtard (resnet-56-b)",
  ]);
  expect(said({ robustTeacher: "r.onnx" })).toEqual([
    "the robust teacher r.onnx is a file, which may or may not be the paper's: that is cifar10-wide-resnet-34-10 (wide-resnet-34-10)",
  ]);
});
