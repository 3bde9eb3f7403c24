import { describe, expect, it } from "vitest";
import { matchWeights } from "#mtard/weights/match-weights.js";
import { InputError } from "#mtard/errors.js";
import { readWeightsFile } from "#mtard/weights/weights-file.js";
import type { Network } from "#mtard/graph/network.js";
import type { HostTensor, Weights } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { hasShared, shared } from "../shared.js";

const network: Network = {
  id: "tiny",
  input: { height: 4, width: 4, channels: 3 },
  classes: 10,
  initialization: "uniform",
  layers: [
    {
      op: "conv",
      name: "conv1",
      input: "images",
      output: "a",
      channels: 3,
      filters: 2,
      kernel: 3,
      stride: 1,
      padding: [1, 1],
      groups: 1,
      bias: false,
    },
    { op: "batchNorm", name: "bn1", input: "a", output: "b", channels: 2 },
    { op: "globalAveragePool", input: "b", output: "c" },
    { op: "linear", name: "linear", input: "c", output: "logits", inputs: 2, outputs: 10 },
  ],
  output: "logits",
};

const tensor = (...shape: number[]): HostTensor => ({
  shape,
  data: new Float32Array(shape.reduce((product, size) => product * size, 1)),
});

/** The keys and shapes of PyTorch's state dict for this network, in another order. */
const stateDict: readonly (readonly [string, HostTensor])[] = [
  ["linear.bias", tensor(10)],
  ["linear.weight", tensor(10, 2)],
  ["bn1.num_batches_tracked", tensor()],
  ["bn1.running_var", tensor(2)],
  ["bn1.running_mean", tensor(2)],
  ["bn1.bias", tensor(2)],
  ["bn1.weight", tensor(2)],
  ["conv1.weight", tensor(2, 3, 3, 3)],
];

const inOrder = [
  "conv1.weight",
  "bn1.weight",
  "bn1.bias",
  "bn1.running_mean",
  "bn1.running_var",
  "linear.weight",
  "linear.bias",
];

const edited = (edit: (weights: Map<string, HostTensor>) => void): Weights => {
  const weights = new Map(stateDict);
  edit(weights);
  return weights;
};

const report = (weights: Weights): string => {
  try {
    matchWeights(network, weights, "file.pth");
  } catch (error) {
    if (error instanceof InputError) return error.report();
    throw error;
  }
  return "it fits";
};

describe("matchWeights", () => {
  it.each(["", "module.", "module.model.", "net.", "0.module.", "_orig_mod.", "1."])(
    "takes off the prefix %j",
    (prefix) => {
      const weights = new Map(stateDict.map(([name, value]) => [prefix + name, value]));
      const matched = matchWeights(network, weights, "file.pth");
      expect([...matched.keys()]).toEqual(inOrder);
      expect(matched.get("conv1.weight")).toBe(weights.get(`${prefix}conv1.weight`));
    },
  );

  it("leaves a prefix that not every name has", () => {
    expect(
      report(
        edited((weights) => {
          weights.delete("conv1.weight");
          weights.set("module.conv1.weight", tensor(2, 3, 3, 3));
        }),
      ),
    ).toBe(
      [
        "error: file.pth does not fit tiny: 1 missing, 1 unknown",
        '  expected  "conv1.weight" [2, 3, 3, 3]',
        '  found     "module.conv1.weight" [2, 3, 3, 3]',
        '  try       "module.conv1.weight" may be this network\'s "conv1.weight": choose the variant with that name, or rename it in the file',
      ].join("\n"),
    );
  });

  it("names a missing key", () => {
    expect(report(edited((weights) => weights.delete("bn1.running_mean")))).toMatch(
      /tiny: 1 missing\n {2}expected {2}"bn1.running_mean" \[2\]\n {2}found {5}no such tensors\n/,
    );
  });

  it("names an extra key", () => {
    expect(report(edited((weights) => weights.set("mean\u001b", tensor(3))))).toMatch(
      /tiny: 1 unknown\n {2}expected {2}no other tensors\n {2}found {5}"mean\\u001b" \[3\]\n/,
    );
  });

  it("names a wrong shape on both sides, also where the number of values is right", () => {
    expect(report(edited((weights) => weights.set("linear.weight", tensor(2, 10))))).toMatch(
      /tiny: 1 of another shape\n {2}expected {2}"linear.weight" \[10, 2\]\n {2}found {5}"linear.weight" \[2, 10\]\n/,
    );
    expect(report(edited((weights) => weights.set("linear.weight", tensor(100, 2))))).toMatch(/\[100, 2\]/);
  });

  it("counts everything and names the first few", () => {
    const found = report(new Map([["a.weight", tensor(1)]]));
    expect(found).toMatch(/tiny: 7 missing, 1 unknown/);
    expect(found).toMatch(/"conv1.weight" \[2, 3, 3, 3\], "bn1.weight" \[2\], "bn1.bias" \[2\], and 4 more/);
    expect(report(new Map())).toMatch(/7 missing/);
  });
});

describe.skipIf(!hasShared)("matchWeights on real files in shared/", () => {
  const match = async (file: string, id: string, classes: number): Promise<Weights> => {
    const { weights } = await readWeightsFile(shared(`teachers/${file}`));
    return matchWeights(
      createNetwork(id, { image: { height: 32, width: 32, channels: 3 }, classes }),
      weights,
      file,
    );
  };

  it.each([
    ["cifar10-resnet56.th", "resnet-56", 10, 277],
    ["cifar100-resnet56.pth", "resnet-56-b", 100, 287],
    ["cifar10-resnet20-robust.pth", "resnet-20", 10, 97],
  ])("%s is a %s for %i classes", async (file, id, classes, tensors) => {
    expect((await match(file, id, classes)).size).toBe(tensors);
  });

  it.each([
    ["cifar10-resnet56.th", "resnet-56", 100, "2 of another shape"],
    ["cifar10-resnet56.th", "resnet-20", 10, "180 unknown"],
    ["cifar10-resnet20-robust.pth", "resnet-56", 10, "180 missing"],
    ["cifar100-resnet56.pth", "resnet-56", 100, "2 missing, 12 unknown"],
  ])("%s is no %s for %i classes: %s", async (file, id, classes, counts) => {
    await expect(match(file, id, classes)).rejects.toThrow(`${file} does not fit ${id}: ${counts}`);
  });
});
