import { expect, it } from "vitest";
import { nearest } from "#mtard/nearest.js";

it("finds the name that was meant, and none where it is too far", () => {
  const names = ["cifar10-resnet-56", "cifar100-resnet-56", "Sehwag2020Hydra"];
  expect(nearest("cifar10-resnet-57", names)).toBe("cifar10-resnet-56");
  expect(nearest("cifar1000-resnet-56", names)).toBe("cifar100-resnet-56");
  expect(nearest("sehwag2020hydra", names)).toBe("Sehwag2020Hydra");
  expect(nearest("hydra", names)).toBeNull();
  expect(nearest("x", [])).toBeNull();
  // A third of six letters may differ, not more.
  expect([
    nearest("kitten", ["sittin"]),
    nearest("kitten", ["sitting"]),
    nearest("kitten", ["sixties"]),
  ]).toEqual(["sittin", null, null]);
});
