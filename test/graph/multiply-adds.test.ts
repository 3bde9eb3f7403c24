import { expect, it } from "vitest";
import { multiplyAdds } from "#mtard/graph/multiply-adds.js";
import { createNetwork } from "#mtard/networks/networks.js";

// Counted by hooks on the modules of scripts/bench/networks.py: the values of each output, times the products in one.
it.each([
  ["resnet-20", 40_551_040],
  ["resnet-18", 555_422_720],
  ["mobilenet-v2", 91_154_944],
])("counts those of %s as PyTorch's modules have them", (id, expected) => {
  const shape = { image: { height: 32, width: 32, channels: 3 }, classes: 10 };
  expect(multiplyAdds(createNetwork(id, shape))).toBe(expected);
});
