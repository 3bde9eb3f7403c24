import { createHash } from "node:crypto";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import type { GraphProto, ModelProto, NodeProto } from "onnx-buf";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { networkIdentity } from "#mtard/model/identity.js";
import { type Model, openModel } from "#mtard/model/model.js";
import { floatTensor, node } from "#mtard/onnx/build.js";
import { graphOf, parseModel, serializeModel } from "#mtard/onnx/model.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor4D } from "#mtard/runtime/tensorflow.js";
import { importTeacher } from "#mtard/teacher/import.js";

const folder = mkdtempSync(join(tmpdir(), "mtard-model-"));
const teachersDir = join(folder, "teachers");
afterAll(() => rmSync(folder, { recursive: true }));

const shape = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
const cifar10 = { name: "cifar10", ...shape };
const network = createNetwork("resnet-8-a-end", shape, { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] });
const weights = initialWeights(network, Random.fromSeed(4));
const identity = networkIdentity(network, weights);
const bytes = networkToOnnx(network, weights, { version: "0", dataset: "cifar10" });

type Edit = (graph: GraphProto, model: ModelProto) => void;

function edited(edit: Edit): Uint8Array {
  const model = parseModel(bytes, "the test's model");
  edit(graphOf(model), model);
  return serializeModel(model);
}

let count = 0;

function open(content: Uint8Array): Promise<Model> {
  const path = join(folder, `it-${count++}.onnx`);
  writeFileSync(path, content);
  return openModel({ kind: "file", path }, { device: "cpu" });
}

/** Puts a node between the logits that the network makes and those that the model answers. */
const after = (opType: string): Edit =>
  function append(graph) {
    const last = graph.node.at(-1);
    if (last) Object.assign(last, { name: "before", output: ["before"] });
    graph.node.push(node(opType, ["before"], "logits"));
  };

function nodeOf(graph: GraphProto, opType: string): NodeProto {
  const found = graph.node.find((each) => each.opType === opType);
  if (!found) throw new Error(`no ${opType}`);
  return found;
}

function setConstant(graph: GraphProto, name: string, values: number[]): void {
  const at = graph.initializer.findIndex((tensor) => tensor.name === name);
  graph.initializer[at] = floatTensor(name, [1, values.length, 1, 1], Float32Array.from(values));
}

const answerEdits: [string, Edit][] = [
  ["a node after its logits", after("Neg")],
  [
    "rounded images",
    (graph) => {
      nodeOf(graph, "Sub").input[0] = "rounded";
      graph.node.unshift(node("Round", ["images"], "rounded"));
    },
  ],
  ["another operator", (graph) => void (nodeOf(graph, "Relu").opType = "Elu")],
  [
    "another attribute",
    (graph) => {
      const epsilon = nodeOf(graph, "BatchNormalization").attribute[0];
      if (epsilon) epsilon.f = 0.5;
    },
  ],
  [
    "another input of a node",
    (graph) => {
      const [first, second] = graph.node.filter(({ opType }) => opType === "Conv").slice(1);
      if (first && second) second.input[1] = first.input[1] ?? "";
    },
  ],
  ["another normalisation", (graph) => setConstant(graph, "normalization.std", [1, 1, 1])],
  [
    "another operator set",
    (_, model) => {
      for (const entry of model.opsetImport) entry.version = 15n;
    },
  ],
  [
    "a network in its metadata that it is not",
    (_, model) => {
      for (const entry of model.metadataProps)
        entry.value = entry.value.replace("resnet-8-a-end", "resnet-8");
    },
  ],
  [
    "a network in its metadata that cannot be",
    (_, model) => {
      for (const entry of model.metadataProps)
        entry.value = entry.value.replace("resnet-8-a-end", "resnet-9");
    },
  ],
  [
    "a parameter less",
    (graph) => {
      graph.initializer = graph.initializer.filter(({ name }) => name !== "linear.bias");
      graph.node.at(-1)?.input.pop();
    },
  ],
];

