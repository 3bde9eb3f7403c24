import { describe, expect, it } from "vitest";
import { InputError } from "#mtard/errors.js";
import { networkBuilder } from "#mtard/graph/builder.js";
import type { Layer, Network } from "#mtard/graph/network.js";
import { parseNetwork } from "#mtard/graph/schema.js";
import { createNetwork, networkIds } from "#mtard/networks/networks.js";

const image = { height: 8, width: 8, channels: 3 };

/** A sound network of two convolutions. */
function small(): Network {
  const builder = networkBuilder(3);
  const stem = builder.relu(
    builder.batchNorm("bn1", builder.conv("conv1", "images", { filters: 4, kernel: 3 })),
  );
  const next = builder.conv("conv2", stem, { filters: 4, kernel: 3 });
  const output = builder.linear("fc", builder.globalAveragePool(builder.add(next, stem)), 5);
  return { id: "small", input: image, classes: 5, initialization: "uniform", layers: builder.layers, output };
}

/** The same network with one layer changed, by its place. */
function changed(place: number, change: object): unknown {
  const network = small();
  const layers = network.layers.map((layer, index): object =>
    index === place ? { ...layer, ...change } : layer,
  );
  return { ...network, layers };
}

function refusal(value: unknown): string {
  try {
    parseNetwork(value, "the student");
  } catch (error) {
    if (error instanceof InputError) return error.report();
    throw error;
  }
  return "accepted";
}

describe("a network of the caller's own", () => {
  it.each(networkIds)("may be %s, which fits together", (id) => {
    const network = createNetwork(id, { image: { height: 32, width: 32, channels: 3 }, classes: 10 });
    expect(parseNetwork(JSON.parse(JSON.stringify(network)), id)).toEqual(network);
  });

  it("is accepted as it is", () => {
    expect(parseNetwork(small(), "the student")).toEqual(small());
  });

  it.each<[string, unknown, string]>([
    ["no object", 3, "the student is not a network"],
    ["a layer nobody knows", changed(1, { op: "dropout" }), "layers.1.op"],
    ["a misspelt field", changed(0, { filter: 3 }), "layers.0"],
    ["an id that is a path", { ...small(), id: "../x" }, "id: letters"],
    [
      "a value no layer makes",
      changed(2, { input: "nothing" }),
      "layer 3 of the student (activation) does not fit",
    ],
    ["other channels than it gets", changed(1, { channels: 5 }), "expected  5 channels\n  found     4"],
    ["a linear layer on a map", changed(6, { input: "conv2" }), "found     maps of 8x8x4"],
    [
      "maps of other sizes added",
      changed(3, { stride: 2 }),
      "expected  maps of 4x4x4\n  found     maps of 8x8x4",
    ],
    ["a kernel larger than the map", changed(3, { kernel: 11 }), "at least 9 rows"],
    ["two layers of one name", changed(3, { name: "conv1" }), 'those of "conv1" twice'],
    ["one output twice", changed(3, { output: "conv1" }), '"conv1", which is there already'],
    ["other classes than logits", { ...small(), classes: 7 }, "7 numbers an image"],
    ["no output", { ...small(), output: "gone" }, 'no value "gone"'],
    ["a group that is no depthwise one", changed(3, { groups: 2 }), "1 group, or as many"],
    [
      "a value that nothing reads",
      {
        ...small(),
        layers: [...small().layers, { op: "activation", input: "conv2", output: "extra", function: "relu" }],
      },
      'nothing reads the value "extra"',
    ],
    [
      "layers after its output",
      {
        ...small(),
        layers: [...small().layers, { op: "activation", input: "fc", output: "late", function: "relu" }],
      },
      'reads the value "late"',
    ],
    [
      "a layer called like a parameter",
      JSON.parse(JSON.stringify(small()).replaceAll("conv2", "conv1.weight")) as unknown,
      'called "conv1.weight"',
    ],
    ["too few means", { ...small(), normalization: { mean: [0], std: [1] } }, "3 numbers, one a channel"],
    ["a deviation of 0", { ...small(), normalization: { mean: [0, 0, 0], std: [1, 0, 1] } }, "above 0"],
  ])("is refused with %s", (_, value, said) => {
    expect(refusal(value)).toContain(said);
  });

  it("names the first layer that does not fit", () => {
    const layers: Layer[] = [...small().layers].reverse();
    expect(refusal({ ...small(), layers })).toContain('layer 1 of the student (linear "fc")');
  });
});
