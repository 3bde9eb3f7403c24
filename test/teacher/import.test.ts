import { createHash } from "node:crypto";
import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { encodeSafetensors } from "#mtard/weights/safetensors.js";
import { InputError } from "#mtard/errors.js";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { floatTensor, intAttribute, node } from "#mtard/onnx/build.js";
import { openStoredModel } from "#mtard/onnx/external-data.js";
import { parseModel, serializeModel } from "#mtard/onnx/model.js";
import { readNetworkModel } from "#mtard/onnx/weights.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { Random } from "#mtard/runtime/random.js";
import { openTeacher } from "#mtard/teacher/bridge.js";
import { importTeacher, type ImportRequest } from "#mtard/teacher/import.js";
import { readManifest } from "#mtard/teacher/manifest.js";
import { loadTeacher, teacherSha256 } from "#mtard/teacher/load.js";
import { findTeacher } from "#mtard/teacher/reference.js";
import { classifierNodes, image, model, parameters, plainGraph, reshapedGraph } from "../onnx/models.js";
import { hasShared, shared } from "../shared.js";
import { cifar10, countRight, realTeachers, subsetTest } from "./subset.js";

let folder: string;
let teachersDir: string;
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), "mtard-import-"));
  teachersDir = join(folder, "teachers");
});
afterEach(() => rmSync(folder, { recursive: true }));

const tiny = { name: "test-images", image, classes: 5 };

function file(name: string, content: string | Uint8Array): string {
  const path = join(folder, name);
  writeFileSync(path, content);
  return path;
}

function request(path: string, options: Partial<ImportRequest> = {}): ImportRequest {
  return { name: "it", dataset: tiny, from: { kind: "onnx", path }, force: false, teachersDir, ...options };
}

/** The report of the InputError an import ends with; the store must be as it was. */
async function refusal(call: ImportRequest): Promise<string> {
  const before = existsSync(teachersDir) ? readdirSync(teachersDir) : [];
  const error: unknown = await importTeacher(call).catch((thrown: unknown) => thrown);
  if (!(error instanceof InputError)) throw new Error("it was not refused", { cause: error });
  expect(existsSync(teachersDir) ? readdirSync(teachersDir) : []).toEqual(before);
  return error.report();
}

describe("real teachers", () => {
  it.skipIf(!hasShared).each(realTeachers)(
    "$file gets $right test images right",
    async ({ file: name, dataset, network, holds, mean, std, right }) => {
      const path = shared(`teachers/${name}`);
      const { manifest } = await importTeacher({
        name: "real",
        dataset,
        from: network === undefined ? { kind: "onnx", path } : { kind: "weights", path, network },
        normalization: mean && std ? { mean, std } : undefined,
        force: false,
        teachersDir,
      });
      expect(manifest.network).toBe(holds ?? null);
      expect(readManifest(join(teachersDir, "real"))).toEqual(manifest);
      const test = await subsetTest(dataset);
      const teacher = await openTeacher(findTeacher("real", teachersDir), { device: "cpu", dataset });
      try {
        expect(await countRight(teacher, test)).toEqual({ right, total: dataset === cifar10 ? 2000 : 1000 });
      } finally {
        await teacher.close();
      }
    },
  );
});

