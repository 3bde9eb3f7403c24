import { describe, expect, it } from "vitest";
import type { InputError } from "#mtard/errors.js";
import { parameterSpecs } from "#mtard/graph/parameters.js";
import { createNetwork } from "#mtard/networks/networks.js";
import { describeModel, findDescription } from "#mtard/teacher/descriptions.js";
import { requireDescription } from "#mtard/teacher/find-description.js";
import { teacherNameSchema } from "#mtard/teacher/manifest.js";
import { absentModels, robustBenchId, robustBenchModels, storeName } from "#mtard/teacher/robustbench.js";

const models = robustBenchModels();
const absent = absentModels();

it("lists models that can be built, by names that the store takes, each once", () => {
  for (const model of models) {
    const { network, dataset, drive, clean, robust, normalization } = model;
    const image = { height: 32, width: 32, channels: 3 };
    const made = createNetwork(network, { image, classes: dataset === "cifar10" ? 10 : 100 });
    expect(made.id).toBe(network);
    // A network with a normalisation of its own would take that where a description states none.
    if (made.normalization) expect(normalization).toEqual(made.normalization);
    expect(parameterSpecs(made).length).toBeGreaterThan(0);
    expect(drive).toMatch(/^1[\w-]{32}$/);
    expect(teacherNameSchema.safeParse(storeName(model)).success).toBe(true);
    expect(clean).toBeGreaterThan(50);
    expect(robust).toBeLessThan(clean);
  }
  const ids = [...models, ...absent].map(robustBenchId);
  expect(new Set(ids).size).toBe(ids.length);
  expect([models.length, absent.length]).toEqual([115, 49]);
});

it("says of each absent model what keeps it away", () => {
  for (const { reason } of absent) expect(reason).toMatch(/^(an? |several )/);
});

it("states what RobustBench states", () => {
  expect(findDescription("cifar10-Linf-Sehwag2020Hydra")).toMatchObject({
    role: "robust",
    network: "wide-resnet-28-10",
    normalization: null,
    published: { url: "https://drive.google.com/file/d/1pi8GHwAVkxVH41hEnf0IAJb_7y-Q8a2Y/view" },
    expected: [{ clean: 88.98, attacks: { aa: 57.14 } }],
  });
  // Another radius than 8/255 is no AutoAttack of mtard's.
  expect(findDescription("cifar10-L2-Rice2020Overfitting")).toMatchObject({
    network: "preact-resnet-18-bn",
    normalization: { mean: [0.4914, 0.4822, 0.4465] },
    expected: [{ clean: 88.67, attacks: {} }],
  });
  expect(findDescription("cifar10-corruptions-Kireev2021Effectiveness_RLAT")).toMatchObject({
    role: "clean",
    published: { key: "last" },
  });
  expect(findDescription("cifar10-Linf-Jia2022LAS-AT_70_16")?.network).toBe("wide-resnet-70-16-trades");
  expect(findDescription("cifar10-Linf-Zhang2019Theoretically")?.notes[0]).toContain("radius 0.031");
});

describe("requireDescription", () => {
  it("takes RobustBench's names in all their ways", () => {
    const hydra = "cifar10-Linf-Sehwag2020Hydra";
    for (const text of [
      "robustbench:cifar10/Linf/Sehwag2020Hydra",
      "robustbench:CIFAR10/linf/sehwag2020hydra",
      "robustbench:Sehwag2020Hydra",
      "cifar10/Linf/Sehwag2020Hydra",
      "Sehwag2020Hydra",
      hydra,
    ])
      expect(requireDescription(text).name).toBe(hydra);
    // One file in two lists.
    expect(requireDescription("cifar10/Addepalli2021Towards_WRN34").name).toBe(
      "cifar10-Linf-Addepalli2021Towards_WRN34",
    );
    expect(requireDescription("cifar10-resnet-56").name).toBe("cifar10-resnet-56");
  });

  it("names the several, the absent and the nearest", () => {
    const said = (text: string): string => {
      try {
        return requireDescription(text).name;
      } catch (error) {
        return (error as InputError).report();
      }
    };
    expect(said("Wu2020Adversarial")).toMatch(
      /several models.*\n +expected +robustbench:cifar10\/Linf\/Wu2020Adversarial, robustbench:cifar10\/L2\/Wu2020Adversarial, robustbench:cifar100/,
    );
    expect(said("robustbench:cifar10/Linf/Ding2020MMA")).toMatch(/normalises each image by its own mean/);
    expect(said("robustbench:cifar10/Linf/Sehwag2020Hidra")).toMatch(
      /did you mean (robustbench:cifar10\/Linf\/Sehwag2020Hydra)\? mtard teacher fetch \1/,
    );
    expect(said("cifar10-resnet56")).toMatch(/did you mean cifar10-resnet-56\?/);
    expect(said("nothing of the kind")).toMatch(/try +mtard teacher list/);
  });

  it("describes every model that it lists", () => {
    for (const model of models)
      expect(requireDescription(robustBenchId(model))).toEqual(describeModel(model));
  });
});
