import { readFileSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { createNetwork } from "#mtard/networks/networks.js";
import { fileNameOf, parseAddress } from "#mtard/teacher/address.js";
import { findDescription, howToGet, listDescriptions } from "#mtard/teacher/descriptions.js";
import { teacherNameSchema } from "#mtard/teacher/manifest.js";
import { hasShared, shared } from "../shared.js";

const shapes: Readonly<Record<string, { size: number; classes: number }>> = {
  cifar10: { size: 32, classes: 10 },
  cifar100: { size: 32, classes: 100 },
  "tiny-imagenet": { size: 64, classes: 200 },
};
const descriptions = listDescriptions();

describe.each(descriptions)("$name", ({ name, dataset, network, role, normalization, published, recipe }) => {
  it("has a usable name and network", () => {
    expect(teacherNameSchema.safeParse(name).success).toBe(true);
    expect(name).toMatch(new RegExp(`^${dataset}-${network.replace(/-b$/, "")}`));
    if (role === "student") expect(published?.page).toMatch(/^https:\/\/drive\.google\.com\//);
    const { size, classes } = shapes[dataset] ?? { size: 0, classes: 0 };
    const image = { height: size, width: size, channels: 3 };
    expect(createNetwork(network, { image, classes }, normalization ?? undefined).id).toBe(network);
  });

  it("names an address, or commands that a person can copy", () => {
    if (published) {
      const { url, file, sha256, page } = published;
      expect(page).toMatch(/^https:/);
      if (url !== undefined) {
        const address = parseAddress(url);
        expect(address.kind === "plain" ? fileNameOf(address) : address.kind).toMatch(
          address.kind === "plain" ? file : /^drive-/,
        );
      }
      const stated = /-([0-9a-f]{8})\.\w+$/.exec(file)?.[1];
      if (stated !== undefined) expect(sha256?.slice(0, 8)).toBe(stated);
    }
    if (recipe) {
      const method = role === "clean" ? "natural" : "trades";
      const run = `runs/${name}`;
      expect(recipe[0]).toBe(
        `mtard train --dataset ${dataset} --method ${method} --student ${network} --out ${run}`,
      );
      expect(recipe.at(-1)).toMatch(new RegExp(`^mtard export ${run} .*--to onnx --out ${run}\\.onnx$`));
    }
  });
});

interface Table2Row {
  dataset: string;
  model: string;
  type: "clean" | "robust";
  clean: number;
}

/** The description of each row of Table 2. */
const rows: Readonly<Record<string, string>> = {
  "CIFAR-10 ResNet-56 clean": "cifar10-resnet-56-mtard",
  "CIFAR-10 WideResNet-34-10 robust": "cifar10-wide-resnet-34-10",
  "CIFAR-100 WideResNet-22-6 clean": "cifar100-wide-resnet-22-6",
  "CIFAR-100 WideResNet-70-16 robust": "cifar100-wide-resnet-70-16",
  "Tiny-ImageNet PreActResNet-34 clean": "tiny-imagenet-preact-resnet-34-clean",
  "Tiny-ImageNet PreActResNet-34 robust": "tiny-imagenet-preact-resnet-34-robust",
};

it.skipIf(!hasShared)("every row of Table 2 has a description with its numbers", () => {
  const tables = JSON.parse(readFileSync(shared("paper/tables.json"), "utf8")) as { "2": Table2Row[] };
  expect(tables["2"]).toHaveLength(6);
  for (const { dataset, model, type, clean, ...attacks } of tables["2"]) {
    const description = findDescription(rows[`${dataset} ${model} ${type}`] ?? "");
    expect(description?.role).toBe(type);
    const published = description?.expected.find(({ from }) => from === "B-MTARD, Table 2");
    expect(published).toEqual({ from: "B-MTARD, Table 2", clean, attacks });
  }
});

it("how to get a teacher ends in the command that brings it", () => {
  const get = (name: string): string => {
    const description = findDescription(name);
    return description ? howToGet(description) : "";
  };
  expect(get("cifar100-wide-resnet-70-16")).toBe("mtard teacher fetch cifar100-wide-resnet-70-16");
  for (const { name } of descriptions)
    expect(get(name)).toMatch(new RegExp(`mtard teacher fetch ${name}( --from \\S+)?$`));
});
