import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { create } from "@bufbuild/protobuf";
import {
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  GraphProtoSchema,
  type GraphProto,
  TensorProto_DataType,
} from "onnx-buf";
import { describe, expect, it, onTestFinished } from "vitest";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { floatTensor, floatValue, int64Tensor, intAttribute, node } from "#mtard/onnx/build.js";
import { openStoredModel } from "#mtard/onnx/external-data.js";
import { inHalfPrecision } from "#mtard/onnx/half-precision.js";
import { graphOf, parseModel, serializeModel } from "#mtard/onnx/model.js";
import { layOutModel } from "#mtard/onnx/stored-model.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { Random } from "#mtard/runtime/random.js";
import { onnxRuntime } from "../../src/runtime/onnxruntime.js";
import {
  classifierNodes,
  type GraphInit,
  loopingGraph,
  model,
  parameters,
  plainGraph,
  values,
} from "./models.js";

const { FLOAT, FLOAT16 } = TensorProto_DataType;
const { GRAPH } = AttributeProto_AttributeType;
const axis0 = intAttribute("axis", 0);
const transposed = intAttribute("transB", 1);
const keep = intAttribute("keepdims", 0);

function converted(bytes: Uint8Array, folder: string | null = null): Uint8Array {
  const half = inHalfPrecision(openStoredModel(bytes, "a test", folder));
  return Buffer.concat([...layOutModel(half, "", Infinity).graph]);
}

async function run(bytes: Uint8Array, dims: number[], images: Float32Array): Promise<Float32Array> {
  const { InferenceSession, Tensor } = onnxRuntime();
  const session = await InferenceSession.create(bytes, { logSeverityLevel: 3 });
  const results = await session.run({ [session.inputNames[0] ?? ""]: new Tensor("float32", images, dims) });
  await session.release();
  const output = results[session.outputNames[0] ?? ""];
  expect(output?.type).toBe("float32");
  return output?.data as Float32Array;
}

/** The largest difference, in units of the largest logit. */
function distance(found: Float32Array, expected: Float32Array): number {
  const largest = Math.max(...expected.map(Math.abs));
  return Math.max(...found.map((value, index) => Math.abs(value - (expected[index] as number)))) / largest;
}

const typesOf = (graph: GraphProto) =>
  new Map(graph.initializer.map(({ name, dataType }) => [name, dataType]));
const operators = (graph: GraphProto) => graph.node.map(({ opType }) => opType);
const small = values(3 * 192, 9).map((value) => value / 2 + 0.5);

/** Runs a small graph in both precisions. */
async function compare(graph: GraphInit): Promise<{ graph: GraphProto; distance: number }> {
  const bytes = serializeModel(model(graph));
  const half = converted(bytes);
  const [found, expected] = [await run(half, [3, 3, 8, 8], small), await run(bytes, [3, 3, 8, 8], small)];
  return { graph: graphOf(parseModel(half, "a test")), distance: distance(found, expected) };
}

