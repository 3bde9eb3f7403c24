import { mkdtempSync, readdirSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { computedCorruptions } from "#mtard/corruptions/computed.js";
import { commonCorruptions } from "#mtard/corruptions/corruptions.js";
import { datasets } from "#mtard/data/datasets.js";
import { imagesInMemory } from "#mtard/data/images.js";
import { InputError } from "#mtard/errors.js";
import { meanCorrupted, measureCorrupted, type CorruptedSettings } from "#mtard/evaluation/corrupted.js";
import type { MeasuredModel } from "#mtard/evaluation/measure.js";
import { openStore } from "#mtard/evaluation/store.js";
import { Random } from "#mtard/runtime/random.js";
import { tf, type Tensor2D } from "#mtard/runtime/tensorflow.js";

const work = mkdtempSync(join(tmpdir(), "mtard-corrupted-"));
afterAll(() => rmSync(work, { recursive: true }));

const COUNT = 6;
const description = datasets.cifar10;
const random = Random.fromSeed(3);
const bytes = Uint8Array.from({ length: COUNT * 3072 }, () => random.below(256));
const split = {
  count: COUNT,
  labels: Uint8Array.from({ length: COUNT }, (_, at) => at % 2),
  images: imagesInMemory(bytes, 3072),
};
const data = { description, fingerprint: "b".repeat(64) };
const settings: CorruptedSettings = {
  names: ["snow", "contrast", "saturate"],
  severities: [1, 5],
  batchSize: 4,
  kept: "use",
};

/** Answers 1 for images brighter than their middle, and counts the images that it was shown. */
function brightnessModel(): MeasuredModel & { readonly shown: number[] } {
  const shown: number[] = [];
  return {
    ...{ identity: "a".repeat(64), classes: 10, shown },
    target: () =>
      Promise.resolve({
        classes: 10,
        runsOn: "cpu (test)",
        logits: () => tf.zeros<Tensor2D>([1, 10]),
        predict: (images) =>
          tf.tidy(() => {
            shown.push(images.shape[0]);
            return tf.cast(tf.greater(tf.mean(images, [1, 2, 3]), 0.55), "int32");
          }),
        lossGradient: () => {
          throw new Error("no gradients are needed");
        },
      }),
  };
}

it("measures every corruption and severity once, keeps it, and goes on after an interruption", async () => {
  const images = computedCorruptions(split, description.image, COUNT, 0);
  const whole = openStore(join(work, "whole"));
  const model = brightnessModel();
  const rows = await measureCorrupted(model, images, data, settings, whole);
  expect(rows.map(({ name, severity }) => `${name} ${severity}`)).toEqual([
    "snow 1",
    "snow 5",
    "contrast 1",
    "contrast 5",
    "saturate 1",
    "saturate 5",
  ]);
  expect(model.shown).toEqual(Array(6).fill([4, 2]).flat());
  expect(rows.find(({ name, severity }) => name === "snow" && severity === 5)).toMatchObject({
    correct: 3,
    total: COUNT,
    accuracy: 0.5,
    known: false,
  });

  const other = openStore(join(work, "parts"));
  const stopping = measureCorrupted(brightnessModel(), images, data, settings, other, {
    onProgress({ name, making, done }) {
      if (name === "contrast" && !making && done === 4) throw new Error("stopped");
    },
  });
  await expect(stopping).rejects.toThrow("stopped");
  const second = brightnessModel();
  const again = await measureCorrupted(second, images, data, settings, other);
  expect(again.map((row) => ({ ...row, known: false }))).toEqual(rows);
  expect(again.map(({ known }) => known)).toEqual([true, true, false, false, false, false]);
  expect(second.shown.reduce((sum, each) => sum + each, 0)).toBe(4 * COUNT - 4);

  const third = brightnessModel();
  const unread = { ...images, read: () => Promise.reject(new Error("not needed")) };
  await measureCorrupted(third, unread, data, settings, other);
  expect(third.shown).toEqual([]);
  expect(other.list(model.identity, 10)).toEqual([]);
  expect(other.listCorrupted(model.identity, 10).map(({ key }) => key.corruption)).toContainEqual({
    ...{ name: "snow", severity: 5, file: null, seed: 0, version: 1 },
  });
  expect(readdirSync(join(work, "parts")).filter((name) => name.startsWith("snow-5-"))).toHaveLength(1);
});

it("gives an image the same corruption whatever number of images there is", async () => {
  const few = await computedCorruptions(split, description.image, 2, 0).read("snow", 2, () => undefined);
  const all = await computedCorruptions(split, description.image, COUNT, 0).read("snow", 2, () => undefined);
  expect([...few]).toEqual([...all.subarray(0, 2 * 3072)]);
});

it("takes the mean over the common corruptions, each the mean of its severities", () => {
  const row = (name: "fog" | "snow" | "saturate", severity: 1 | 2, accuracy: number) => ({
    ...{ name, severity, accuracy, correct: 0, total: 1, known: false },
  });
  const rows = [row("fog", 1, 0.5), row("fog", 2, 0.7), row("snow", 1, 0.2), row("saturate", 1, 0)];
  expect(meanCorrupted(rows)).toBeCloseTo(0.4, 12);
  expect(meanCorrupted([row("saturate", 1, 0)])).toBeNull();
  expect(commonCorruptions).toHaveLength(15);
});

it("refuses images of a size that no parameters are published for, and frost", async () => {
  expect(() => computedCorruptions(split, { height: 28, width: 28, channels: 1 }, 1, 0)).toThrow(InputError);
  const images = computedCorruptions(split, description.image, 1, 0);
  expect(images.lacks("frost")).toContain("photographs");
  await expect(images.read("frost", 1, () => undefined)).rejects.toThrow(InputError);
});
