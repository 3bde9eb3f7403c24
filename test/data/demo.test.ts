import { describe, expect, it } from "vitest";
import { datasets } from "#mtard/data/datasets.js";
import { makeDemo } from "#mtard/data/demo.js";
import { prepareDataset } from "#mtard/data/prepare.js";
import type { SplitContents } from "#mtard/data/store.js";
import { temporaryFolder } from "./tiny-cifar.js";

const { image, origin, classNames } = datasets.demo;
const [height, width, channels] = [image.height, image.width, image.channels];
const plane = height * width;

/** What is left of an image's brightness when the mean of each pixel's neighbourhood is taken away, in levels of 255. */
function detail({ images }: SplitContents<Uint8Array>, index: number): Float64Array {
  const start = index * plane * channels;
  const grey = Float64Array.from({ length: plane }, (_, at) => {
    let sum = 0;
    for (let channel = 0; channel < channels; channel++) sum += images[start + at * channels + channel] ?? 0;
    return sum / channels;
  });
  const residual = new Float64Array(plane);
  for (let y = 2; y < height - 2; y++)
    for (let x = 2; x < width - 2; x++) {
      let [sum, weights] = [0, 0];
      for (let dy = -2; dy <= 2; dy++)
        for (let dx = -2; dx <= 2; dx++) {
          const weight = (3 - Math.abs(dy)) * (3 - Math.abs(dx));
          sum += weight * (grey[(y + dy) * width + x + dx] ?? 0);
          weights += weight;
        }
      const value = (grey[y * width + x] ?? 0) - sum / weights;
      // Outlines of shapes are far stronger than any texture.
      residual[y * width + x] = Math.abs(value) < 6 ? value : 0;
    }
  return residual;
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
      expect(fingerprint).toBe("50471b65e49049570255254aeb0c7cd541677b5926064729c4a80dbf1ef1caf5");
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

  it("has a texture of a few levels that alone tells nearly every image's class", async () => {
    const { train, test } = await made;
    const templates = classNames.map(() => new Float64Array(plane));
    for (let index = 0; index < train.count; index++) {
      const template = templates[train.labels[index] ?? 0];
      const found = detail(train, index);
      template?.forEach((value, at) => (template[at] = value + (found[at] ?? 0) / 100));
    }
    for (const template of templates) {
      expect(template.reduce((most, value) => Math.max(most, Math.abs(value)), 0)).toBeLessThan(5);
    }
    let right = 0;
    for (let index = 0; index < test.count; index++) {
      const found = detail(test, index);
      const scores = templates.map(
        (template) =>
          template.reduce((sum, value, at) => sum + value * (found[at] ?? 0), 0) /
          Math.sqrt(template.reduce((sum, value) => sum + value * value, 0)),
      );
      if (scores.indexOf(Math.max(...scores)) === test.labels[index]) right++;
    }
    expect(right / test.count).toBeGreaterThan(0.97);
  });

  it("has shapes that no perturbation of 8/255 hides: far brighter than the background", async () => {
    const { test } = await made;
    let visible = 0;
    for (let index = 0; index < test.count; index++) {
      const pixels = test.images.subarray(index * plane * channels, (index + 1) * plane * channels);
      const green = Array.from({ length: plane }, (_, at) => pixels[at * channels + 1] ?? 0).toSorted(
        (a, b) => a - b,
      );
      const [middle, bright] = [green[plane / 2] ?? 0, green[Math.floor(plane * 0.97)] ?? 0];
      if (bright - middle > 16) visible++;
      expect(Math.min(...pixels)).toBeGreaterThan(0);
      expect(Math.max(...pixels)).toBeLessThan(255);
    }
    expect(visible / test.count).toBeGreaterThan(0.95);
  });
});