describe("a model in float16", () => {
  const image = { height: 32, width: 32, channels: 3 };
  const normalization = { mean: [0.49, 0.48, 0.45], std: [0.25, 0.24, 0.26] };

  it.each(["resnet-20", "resnet-18", "wide-resnet-10-2", "preact-resnet-18", "mobilenet-v2"])(
    "answers as %s in float32 does, but for rounding",
    async (id) => {
      const network = createNetwork(id, { image, classes: 10 }, normalization);
      const weights = initialWeights(network, Random.fromSeed(3));
      const bytes = networkToOnnx(network, weights, { version: "0", dataset: "cifar10" });
      const half = converted(bytes);
      const images = values(4 * 3072, 1).map((value) => value / 2 + 0.5);
      const found = await run(half, [4, 3, 32, 32], images);
      const away = distance(found, await run(bytes, [4, 3, 32, 32], images));
      expect(away).toBeLessThan(0.01);
      expect(away).toBeGreaterThan(0); // it did round
      // The weights take half the room, and only they and the casts at both ends are other than before.
      const graph = graphOf(parseModel(half, "a test"));
      const casts = graph.node.filter(({ opType }) => opType === "Cast");
      expect(casts).toHaveLength(2);
      expect(half.length / bytes.length).toBeLessThan(0.6);
      expect(typesOf(graph).get("normalization.mean")).toBe(FLOAT);
    },
    60_000,
  );

  it("has float32 where an operator needs it, made once", async () => {
    const { graph, distance: away } = await compare({
      ...plainGraph(),
      node: [
        ...classifierNodes("x", "z"),
        node("Softmax", ["z"], "p"),
        node("Softplus", ["z"], "q"),
        node("Add", ["p", "q"], "s"),
        node("MatMul", ["s", "square"], "t"),
        node("Add", ["z", "t"], "y"),
      ],
      initializer: [...parameters, floatTensor("square", [5, 5], values(25, 6, 0.1))],
    });
    expect(away).toBeLessThan(0.005);
    // Images in; z out for both Softmax and Softplus; s in; y out.
    expect(operators(graph).filter((name) => name === "Cast")).toHaveLength(4);
  });

  it("keeps an operator in float32 whose weights are too large for float16", async () => {
    const large = floatTensor("fc.weight", [5, 64], values(320, 3, 2e5));
    const initializer = [...parameters.filter(({ name }) => name !== "fc.weight"), large];
    const { graph, distance: away } = await compare({ ...plainGraph(), initializer });
    expect(away).toBeLessThan(0.005);
    expect(typesOf(graph).get("fc.weight")).toBe(FLOAT);
    expect(typesOf(graph).get("conv.weight.half")).toBe(FLOAT16);
    expect(typesOf(graph).has("conv.weight")).toBe(false);
  });

  it("leaves whole numbers as they are", async () => {
    const shape = int64Tensor("one", [1n]);
    const { graph, distance: away } = await compare({
      ...plainGraph(),
      node: [
        node("Shape", ["x"], "all"),
        node("Slice", ["all", "none", "one"], "count"),
        node("Concat", ["count", "rest"], "shape"),
        node("Add", ["shape", "none"], "same"),
        ...classifierNodes("x", "y", [node("Reshape", ["b", "same"], "c")]),
      ].map((each) => (each.opType === "Concat" ? { ...each, attribute: [axis0] } : each)),
      initializer: [...parameters, shape, int64Tensor("none", [0n]), int64Tensor("rest", [64n])],
    });
    expect(away).toBeLessThan(0.005);
    expect(operators(graph).filter((name) => name === "Cast")).toHaveLength(2);
  });

  it("gives graphs inside it what they read, in float32", async () => {
    expect((await compare(loopingGraph(2n))).distance).toBeLessThan(0.005);
    const branch = (name: string) =>
      create(GraphProtoSchema, {
        name,
        node: [node("Gemm", ["c", "fc.weight", "fc.bias"], name, [transposed])],
        output: [floatValue(name, ["N", 5])],
      });
    const attribute = [
      create(AttributeProtoSchema, { name: "then_branch", type: GRAPH, g: branch("then") }),
      create(AttributeProtoSchema, { name: "else_branch", type: GRAPH, g: branch("else") }),
    ];
    const condition = [
      node("ReduceMax", ["x"], "largest", [keep]),
      node("Greater", ["largest", "zero"], "lit"),
    ];
    const nodes = classifierNodes("x", "unused").slice(0, -1);
    const { graph, distance: away } = await compare({
      ...plainGraph(),
      node: [...nodes, ...condition, node("If", ["lit"], "y", attribute)],
      initializer: [...parameters, floatTensor("zero", [], Float32Array.of(0))],
    });
    expect(away).toBeLessThan(0.005);
    expect(typesOf(graph).get("fc.weight")).toBe(FLOAT);
    expect(typesOf(graph).get("conv.weight.half")).toBe(FLOAT16);
  });

  it("takes in weights that lie outside", () => {
    const folder = mkdtempSync(join(tmpdir(), "mtard-half-"));
    onTestFinished(() => rmSync(folder, { recursive: true }));
    const whole = serializeModel(model(plainGraph()));
    const { graph, data } = layOutModel(openStoredModel(whole, "a test", null), "weights", 0);
    writeFileSync(join(folder, "weights"), Buffer.concat([...(data ?? [])]));
    const half = converted(Buffer.concat([...graph]), folder);
    expect(Buffer.from(half).equals(Buffer.from(converted(whole)))).toBe(true);
  });
});
