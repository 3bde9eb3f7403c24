import { appendFileSync, cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join, resolve } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { serializeModel } from "#mtard/onnx/model.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { Random } from "#mtard/runtime/random.js";
import { importTeacher } from "#mtard/teacher/import.js";
import { readManifest } from "#mtard/teacher/manifest.js";
import { findTeacher } from "#mtard/teacher/reference.js";
import { loadTeacher } from "#mtard/teacher/load.js";
import { listTeachers } from "#mtard/teacher/store.js";
import { image, model, plainGraph } from "../onnx/models.js";

const tiny = { name: "test-images", image, classes: 5 };
const folder = mkdtempSync(join(tmpdir(), "mtard-store-"));
const plain = join(folder, "plain.onnx");
let teachersDir: string;
let count = 0;

beforeAll(() => writeFileSync(plain, serializeModel(model(plainGraph()))));
afterAll(() => rmSync(folder, { recursive: true }));
beforeEach(async () => {
  teachersDir = join(folder, `teachers-${count++}`);
  await importTeacher({
    name: "good",
    dataset: tiny,
    from: { kind: "onnx", path: plain },
    force: false,
    teachersDir,
  });
});

const manifestFile = () => join(teachersDir, "good", "teacher.json");

function changeManifest(change: Record<string, unknown>): void {
  const content = JSON.parse(readFileSync(manifestFile(), "utf8")) as Record<string, unknown>;
  writeFileSync(manifestFile(), JSON.stringify({ ...content, ...change }));
}

function refusal(work: () => unknown): string {
  try {
    work();
  } catch (error) {
    if (error instanceof InputError) return error.report();
    throw error;
  }
  throw new Error("it was not refused");
}

describe("loadTeacher", () => {
  it("says how to get a described teacher that is not here", () => {
    const said = (name: string) => refusal(() => loadTeacher(findTeacher(name, teachersDir), tiny));
    expect(said("cifar10-resnet-56")).toMatch(/is described, but not in the store\n/);
    expect(said("cifar10-resnet-56")).toMatch(/try +mtard teacher fetch cifar10-resnet-56$/);
    expect(said("robustbench:cifar10/Linf/Sehwag2020Hydra")).toMatch(
      /try +mtard teacher fetch cifar10-Linf-Sehwag2020Hydra$/,
    );
    expect(said("tiny-imagenet-preact-resnet-34-clean")).toMatch(
      /try +mtard train .* && mtard export .* --from runs/,
    );
  });

  it("refuses a teacher for images of another size", () => {
    const large = { ...tiny, image: { ...image, height: 2 * image.height, width: 2 * image.width } };
    const said = refusal(() => loadTeacher(findTeacher("good", teachersDir), large));
    expect(said).toMatch(/teacher "good" takes images of \d+x\d+x\d+, but those of test-images are/);
  });

  it("finds a teacher by name and by folder", () => {
    for (const reference of ["good", join(teachersDir, "good")]) {
      const {
        manifest,
        model: bytes,
        folder: found,
      } = loadTeacher(findTeacher(reference, teachersDir), tiny);
      expect(manifest.name).toBe("good");
      expect(found).toBe(join(teachersDir, "good"));
      expect(bytes.length).toBeGreaterThan(1000);
    }
  });

  it("lists what there is when a name is unknown", () => {
    expect(refusal(() => loadTeacher(findTeacher("bad", teachersDir)))).toContain(
      "one of demo-clean, demo-robust, good",
    );
    expect(refusal(() => loadTeacher(findTeacher("../good", teachersDir)))).toContain('no teacher "../good"');
  });

  it("refuses a model that is not the manifest's", () => {
    appendFileSync(join(teachersDir, "good", "model.onnx"), "x");
    expect(refusal(() => loadTeacher(findTeacher("good", teachersDir)))).toContain(
      "is not the model its manifest describes",
    );
  });

  it("refuses a teacher of another data set, in the words of the design", () => {
    const wanted = { name: "cifar10", image, classes: 10 };
    expect(refusal(() => loadTeacher(findTeacher("good", teachersDir), wanted))).toBe(
      [
        'error: teacher "good" answers 5 classes, but cifar10 has 10',
        "  expected  a teacher for cifar10",
        `  found     ${manifestFile()} says dataset "test-images"`,
        "  try       mtard teacher list --dataset cifar10",
      ].join("\n"),
    );
    const other = { ...tiny, name: "other-images" };
    expect(refusal(() => loadTeacher(findTeacher("good", teachersDir), other))).toContain(
      "is for test-images, not for other-images",
    );
  });

  it("reads a bare .onnx file for a data set, and one of mtard's own without", () => {
    expect(refusal(() => loadTeacher(findTeacher(plain, teachersDir)))).toContain(
      "does not say what it classifies",
    );
    expect(loadTeacher(findTeacher(plain, teachersDir), tiny)).toMatchObject({
      folder: null,
      manifest: { name: "plain", dataset: "test-images", network: null },
    });
    const network = createNetwork("resnet-8", { image: { height: 32, width: 32, channels: 3 }, classes: 10 });
    const ours = join(folder, "ours.onnx");
    const weights = initialWeights(network, Random.fromSeed(1));
    writeFileSync(ours, networkToOnnx(network, weights, { version: "0", dataset: "cifar10" }));
    expect(loadTeacher(findTeacher(ours, teachersDir))).toMatchObject({
      manifest: { name: "ours", dataset: "cifar10", classes: 10, network: "resnet-8" },
    });
    expect(refusal(() => loadTeacher(findTeacher(ours, teachersDir), tiny))).toContain(
      "does not take the images",
    );
  });
});

