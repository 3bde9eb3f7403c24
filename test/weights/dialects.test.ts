import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import {
  type RecognisedWeights,
  recogniseWeights,
  type WeightSets,
} from "#mtard/weights/recognise-weights.js";
import { InputError } from "#mtard/errors.js";
import type { Network, Normalization } from "#mtard/graph/network.js";
import { parameterSpecs, type StoredTensor } from "#mtard/graph/parameters.js";
import { createNetwork, networkVariants } from "#mtard/networks/networks.js";
import { fixture } from "./fixtures.js";

interface Case {
  readonly dialect: string;
  readonly network: string;
  readonly shapes: Readonly<Record<string, number[]>>;
}

/** What fixtures/dialects.py found PyTorch to call the parameters of each repository's own network. */
const cases = readFileSync(fixture("dialects.jsonl"), "utf8")
  .trim()
  .split("\n")
  .map((line) => JSON.parse(line) as Case);

const shape = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };

type Tensors = Map<string, StoredTensor>;

const tensor = (extents: readonly number[], values?: readonly number[]): StoredTensor => ({
  shape: extents,
  read: () => {
    if (values === undefined) throw new Error("a parameter was read");
    return Float32Array.from(values);
  },
});

const normalization: Normalization = { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] };

function tensorsOf({ shapes }: Case): Tensors {
  return new Map(
    Object.entries(shapes).map(([name, extents]) => [
      name,
      name === "mu"
        ? tensor(extents, normalization.mean)
        : name === "sigma"
          ? tensor(extents, normalization.std)
          : tensor(extents),
    ]),
  );
}

const prefixed = (tensors: Tensors, prefix: string): Tensors =>
  new Map([...tensors].map(([name, value]) => [prefix + name, value]));

const find = (dialect: string, network: string): Tensors => {
  const found = cases.find((one) => one.dialect === dialect && one.network === network);
  if (!found) throw new Error(`no ${network} of ${dialect}`);
  return tensorsOf(found);
};

const oneSet = (weights: Tensors): WeightSets => ({
  sets: [{ key: "", weights, leftOut: [] }],
  unnamed: [],
});

/** Every variant of an architecture, as the import tries them. */
function candidates(id: string): readonly [Network, ...Network[]] {
  const [first = id, ...others] = networkVariants(id);
  return [createNetwork(first, shape), ...others.map((other) => createNetwork(other, shape))];
}

const recognise = (id: string, tensors: Tensors, given?: Normalization): RecognisedWeights =>
  recogniseWeights(candidates(id), oneSet(tensors), "file.pth", { given });

function refusal(call: () => unknown): string {
  try {
    call();
  } catch (error) {
    if (error instanceof InputError) return error.report();
    throw error;
  }
  return "it was taken";
}

