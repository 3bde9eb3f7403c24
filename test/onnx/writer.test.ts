import { describe, expect, it } from "vitest";
import { createNetwork } from "#mtard/networks/networks.js";
import { openStoredModel } from "#mtard/onnx/external-data.js";
import { readNetworkModel } from "#mtard/onnx/weights.js";
import { networkToOnnx } from "#mtard/onnx/writer.js";
import { formulaWeights } from "../networks/formula.js";

const shape = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
const normalization = { mean: [0.4, 0.5, 0.6], std: [0.2, 0.25, 0.3] };
const made = { version: "0.0.0-test", dataset: "cifar10" };

function bytesOf(data: Float32Array = new Float32Array()): Buffer {
  return Buffer.from(data.buffer, data.byteOffset, data.byteLength);
}

describe.each([
  "resnet-14-a-end",
  "resnet-18",
  "mobilenet-v2",
  "preact-resnet-18",
  "wide-resnet-16-2-deepmind",
])("networkToOnnx of %s", (id) => {
  const network = createNetwork(id, shape, normalization);
  const weights = formulaWeights(network);
  const bytes = networkToOnnx(network, weights, made);
  const opened = () => openStoredModel(bytes, "the test's model", null);

  it("gives its weights back bit for bit", () => {
    const read = readNetworkModel(opened());
    expect(read).toMatchObject({ networkId: id, ...shape, normalization, dataset: "cifar10" });
    expect([...(read?.weights.keys() ?? [])]).toEqual([...weights.keys()]);
    for (const [name, { shape: dims, data }] of weights) {
      const found = read?.weights.get(name);
      expect(found?.shape).toEqual(dims);
      // Not toEqual: on millions of values it takes minutes.
      expect(Buffer.compare(bytesOf(found?.read()), bytesOf(data)), name).toBe(0);
    }
  });
});

describe("readNetworkModel", () => {
  const network = createNetwork("resnet-8", shape);
  const bytes = networkToOnnx(network, formulaWeights(network), made);
  const opened = () => openStoredModel(bytes, "the test's model", null);

  it("knows a network without a normalisation", () => {
    expect(readNetworkModel(opened())).toMatchObject({ normalization: null });
  });

  it.each([
    ["no metadata", () => []],
    ["metadata that is no JSON", () => [{ key: "mtard", value: "{" }]],
    ["metadata of another shape", () => [{ key: "mtard", value: '{"network":"resnet-8","classes":-1}' }]],
  ])("takes a model with %s for a foreign one", (_, entries) => {
    const { model, stored } = opened();
    const [entry] = model.metadataProps;
    model.metadataProps = entries().map((changed) => ({ ...entry, ...changed }) as NonNullable<typeof entry>);
    expect(readNetworkModel({ model, stored })).toBeNull();
  });

  it("does not believe a tensor whose bytes are not as many as its shape says", () => {
    const { model, stored } = opened();
    const tensor = model.graph?.initializer.find(({ name }) => name === "conv1.weight");
    if (tensor) tensor.dims = [1_000_000_000n, 1_000_000_000n];
    expect(readNetworkModel({ model, stored })).toBeNull();
  });
});