describe("importTeacher", () => {
  it("knows the network of a model that mtard wrote, and no longer with another normalisation", async () => {
    const network = createNetwork("resnet-8", cifar10);
    const weights = initialWeights(network, Random.fromSeed(3));
    const path = file("ours.onnx", networkToOnnx(network, weights, { version: "0", dataset: "cifar10" }));
    const plain = await importTeacher(request(path, { dataset: cifar10 }));
    expect(plain.manifest).toMatchObject({ network: "resnet-8", normalization: null });
    const normalization = { mean: [0.5, 0.5, 0.5], std: [1, 1, 1] };
    const changed = await importTeacher(request(path, { dataset: cifar10, name: "other", normalization }));
    expect(changed.manifest).toMatchObject({ network: null, normalization });
    const stored = loadTeacher(findTeacher("other", teachersDir)).model;
    expect(readNetworkModel(openStoredModel(stored, "it", null))).toBeNull();
  });

  it("replaces a teacher only with force", async () => {
    const path = file("plain.onnx", serializeModel(model(plainGraph())));
    await importTeacher(request(path));
    expect(await refusal(request(path))).toContain("--force");
    const other = file("other.onnx", serializeModel(model(reshapedGraph([1n, 64n]))));
    const { manifest } = await importTeacher(request(other, { force: true }));
    expect(manifest.source.file).toBe("other.onnx");
    expect(readdirSync(teachersDir)).toEqual(["it"]);
    expect(readdirSync(join(teachersDir, "it")).sort()).toEqual(["model.onnx", "teacher.json"]);
  });

  it("keeps large weights in a file of their own, which gives the same teacher", async () => {
    const network = createNetwork("resnet-8", cifar10);
    const weights = file(
      "weights.safetensors",
      Buffer.concat(encodeSafetensors(initialWeights(network, Random.fromSeed(3)))),
    );
    const call = (name: string, embedLimit: number): ImportRequest => ({
      ...request(weights, { dataset: cifar10, name, embedLimit }),
      from: { kind: "weights", path: weights, network: "resnet-8" },
    });
    const inside = await importTeacher(call("inside", Infinity));
    const beside = await importTeacher(call("beside", 0));
    expect(inside.manifest.data).toBeUndefined();
    const dataFile = join(teachersDir, "beside", "model.onnx.data");
    const sha256 = createHash("sha256").update(readFileSync(dataFile)).digest("hex");
    expect(beside.manifest.data).toEqual([{ file: "model.onnx.data", sha256 }]);
    expect(readManifest(join(teachersDir, "beside"))).toEqual(beside.manifest);
    expect(readdirSync(join(teachersDir, "beside")).sort()).toEqual([
      "model.onnx",
      "model.onnx.data",
      "teacher.json",
    ]);
    expect(teacherSha256(beside.manifest)).not.toBe(beside.manifest.sha256);

    // The stored file itself, its copy brought in again as ONNX, and the one that has all inside.
    const bare = join(teachersDir, "beside", "model.onnx");
    const again = await importTeacher({
      ...request(bare, { dataset: cifar10, name: "again" }),
      embedLimit: 0,
    });
    expect(again.manifest.network).toBe("resnet-8");
    expect(again.manifest.data).toEqual(beside.manifest.data);
    expect(loadTeacher(findTeacher(bare, teachersDir), cifar10).manifest.data).toEqual(beside.manifest.data);
    const images = Float32Array.from({ length: 2 * 3072 }, (_, index) => (index % 97) / 97);
    const answers: string[] = [];
    for (const reference of ["inside", "beside", "again", bare]) {
      const teacher = await openTeacher(findTeacher(reference, teachersDir), {
        device: "cpu",
        threads: 1,
        dataset: cifar10,
      });
      answers.push([...(await teacher.logits(images))].join());
      await teacher.close();
    }
    expect(new Set(answers).size).toBe(1);

    const damaged = readFileSync(dataFile);
    damaged[damaged.length - 1] = (damaged.at(-1) as number) ^ 1;
    writeFileSync(dataFile, damaged);
    expect(() => loadTeacher(findTeacher("beside", teachersDir))).toThrow(
      /is not the model its manifest describes/,
    );
    writeFileSync(dataFile, damaged.subarray(0, 1000));
    expect(() => loadTeacher(findTeacher("beside", teachersDir))).toThrow(/keeps weights in another file/);
    rmSync(dataFile);
    expect(() => loadTeacher(findTeacher("beside", teachersDir))).toThrow(/keeps weights in another file/);
  });

  it("removes what a killed import of the same name left", async () => {
    const path = file("plain.onnx", serializeModel(model(plainGraph())));
    for (const left of [".it.99.partial", ".it.mtard-new", ".other.mtard-new"])
      mkdirSync(join(teachersDir, left), { recursive: true });
    await importTeacher(request(path));
    expect(readdirSync(teachersDir).sort()).toEqual([".other.mtard-new", "it"]);
  });

  it.each([".it.mtard-old", ".it.99.replaced"])(
    "keeps the teacher that a killed import had moved to %s",
    async (moved) => {
      const path = file("plain.onnx", serializeModel(model(plainGraph())));
      await importTeacher(request(path));
      renameSync(join(teachersDir, "it"), join(teachersDir, moved));
      const again = importTeacher(request(path));
      await expect(again).rejects.toThrow('there is a teacher "it" already');
      renameSync(join(teachersDir, "it"), join(teachersDir, moved));
      expect(findTeacher("it", teachersDir)).toEqual({ kind: "folder", folder: join(teachersDir, "it") });
      expect(readdirSync(teachersDir)).toEqual(["it"]);
    },
  );

  it("lets one of two at once have the name, and tells the other that it is taken", async () => {
    const path = file("plain.onnx", serializeModel(model(plainGraph())));
    const [first, second] = await Promise.allSettled([
      importTeacher(request(path)),
      importTeacher(request(path)),
    ]);
    expect(first).toMatchObject({ status: "fulfilled" });
    expect(second).toMatchObject({ status: "rejected" });
    expect(String((second as PromiseRejectedResult).reason)).toContain('the name "it" is taken');
    expect(readdirSync(teachersDir)).toEqual(["it"]);
  });

  it("says what it changed", async () => {
    const graph = reshapedGraph([1n, 64n]);
    const nodes = [
      ...classifierNodes("x", "z", [node("Reshape", ["b", "shape"], "c")]),
      node("Softmax", ["z"], "y", [intAttribute("axis", 1)]),
    ];
    const path = file("probabilities.onnx", serializeModel(model({ ...graph, node: nodes })));
    const { notes } = await importTeacher(request(path));
    expect(notes).toEqual(["the batch size, fixed at 1, was made free", "Softmax at the end was removed"]);
  });
});