describe("readManifest refuses", () => {
  it.each([
    ["a path out of the folder", { file: "../model.onnx" }, "file: a plain file name"],
    ["an absolute path", { file: "/etc/passwd.onnx" }, "file: a plain file name"],
    ["a name with a path", { name: "../good" }, "name: letters"],
    ["no classes", { classes: 0 }, "classes"],
    ["a hash that is none", { sha256: "abc" }, "sha256: not a SHA-256"],
    ["a deviation of 0", { normalization: { mean: [0], std: [0] } }, "normalization.std.0"],
    ["more right than there are", { measured: { split: "test", correct: 3, total: 2 } }, "more images right"],
  ])("%s, and names the place", (_, change, said) => {
    changeManifest(change);
    expect(refusal(() => readManifest(join(teachersDir, "good")))).toContain(said);
  });

  it("something that is no JSON, or far too large, or absent", () => {
    writeFileSync(manifestFile(), "{");
    expect(refusal(() => readManifest(join(teachersDir, "good")))).toContain("not a usable teacher manifest");
    writeFileSync(manifestFile(), " ".repeat(2 << 20));
    expect(refusal(() => readManifest(join(teachersDir, "good")))).toContain("teacher.json is too large");
    expect(refusal(() => readManifest(folder))).toContain("no such file");
  });
});

describe("listTeachers", () => {
  it("goes on past a broken teacher, half-made folders and stray files", async () => {
    await importTeacher({
      name: "another",
      dataset: tiny,
      from: { kind: "onnx", path: plain },
      force: false,
      teachersDir,
    });
    mkdirSync(join(teachersDir, ".late.1.partial"));
    writeFileSync(join(teachersDir, ".late.1.partial", "teacher.json"), "{}");
    writeFileSync(join(teachersDir, "notes.txt"), "");
    changeManifest({ classes: "five" });
    expect(listTeachers(teachersDir)).toMatchObject([
      { name: "another", manifest: {} },
      { name: "demo-clean", manifest: { role: "clean" } },
      { name: "demo-robust", manifest: { role: "robust" } },
      { name: "good", error: {} },
    ]);
  });

  it("finds those that come with the package where there is no store", () => {
    const listed = listTeachers(join(folder, "absent"));
    expect(listed.map(({ name }) => name)).toEqual(["demo-clean", "demo-robust"]);
    expect(findTeacher("demo-clean", join(folder, "absent"))).toEqual({
      kind: "folder",
      folder: resolve("teachers/demo-clean"),
    });
  });

  it("prefers a teacher of the store to the package's of that name", () => {
    const store = join(folder, "own-demo");
    cpSync("teachers/demo-robust", join(store, "demo-robust"), { recursive: true });
    expect(findTeacher("demo-robust", store)).toEqual({ kind: "folder", folder: join(store, "demo-robust") });
    expect(listTeachers(store)).toHaveLength(2);
  });
});
