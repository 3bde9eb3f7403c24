import { readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { expect, it } from "vitest";
import { datasetIds, datasets, findDataset, ownDatasetIds } from "#mtard/data/datasets.js";
import { temporaryFolder } from "./tiny-cifar.js";

const project = resolve(import.meta.dirname, "../..");

it("has a description in data/ for every built-in data set, and no other", () => {
  const files = readdirSync(join(project, "data")).filter((name) => name.endsWith(".json"));
  expect(files.toSorted()).toEqual(datasetIds.map((id) => `${id}.json`).toSorted());
  const { files: shipped } = JSON.parse(readFileSync(join(project, "package.json"), "utf8")) as {
    files: string[];
  };
  expect(shipped).toContain("data/*.json");
});

it.each([
  ["demo", 10, 32, 2],
  ["cifar10", 10, 32, 4],
  ["cifar100", 100, 32, 4],
  ["tiny-imagenet", 200, 64, 8],
] as const)("describes %s", (id, classes, side, padding) => {
  const { classNames, image, augmentation } = datasets[id];
  expect(new Set(classNames).size).toBeGreaterThanOrEqual(classes - 1);
  expect(classNames).toHaveLength(classes);
  expect(image).toEqual({ height: side, width: side, channels: 3 });
  expect(augmentation).toEqual({ padding, flip: true });
  expect(findDataset(id, "nowhere")).toBe(datasets[id]);
});

it("knows a class by its name for each of Tiny-ImageNet's WordNet ids, which ascend", () => {
  const { classNames, origin } = datasets["tiny-imagenet"];
  expect(origin.wnids).toHaveLength(classNames.length);
  expect(origin.wnids.toSorted()).toEqual([...origin.wnids]);
  expect(classNames[origin.wnids.indexOf("n02123394")]).toBe("Persian cat");
});

it("has no own data sets where there is no store", () => {
  expect(ownDatasetIds(join(temporaryFolder(), "nothing"))).toEqual([]);
});