describe("recogniseWeights", () => {
  it.each(cases.map((one) => [one.dialect, one.network, one] as const))(
    "%s's %s has every parameter of the graph, each once, and says whose names they are",
    (dialect, id, one) => {
      const tensors = tensorsOf(one);
      // The family's id, without the form or kind of shortcut, which the names tell.
      for (const asked of new Set([id, id.replace(/-(b|bn|deepmind|trades)$/, "")])) {
        const found = recognise(asked, prefixed(tensors, "module."));
        expect(found.dialect).toBe(dialect);
        expect(found.network.id).toBe(id);
        const specs = parameterSpecs(found.network);
        expect([...found.weights].map(([name, { shape: extents }]) => [name, extents])).toEqual(
          specs.map((spec) => [spec.name, spec.shape]),
        );
        expect(new Set(found.weights.values()).size).toBe(specs.length);
      }
    },
  );

  it.each(["downsample", "shortcut"])("takes a torchvision-like ResNet-18 with %s and fc", (shortcut) => {
    const tensors = [...find("kuangliu", "resnet-18")].map(
      ([name, value]) =>
        [name.replace(".shortcut.", `.${shortcut}.`).replace("linear.", "fc."), value] as const,
    );
    expect(recognise("resnet-18", new Map(tensors)).dialect).toBe("torchvision");
  });

  it("puts weiaicunzai's layers in their places", () => {
    const tensors = find("weiaicunzai", "resnet-18");
    const { weights } = recognise("resnet-18", tensors);
    for (const [own, theirs] of [
      ["bn1.running_var", "conv1.1.running_var"],
      ["layer1.0.conv1.weight", "conv2_x.0.residual_function.0.weight"],
      ["layer4.1.bn2.bias", "conv5_x.1.residual_function.4.bias"],
      ["layer2.0.shortcut.1.running_mean", "conv3_x.0.shortcut.1.running_mean"],
    ] as const) {
      expect(weights.get(own)).toBe(tensors.get(theirs));
    }
  });

  it("leaves out the copy that an attacker module of the robustness library keeps", () => {
    const tensors = find("kuangliu", "resnet-18");
    const values = {
      new_mean: tensor([3, 1, 1], [0.5, 0.4, 0.3]),
      new_std: tensor([3, 1, 1], [0.2, 0.2, 0.2]),
    };
    const file = new Map([
      ...prefixed(tensors, "module.model."),
      ...prefixed(tensors, "module.attacker.model."),
      ...prefixed(new Map(Object.entries(values)), "module.normalizer."),
      ...prefixed(new Map(Object.entries(values)), "module.attacker.normalize."),
    ]);
    const found = recognise("resnet-18", file);
    expect(found.weights.get("conv1.weight")).toBe(tensors.get("conv1.weight"));
    expect(found.storedNormalization).toEqual({ mean: [0.5, 0.4, 0.3], std: [0.2, 0.2, 0.2] });
  });

  it("says which other variants have the same names", () => {
    expect(recognise("resnet-20", find("akamaster", "resnet-20")).alsoFits).toEqual(["resnet-20-a-end"]);
    expect(recognise("resnet-20", find("chenyaofo", "resnet-20-b")).alsoFits).toEqual([]);
    expect(recognise("wide-resnet-10-2", find("trades", "wide-resnet-10-2")).alsoFits).toEqual([]);
    const deepmind = find("deepmind", "wide-resnet-10-2-deepmind");
    expect(recognise("wide-resnet-10-2", deepmind).alsoFits).toEqual(["wide-resnet-10-2-deepmind-relu"]);
  });

  it("takes the file's normalisation before the network's own", () => {
    const tensors = find("deepmind", "wide-resnet-10-2-deepmind");
    expect(recognise("wide-resnet-10-2-deepmind", tensors).network.normalization).toEqual(normalization);
    const half = [0.5, 0.5, 0.5];
    const file = prefixed(tensors, "1.")
      .set("0.mean", tensor([3], half))
      .set("0.std", tensor([3], half));
    const { network } = recognise("wide-resnet-10-2-deepmind", file);
    expect(network.normalization).toEqual({ mean: half, std: half });
  });

  it("does not take two names for one parameter", () => {
    const tensors = find("kuangliu", "resnet-18");
    tensors.set("fc.bias", tensor([10]));
    expect(refusal(() => recognise("resnet-18", tensors))).toMatch(
      /: 1 unknown\n[^]*found {5}"fc.bias" \[10\]/,
    );
  });

  it("names the dialects it tried, and what the nearest lacks", () => {
    const tensors = find("chenyaofo", "resnet-20-b");
    tensors.delete("layer2.0.downsample.1.bias");
    tensors.set("layer2.0.downsample.1.shift", tensor([32]));
    expect(refusal(() => recognise("resnet-20", tensors))).toBe(
      [
        "error: file.pth does not fit resnet-20 in the names of akamaster, torchvision, chenyaofo; nearest is resnet-20-b in chenyaofo's: 1 missing, 1 unknown",
        '  expected  "layer2.0.downsample.1.bias" [32]',
        '  found     "layer2.0.downsample.1.shift" [32]',
        "  try       check that the network, its number of classes and its shortcut kind are those the weights were trained with",
      ].join("\n"),
    );
    expect(refusal(() => recognise("resnet-20", new Map()))).toMatch(
      /nearest is resnet-20 in akamaster's: 97 missing/,
    );
  });

  it("refuses another number of classes", () => {
    const tensors = find("akamaster", "resnet-20");
    tensors.set("linear.weight", tensor([100, 64])).set("linear.bias", tensor([100]));
    expect(refusal(() => recognise("resnet-20", tensors))).toMatch(
      /akamaster's: 2 of another shape\n {2}expected {2}"linear.weight" \[10, 64\], "linear.bias" \[10\]\n/,
    );
  });
});

