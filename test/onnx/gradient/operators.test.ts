import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import { differentiate } from "#mtard/onnx/gradient/differentiate.js";
import { lossGradientModel } from "#mtard/onnx/gradient/loss-gradient.js";
import { operatorGradients } from "#mtard/onnx/gradient/operators.js";
import { parseModel, serializeModel } from "#mtard/onnx/model.js";
import { goldenGraphs, type GoldenGraph, type HostArray } from "./models.js";
import { relativeNorm } from "../../golden.js";

const graphs = await goldenGraphs("operators.safetensors");

/** The first `count` rows. */
function rows({ shape: [, ...rest], data }: HostArray, count: number): ort.Tensor {
  const size = rest.reduce((product, extent) => product * extent, 1);
  return new ort.Tensor("float32", data.slice(0, count * size), [count, ...rest]);
}

async function gradientOf(graph: GoldenGraph, count: number) {
  const differentiated = differentiate(parseModel(graph.model, "the test's graph"));
  const model = serializeModel(lossGradientModel(differentiated, "cotangent"));
  const session = await ort.InferenceSession.create(model, { logSeverityLevel: 3 });
  const answer = await session.run({
    images: rows(graph.images, count),
    cotangent: rows(graph.cotangent, count),
  });
  await session.release();
  return answer["gradient"] as ort.Tensor;
}

describe.each([...graphs])("%s", (name, graph) => {
  it("has the gradient of central differences in float64", async () => {
    const { dims, data } = await gradientOf(graph, graph.images.shape[0] ?? 0);
    expect(dims).toEqual(graph.gradient.shape);
    expect(relativeNorm(data as Float32Array, graph.gradient.data)).toBeLessThan(1e-5);
  });

  it.skipIf(mixesBatch(name))("has it for one image too", async () => {
    const { data } = await gradientOf(graph, 1);
    const expected = rows(graph.gradient, 1).data as Float32Array;
    expect(relativeNorm(data as Float32Array, expected)).toBeLessThan(1e-5);
  });
});

/** Graphs in which images change each other's logits. */
function mixesBatch(name: string): boolean {
  return /over the batch|over everything|without the batch|Gemm of two/.test(name);
}

it("every operator with a gradient is in the file", () => {
  const tested = new Set([...graphs.keys()].map((name) => name.split(",")[0]));
  const names = [...graphs.values()].flatMap(({ model }) =>
    parseModel(model, "it").graph?.node.map(({ opType }) => opType),
  );
  expect(Object.keys(operatorGradients).filter((operator) => !names.includes(operator))).toEqual([]);
  expect(tested.size).toBeGreaterThan(50);
});
