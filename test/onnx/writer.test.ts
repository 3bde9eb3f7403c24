import { readFileSync } from "node:fs";
import ort from "onnxruntime-node";
import { describe, expect, it } from "vitest";
import type { HostTensor, Weights } from "#mtard/graph/parameters.js";
import { parameterSpecs } from "#mtard/graph/parameters.js";
import type { Network } from "#mtard/graph/network.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { parseModel } from "#mtard/onnx/model.js";
import { readNetworkModel } from "#mtard/onnx/weights.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";

/** Made by networks-golden.py with PyTorch in float64. */
const golden = JSON.parse(readFileSync(new URL("networks-golden.json", import.meta.url), "utf8")) as Record<
  string,
  number[][]
>;

const shape = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
const normalization = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] };
const made = { version: "0.0.0-test", dataset: "cifar10" };

/** The formula of networks-golden.py. */
function wave(count: number, shift: number): Float64Array {
  return Float64Array.from({ length: count }, (_, index) => Math.sin(index ** 1.1 + shift));
}

function formulaWeights(network: Network): Weights {
  const weights = new Map<string, HostTensor>();
  for (const [number, { name, shape: dims }] of parameterSpecs(network).entries()) {
    const size = dims.reduce((total, extent) => total * extent, 1);
    const fanIn = size / (dims[0] ?? 1);
    const data = Float32Array.from(wave(size, number), (value) => {
      if (dims.length > 1) return value * Math.sqrt(2 / fanIn);
      if (name.endsWith("running_var")) return 1 + value / 2;
      return name.endsWith("weight") ? 1 + value / 4 : value / 10;
    });
    weights.set(name, { shape: dims, data });
  }
  return weights;
}

function bytesOf(data: Float32Array = new Float32Array()): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

describe.each(Object.keys(golden))("networkToOnnx of %s", (id) => {
  const network = createNetwork(id, shape, normalization);
  const weights = formulaWeights(network);
  const bytes = networkToOnnx(network, weights, made);

  it("gives PyTorch's logits in ONNX Runtime", async () => {
    const session = await ort.InferenceSession.create(bytes);
    expect(session.inputNames).toEqual(["images"]);
    const images = Float32Array.from(wave(2 * 3 * 32 * 32, 0.5), (value) => value / 2 + 0.5);
    const { logits } = await session.run({ images: new ort.Tensor("float32", images, [2, 3, 32, 32]) });
    expect(logits?.dims).toEqual([2, 10]);
    const expected = (golden[id] ?? []).flat();
    const scale = Math.max(...expected.map(Math.abs));
    const error = Math.max(
      ...expected.map((value, index) => Math.abs(value - Number(logits?.data[index])) / scale),
    );
    expect(error).toBeLessThan(1e-5);
    await session.release();
  });

  it("gives its weights back bit for bit", () => {
    const read = readNetworkModel(parseModel(bytes, "the test's model"));
    expect(read).toMatchObject({ networkId: id, ...shape, normalization, dataset: "cifar10" });
    expect([...(read?.weights.keys() ?? [])]).toEqual([...weights.keys()]);
    for (const [name, { shape: dims, data }] of weights) {
      const found = read?.weights.get(name);
      expect(found?.shape).toEqual(dims);
      // Not toEqual: on millions of values it takes minutes.
      expect(Buffer.compare(bytesOf(found?.data), bytesOf(data)), name).toBe(0);
    }
  });
});

describe("readNetworkModel", () => {
  const network = createNetwork("resnet-8", shape);
  const bytes = networkToOnnx(network, formulaWeights(network), made);

  it("knows a network without a normalisation", () => {
    expect(readNetworkModel(parseModel(bytes, "the test's model"))).toMatchObject({ normalization: null });
  });

  it.each([
    ["no metadata", () => []],
    ["metadata that is no JSON", () => [{ key: "mtard", value: "{" }]],
    ["metadata of another shape", () => [{ key: "mtard", value: '{"network":"resnet-8","classes":-1}' }]],
  ])("takes a model with %s for a foreign one", (_, entries) => {
    const model = parseModel(bytes, "the test's model");
    const [entry] = model.metadataProps;
    model.metadataProps = entries().map((changed) => ({ ...entry, ...changed }) as NonNullable<typeof entry>);
    expect(readNetworkModel(model)).toBeNull();
  });

  it("does not believe a tensor whose bytes are not as many as its shape says", () => {
    const model = parseModel(bytes, "the test's model");
    const [tensor] = model.graph?.initializer ?? [];
    if (tensor) tensor.dims = [1_000_000_000n, 1_000_000_000n];
    expect(readNetworkModel(model)).toBeNull();
  });
});