describe("importTeacher leaves nothing behind and refuses", () => {
  it.each(["../it", "a/b", "/it", "..", ".hidden", "", "it.onnx", "a b", "x".repeat(65)])(
    "the name %j",
    async (name) => {
      const path = file("plain.onnx", serializeModel(model(plainGraph())));
      expect(await refusal(request(path, { name }))).toContain("cannot be a teacher's name");
      expect(readdirSync(folder)).toEqual(["plain.onnx"]);
    },
  );

  it("an ONNX file cut in half", async () => {
    const whole = serializeModel(model(plainGraph()));
    const path = file("half.onnx", whole.subarray(0, whole.length / 2));
    expect(await refusal(request(path))).toContain("not a whole ONNX model");
  });

  it("a web page named .onnx", async () => {
    expect(await refusal(request(file("page.onnx", "<!DOCTYPE html>\n<html>")))).toContain("a web page");
  });

  it.skipIf(!hasShared)("a model of 100 classes for a data set of 10", async () => {
    const path = shared("teachers/cifar100-resnet20-robust.onnx");
    expect(await refusal(request(path, { dataset: cifar10 }))).toContain(
      "answers 100 classes, but cifar10 has 10",
    );
  });

  it("a model whose file hides that it has other classes", async () => {
    const graph = plainGraph();
    const foreign = model(graph);
    const [output] = foreign.graph?.output ?? [];
    if (output?.type?.value.case === "tensorType") delete output.type.value.value.shape;
    const path = file("hidden.onnx", serializeModel(foreign));
    expect(await refusal(request(path, { dataset: { ...tiny, classes: 4 } }))).toContain(
      "answers 5 classes, but test-images has 4",
    );
  });

  it("an unknown network", async () => {
    const path = file("weights.pth", "anything");
    const from = { kind: "weights", path, network: "resnet-57" } as const;
    expect(await refusal(request(path, { dataset: cifar10, from }))).toContain(
      'there can be no network "resnet-57"',
    );
  });

  it.skipIf(!hasShared)("weights of another network, naming the variant that comes nearest", async () => {
    const path = shared("teachers/cifar100-resnet56.pth");
    const from = { kind: "weights", path, network: "resnet-56" } as const;
    expect(await refusal(request(path, { dataset: cifar10, from }))).toContain('"fc.weight" [100, 64]');
  });

  it.each([
    ["two means", [0.5, 0.5], [1, 1, 1]],
    ["four deviations", [0.5, 0.5, 0.5], [1, 1, 1, 1]],
    ["a deviation of 0", [0.5, 0.5, 0.5], [1, 0, 1]],
    ["a mean that is no number", [0.5, NaN, 0.5], [1, 1, 1]],
  ])("a normalisation with %s", async (_, mean, std) => {
    const path = file("plain.onnx", serializeModel(model(plainGraph())));
    expect(await refusal(request(path, { normalization: { mean, std } }))).toContain("the normalisation");
  });

  it("a model that mixes the images of a batch", async () => {
    const graph = reshapedGraph([-1n, 64n]);
    const nodes = classifierNodes("x", "z", [node("Reshape", ["b", "shape"], "c")]);
    const mean = node("ReduceMean", ["z"], "m", [intAttribute("keepdims", 1)]);
    const mixed = { ...graph, node: [...nodes, mean, node("Add", ["z", "m"], "y")] };
    const path = file("mixed.onnx", serializeModel(model(mixed)));
    expect(await refusal(request(path))).toContain("batch size");
  });

  it("a softmax that cannot be seen", async () => {
    const graph = plainGraph();
    const nodes = [...classifierNodes("x", "z"), node("Softmax", ["z"], "s"), node("Abs", ["s"], "y")];
    const path = file("hidden-softmax.onnx", serializeModel(model({ ...graph, node: nodes })));
    expect(await refusal(request(path))).toContain("answers probabilities");
  });

  it("a model that answers NaN", async () => {
    const broken = parameters.map((tensor) =>
      tensor.name === "fc.bias" ? floatTensor("fc.bias", [5], new Float32Array(5).fill(NaN)) : tensor,
    );
    const path = file("nan.onnx", serializeModel(model({ ...plainGraph(), initializer: broken })));
    expect(await refusal(request(path))).toContain("NaN");
  });

  it("a model with an operator nobody knows", async () => {
    const graph = plainGraph();
    const nodes = [...classifierNodes("x", "z"), node("Frobnicate", ["z"], "y")];
    const path = file("unknown.onnx", serializeModel(model({ ...graph, node: nodes })));
    expect(await refusal(request(path))).toContain("Frobnicate");
  });

  it("a model that only says it is a network of ours", async () => {
    const network = createNetwork("resnet-8", cifar10);
    const weights = initialWeights(network, Random.fromSeed(3));
    const lying = parseModel(networkToOnnx(network, weights, { version: "0", dataset: "cifar10" }), "it");
    for (const entry of lying.metadataProps) entry.value = entry.value.replace("resnet-8", "resnet-8-a-end");
    const path = file("lying.onnx", serializeModel(lying));
    expect(await refusal(request(path, { dataset: cifar10 }))).toContain("not the network it says it is");
  });

  it("a store it cannot write", async () => {
    const path = file("plain.onnx", serializeModel(model(plainGraph())));
    writeFileSync(teachersDir, "a file where the folder should be");
    await expect(importTeacher(request(path))).rejects.toThrow("cannot write");
    expect(readFileSync(teachersDir, "utf8")).toContain("a file");
    rmSync(teachersDir);
    mkdirSync(teachersDir);
  });
});