describe("a stored normalisation", () => {
  const file = (...stored: readonly (readonly [string, StoredTensor])[]): Tensors => {
    const tensors = find("akamaster", "resnet-20");
    return new Map([...prefixed(tensors, "1."), ...stored]);
  };
  const { mean, std } = normalization;

  it.each([
    ["mu", "sigma", [1, 3, 1, 1]],
    ["0.mean", "0.std", [3]],
    ["0.mean", "0.sigma", [3, 1, 1]],
    ["module.normalize.mean", "module.normalize.std", [3, 1, 1]],
    ["normalizer.new_mean", "normalizer.new_std", [3, 1, 1]],
    ["norm.mean", "norm.std", [1, 3, 1, 1]],
  ])("is found as %s and %s %j, and becomes the network's", (first, second, extents) => {
    const found = recognise(
      "resnet-20",
      file([first, tensor(extents, mean)], [second, tensor(extents, std)]),
    );
    expect(found.storedNormalization).toEqual(normalization);
    expect(found.network.normalization).toEqual(normalization);
    expect(found.weights.size).toBe(97);
  });

  it("may be one number for all channels", () => {
    const found = recognise("resnet-20", file(["mean", tensor([], [0.5])], ["std", tensor([1], [0.25])]));
    expect(found.network.normalization).toEqual({ mean: [0.5, 0.5, 0.5], std: [0.25, 0.25, 0.25] });
  });

  it("agrees with the same one given, to float32's precision", () => {
    const stored = file(["mu", tensor([3], mean)], ["sigma", tensor([3], std)]);
    expect(recognise("resnet-20", stored, normalization).network.normalization).toEqual(normalization);
  });

  it("and another one given are refused, both shown", () => {
    const stored = file(["mu", tensor([3], mean)], ["sigma", tensor([3], std)]);
    expect(refusal(() => recognise("resnet-20", stored, { mean: [0.5, 0.5, 0.5], std }))).toBe(
      [
        "error: file.pth holds another normalisation than the one given",
        "  expected  --mean 0.4914,0.4822,0.4465 --std 0.2471,0.2435,0.2616",
        "  found     --mean 0.5,0.5,0.5 --std 0.2471,0.2435,0.2616",
        "  try       leave --mean and --std out: the file's own is taken",
      ].join("\n"),
    );
  });

  it("that differs from a second one is refused", () => {
    const stored = file(
      ["0.mean", tensor([3], mean)],
      ["0.std", tensor([3], std)],
      ["mean", tensor([3], [0, 0, 0])],
      ["std", tensor([3], std)],
    );
    expect(refusal(() => recognise("resnet-20", stored))).toMatch(/holds two normalisations/);
  });

  it.each([[[0, 1, 1]], [[-1, 1, 1]], [[NaN, 1, 1]], [[Infinity, 1, 1]]])(
    "with deviations %j is refused",
    (bad) => {
      const stored = file(["mu", tensor([3], mean)], ["sigma", tensor([3], bad)]);
      expect(refusal(() => recognise("resnet-20", stored))).toMatch(
        /holds a normalisation that cannot be applied/,
      );
    },
  );

  it.each([
    ["without its deviations", [["mu", tensor([3], mean)]], "1 unknown"],
    [
      "of other channels",
      [
        ["mu", tensor([4])],
        ["sigma", tensor([4])],
      ],
      "2 unknown",
    ],
    [
      "as large as a layer",
      [
        ["mu", tensor([3, 3])],
        ["sigma", tensor([3, 3])],
      ],
      "2 unknown",
    ],
  ] as const)("%s is none", (_, stored, counts) => {
    const tensors = new Map([...find("akamaster", "resnet-20"), ...stored]);
    expect(refusal(() => recognise("resnet-20", tensors))).toContain(`akamaster's: ${counts}`);
  });
});
