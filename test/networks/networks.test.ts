import { describe, expect, it } from "vitest";
import { initialWeights } from "#mtard/graph/initialize.js";
import { parameterCount } from "#mtard/graph/parameters.js";
import { createNetwork, networkIds } from "#mtard/networks/networks.js";
import { Random } from "#mtard/runtime/random.js";

const image = { height: 32, width: 32, channels: 3 };

// sum(p.numel() for p in model.parameters()) of the public PyTorch models, and of the files in shared/teachers.
it.each([
  ["resnet-20", 10, 269_722],
  ["resnet-56", 10, 853_018],
  ["resnet-56-b", 100, 861_620],
  ["resnet-18", 10, 11_173_962],
  ["resnet-34", 10, 21_282_122],
  ["mobilenet-v2", 10, 2_296_922],
])("%s for %i classes has PyTorch's number of parameters", (id, classes, count) => {
  expect(parameterCount(createNetwork(id, { image, classes }))).toBe(count);
});

it("refuses an unknown id and lists the known ones", () => {
  expect(() => createNetwork("resnet-9000", { image, classes: 10 })).toThrow(/unknown network "resnet-9000"/);
});

describe.each(networkIds.filter((id) => id !== "resnet-110"))("fresh weights of %s", (id) => {
  const network = createNetwork(id, { image, classes: 10 });
  const weights = initialWeights(network, Random.fromSeed(1));

  it("spread as PyTorch's initialisation does", () => {
    for (const layer of network.layers) {
      if (layer.op !== "conv") continue;
      const data = weights.get(`${layer.name}.weight`)?.data as Float32Array;
      if (data.length < 2000) continue;
      const fanIn = (layer.channels / layer.groups) * layer.kernel ** 2;
      // kaiming_normal_: 2 / fanIn; kaiming_uniform_ with a = sqrt(5): U(-b, b), b = 1 / sqrt(fanIn), variance b^2 / 3.
      const expected = network.initialization === "kaiming-normal" ? 2 / fanIn : 1 / (3 * fanIn);
      const variance = data.reduce((sum, value) => sum + value * value, 0) / data.length;
      expect(Math.abs(variance / expected - 1), layer.name).toBeLessThan(0.15);
    }
  });

  it("start batch norm at the identity", () => {
    expect([...(weights.get("bn1.weight")?.data ?? [])].every((value) => value === 1)).toBe(true);
    expect([...(weights.get("bn1.running_var")?.data ?? [])].every((value) => value === 1)).toBe(true);
    expect([...(weights.get("bn1.bias")?.data ?? [])].every((value) => value === 0)).toBe(true);
  });
});
