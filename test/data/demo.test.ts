import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { datasets } from "#mtard/data/datasets.js";
import { makeDemo } from "#mtard/data/demo.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import { openDataset, type SplitContents } from "#mtard/data/store.js";
import { temporaryFolder } from "./tiny-cifar.js";

const { image, origin, classNames } = datasets.demo;
const [height, width, channels] = [image.height, image.width, image.channels];
const plane = height * width;

/** How far an image's mean red, green and blue are from their mean, in levels of 255. */
function tintOf({ images }: SplitContents<Uint8Array>, index: number): number[] {
  const start = index * plane * channels;
  const means = new Array<number>(channels).fill(0);
  for (let at = 0; at < plane * channels; at++)
    means[at % channels] = (means[at % channels] ?? 0) + (images[start + at] ?? 0) / plane;
  const grey = means.reduce((sum, mean) => sum + mean, 0) / channels;
  return means.map((mean) => mean - grey);
}

function distance(left: readonly number[], right: readonly number[]): number {
  return Math.hypot(...left.map((value, at) => value - (right[at] ?? 0)));
}

/** The means of a channel over the 8 x 8 blocks of 4 x 4 pixels, row-major. */
function blocks(pixels: Uint8Array, channel: number): Float64Array {
  const means = new Float64Array((height / 4) * (width / 4));
  for (let at = 0; at < plane; at++) {
    const block = Math.floor(at / width / 4) * (width / 4) + Math.floor((at % width) / 4);
    means[block] = (means[block] ?? 0) + (pixels[at * channels + channel] ?? 0) / 16;
  }
  return means;
}

/** The largest difference of two neighbouring blocks, in levels of 255. */
function largestStep(means: Float64Array): number {
  const columns = width / 4;
  let largest = 0;
  for (const [at, mean] of means.entries()) {
    const neighbours = [at % columns > 0 ? means[at - 1] : mean, at >= columns ? means[at - columns] : mean];
    for (const neighbour of neighbours) largest = Math.max(largest, Math.abs(mean - (neighbour ?? mean)));
  }
  return largest;
}

describe("the demo data set", () => {
  const made = makeDemo(image, { ...origin, train: 1000, test: 300 });

  it("is the same for the same seed and another for another", async () => {
    const [first, again] = [await made, await makeDemo(image, { ...origin, train: 1000, test: 300 })];
    expect(Buffer.from(again.train.images).equals(first.train.images)).toBe(true);
    expect(Buffer.from(again.test.images).equals(first.test.images)).toBe(true);
    const other = await makeDemo(image, { ...origin, seed: origin.seed + 1, train: 1000, test: 300 });
    expect(Buffer.from(other.train.images).equals(first.train.images)).toBe(false);
    expect(
      Buffer.from(first.test.images).equals(first.train.images.subarray(0, first.test.images.length)),
    ).toBe(false);
  });

  it.skipIf(process.arch !== "x64")(
    "is, byte for byte, what the committed demo teachers were trained on",
    async () => {
      const { fingerprint } = await prepareDataset("demo", temporaryFolder());
      // Another value means other images: the teachers must be trained anew and `origin.seed` raised.
      expect(fingerprint).toBe("cbee3d85331e5135a57c0fb2e6d4e50cd9990e6aca06f0be1907a5af0c0f4f38");
    },
  );

  it("has as many images of each class, mixed", async () => {
    const { train, test } = await made;
    for (const [split, each] of [
      [train, 100],
      [test, 30],
    ] as const) {
      expect(split.images.length).toBe(split.count * plane * channels);
      for (const label of classNames.keys())
        expect(split.labels.filter((found) => found === label).length).toBe(each);
    }
    expect(new Set(train.labels.subarray(0, 40)).size).toBeGreaterThan(7);
  });

  it("has a tint that alone tells every image's class, and that an attack of 8/255 replaces", async () => {
    const { train, test } = await made;
    const templates = classNames.map((_, label) => {
      const found = [...train.labels.keys()].filter((index) => train.labels[index] === label);
      const sum = found
        .map((index) => tintOf(train, index))
        .reduce((a, b) => a.map((v, at) => v + (b[at] ?? 0)));
      return sum.map((value) => value / found.length);
    });
    for (const [label, template] of templates.entries()) {
      const furthest = (other: readonly number[]): number =>
        Math.max(...template.map((value, at) => Math.abs(value - (other[at] ?? 0))));
      const others = templates.filter((_, at) => at !== label).map(furthest);
      // An attack of 8/255 turns each class's tint into another's.
      expect(Math.min(...others)).toBeLessThan(8);
      expect(Math.min(...others)).toBeGreaterThan(2);
    }
    let right = 0;
    for (let index = 0; index < test.count; index++) {
      const distances = templates.map((template) => distance(template, tintOf(test, index)));
      if (distances.indexOf(Math.min(...distances)) === test.labels[index]) right++;
    }
    expect(right).toBe(test.count);
  });

  it("shows, in about 70% of the images, a shape that no perturbation of 8/255 hides, and none in the others", async () => {
    const { test } = await made;
    let visible = 0;
    for (let index = 0; index < test.count; index++) {
      const pixels = test.images.subarray(index * plane * channels, (index + 1) * plane * channels);
      const green = blocks(pixels, 1);
      const steepest = largestStep(green);
      expect(steepest < 12 || steepest > 24, `image ${index}: ${steepest}`).toBe(true);
      if (steepest > 24) visible++;
      expect(Math.min(...pixels)).toBeGreaterThan(0);
      expect(Math.max(...pixels)).toBeLessThan(255);
    }
    expect(visible / test.count).toBeGreaterThan(0.63);
    expect(visible / test.count).toBeLessThan(0.77);
  });

  it("is made anew where the store has another version's, which is not opened", async () => {
    const folder = temporaryFolder();
    const { fingerprint } = await prepareDataset("demo", folder);
    const path = join(folder, "demo/store.json");
    const record = JSON.parse(readFileSync(path, "utf8")) as object;
    writeFileSync(path, JSON.stringify({ ...record, source: { seed: origin.seed - 1 } }));
    expect(() => openDataset("demo", folder)).toThrow(/demo is of another version of mtard/);
    expect(await prepareDataset("demo", folder)).toMatchObject({
      fingerprint,
      alreadyThere: false,
      source: { seed: origin.seed },
    });
    expect(openDataset("demo", folder).fingerprint).toBe(fingerprint);
    expect(await prepareDataset("demo", folder)).toMatchObject({ alreadyThere: true });
  });
});
