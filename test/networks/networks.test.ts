import { describe, expect, it } from "vitest";
import { initialWeights } from "#mtard/graph/initialize.js";
import { createNetwork, networkVariants } from "#mtard/networks/networks.js";
import { Random } from "#mtard/runtime/random.js";

const image = { height: 32, width: 32, channels: 3 };

it("refuses an unknown id and lists the known ones", () => {
  expect(() => createNetwork("vgg-16", { image, classes: 10 })).toThrow(/unknown network "vgg-16"/);
});

it.each([
  "wide-resnet-30-10",
  "wide-resnet-4-10",
  "wide-resnet-28-0",
  "wide-resnet-28-1000",
  "resnet-21",
  "resnet-2",
])("refuses %s, whose size its family does not have", (id) => {
  expect(() => createNetwork(id, { image, classes: 10 })).toThrow(/there can be no network/);
});

it.each(["preact-resnet-50", "wide-resnet-28-10-foo", "wide-resnet-28", "resnet-18-b", "mobilenet-v3"])(
  "refuses %s",
  (id) => {
    expect(() => createNetwork(id, { image, classes: 10 })).toThrow(/network/);
  },
);

it("gives DeepMind's form the statistics of its data set, unless told otherwise", () => {
  const normalization = { mean: [0, 0, 0], std: [1, 1, 1] };
  const of = (classes: number): unknown =>
    createNetwork("wide-resnet-22-6", { image, classes }).normalization;
  // CIFAR10_MEAN, CIFAR10_STD, CIFAR100_MEAN, CIFAR100_STD of DeepMind's model_zoo.py
  expect(of(10)).toEqual({ mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] });
  expect(of(100)).toEqual({ mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] });
  expect(createNetwork("wide-resnet-22-6", { image, classes: 10 }, normalization)).toMatchObject({
    normalization,
  });
  expect(createNetwork("wide-resnet-22-6", { image, classes: 10 }, null)).not.toHaveProperty("normalization");
  expect(createNetwork("wide-resnet-34-10", { image, classes: 10 })).not.toHaveProperty("normalization");
});

it("names the public forms of a size, the one asked for first", () => {
  expect(networkVariants("resnet-56")).toEqual(["resnet-56", "resnet-56-a-end", "resnet-56-b"]);
  expect(networkVariants("resnet-56-b")).toEqual(["resnet-56-b"]);
  expect(networkVariants("wide-resnet-34-10")).toContain("wide-resnet-34-10-deepmind");
  expect(networkVariants("resnet-18")).toEqual(["resnet-18"]);
});

/** A size of every family, and what PyTorch's code for it draws a convolution's weights from. */
const fresh = [
  ["resnet-20", "fan-in normal"],
  ["resnet-56-b", "fan-in normal"],
  ["resnet-18", "uniform"],
  ["mobilenet-v2", "uniform"],
  ["preact-resnet-18", "uniform"],
  ["wide-resnet-16-2", "fan-out normal"],
  ["wide-resnet-16-2-deepmind", "uniform"],
] as const;

describe.each(fresh)("fresh weights of %s", (id, kind) => {
  const network = createNetwork(id, { image, classes: 10 });
  const weights = initialWeights(network, Random.fromSeed(1));

  it("spread as PyTorch's initialisation does", () => {
    for (const layer of network.layers) {
      if (layer.op !== "conv") continue;
      const data = weights.get(`${layer.name}.weight`)?.data as Float32Array;
      if (data.length < 2000) continue;
      const fanIn = (layer.channels / layer.groups) * layer.kernel ** 2;
      // kaiming_normal_: 2 / fanIn; TRADES: 2 / fanOut; kaiming_uniform_ with a = sqrt(5): U(-b, b), b = 1 / sqrt(fanIn), b^2 / 3.
      const fanOut = layer.filters * layer.kernel ** 2;
      const expected = { "fan-in normal": 2 / fanIn, "fan-out normal": 2 / fanOut, uniform: 1 / (3 * fanIn) }[
        kind
      ];
      const variance = data.reduce((sum, value) => sum + value * value, 0) / data.length;
      expect(Math.abs(variance / expected - 1), layer.name).toBeLessThan(0.15);
    }
  });

  it("start batch norm at the identity", () => {
    const norms = network.layers.filter(({ op }) => op === "batchNorm");
    for (const norm of norms) {
      const all = (part: string, value: number): boolean =>
        weights.get(`${norm.output}.${part}`)?.data.every((found) => found === value) ?? false;
      expect([all("weight", 1), all("running_var", 1), all("bias", 0), all("running_mean", 0)]).not.toContain(
        false,
      );
    }
    expect(norms.length).toBeGreaterThan(0);
  });

  it("start the classifier as PyTorch does", () => {
    const classifier = network.layers.find(({ op }) => op === "linear")?.output ?? "";
    const bound = 1 / Math.sqrt(weights.get(`${classifier}.weight`)?.shape[1] ?? 0);
    const largest = Math.max(...(weights.get(`${classifier}.weight`)?.data.map(Math.abs) ?? []));
    const bias = weights.get(`${classifier}.bias`)?.data ?? [];
    if (kind !== "fan-in normal") {
      expect(largest).toBeLessThanOrEqual(bound);
      expect(largest).toBeGreaterThan(0.9 * bound);
    }
    expect(bias.every((value) => value === 0)).toBe(kind === "fan-out normal");
  });
});