const textEdits: [string, Edit][] = [
  ["nothing", () => undefined],
  [
    "texts",
    (graph, model) => {
      model.docString = graph.docString = graph.name = "edited";
      model.producerName = "something else";
      for (const each of graph.node) each.name = each.docString = `node ${each.name}`;
      for (const each of graph.initializer) each.docString = "a tensor";
    },
  ],
  ["the order of its tensors", (graph) => void graph.initializer.reverse()],
  ["a softmax that the standard form takes off again", after("Softmax")],
];

describe("a model that mtard wrote and somebody edited", () => {
  it.each(answerEdits)("is a foreign one with %s", async (_, edit) => {
    const model = await open(edited(edit));
    expect(model.known).toBeNull();
    expect(model.identity).not.toBe(identity);
    expect(model).toMatchObject({ dataset: "cifar10", classes: 10 });
  });

  it("is refused with another domain of an operator, as nothing can run it", async () => {
    const changed = edited((graph, model) => {
      nodeOf(graph, "Relu").domain = "other";
      const [standard] = model.opsetImport;
      if (standard) model.opsetImport.push({ ...standard, domain: "other", version: 1n });
    });
    await expect(open(changed)).rejects.toThrow("ONNX Runtime cannot load");
  });

  it.each(textEdits)("is the network still if the change is %s", async (_, edit) => {
    const model = await open(edited(edit));
    expect(model.known?.network).toEqual(network);
    expect(model.identity).toBe(identity);
  });

  it("is another network with other weights", async () => {
    const model = await open(
      edited((graph) => {
        const bias = graph.initializer.find(({ name }) => name === "linear.bias");
        if (bias)
          bias.rawData = new Uint8Array(Float32Array.from({ length: 10 }, (_, at) => Math.sqrt(at)).buffer);
      }),
    );
    expect(model.known).not.toBeNull();
    expect(model.identity).not.toBe(identity);
  });

  it("answers what its graph says", async () => {
    const answers: number[][] = [];
    for (const content of [bytes, edited(after("Neg"))]) {
      const model = await open(content);
      const target = await model.target();
      answers.push(
        tf.tidy(() => [...target.logits(tf.fill<Tensor4D>([1, 32, 32, 3], 0.3)).dataSync<"float32">()]),
      );
      model.dispose();
    }
    const [plain = [], negated = []] = answers;
    expect(negated).toHaveLength(10);
    negated.forEach((logit, index) => expect(logit).toBeCloseTo(-(plain[index] ?? NaN), 4));
  });
});

describe("a teacher made from a model that mtard wrote", () => {
  const teacher = join(teachersDir, "it");
  const path = join(teacher, "model.onnx");

  beforeAll(async () => {
    const from = { kind: "onnx", path: join(folder, "from.onnx") } as const;
    writeFileSync(from.path, bytes);
    await importTeacher({ name: "it", dataset: cifar10, from, teachersDir });
    await importTeacher({ name: "beside", dataset: cifar10, from, teachersDir, embedLimit: 0 });
  });

  it.each(["it", "beside"])("has the network's identity: %s", async (name) => {
    const model = await openModel({ kind: "folder", folder: join(teachersDir, name) });
    expect(model.known?.network).toEqual(network);
    expect(model.identity).toBe(identity);
  });

  it("is a foreign one if its graph and its manifest were edited", async () => {
    const manifest = JSON.parse(readFileSync(join(teacher, "teacher.json"), "utf8")) as object;
    const changed = edited(after("Neg"));
    const sha256 = createHash("sha256").update(changed).digest("hex");
    writeFileSync(path, changed);
    writeFileSync(join(teacher, "teacher.json"), JSON.stringify({ ...manifest, sha256 }));
    const model = await openModel({ kind: "folder", folder: teacher });
    expect(model).toMatchObject({ known: null, identity: sha256 });
  });
});
