import { createHash } from "node:crypto";
import { rmSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";
import { augmentInto, scaled } from "#mtard/data/augmentation.js";
import { type Batch, type BatchesState, createTrainingBatches, imagesAt } from "#mtard/data/batches.js";
import { imagesInFile, imagesInMemory } from "#mtard/data/images.js";
import { sliceSplit, type Split } from "#mtard/data/store.js";
import { InputError } from "#mtard/errors.js";
import { Random } from "#mtard/runtime/random.js";
import { temporaryFolder } from "./tiny-cifar.js";

const image = { height: 5, width: 4, channels: 3 };
const size = 60;
const augmentation = { padding: 2, flip: true };

/** Images of random bytes; the first byte of each is its index, so that it can be told from the others. */
function makePixels(count: number): Uint8Array {
  const random = Random.fromSeed(5);
  return Uint8Array.from({ length: count * size }, (_, at) =>
    at % size === 0 ? at / size : random.below(256),
  );
}

function makeSplit(count: number): Split {
  const labels = Uint8Array.from({ length: count }, (_, index) => index % 7);
  return { count, images: imagesInMemory(makePixels(count), size), labels };
}

const copy = (batch: Batch): object => ({
  ...batch,
  images: batch.images.slice(),
  labels: batch.labels.slice(),
});

describe("scaled", () => {
  it("equals PyTorch's uint8 / 255 in float32, all 256 values to the bit", () => {
    const values = new Float32Array(256);
    scaled(
      Uint8Array.from({ length: 256 }, (_, value) => value),
      values,
    );
    // sha256 of torch.arange(256, dtype=torch.uint8).float().div(255).numpy().tobytes()
    expect(createHash("sha256").update(new Uint8Array(values.buffer)).digest("hex")).toBe(
      "010413efe9fc4438fee48de66c4d09f377b28af6a9fe2522201e8c1dbb831fc8",
    );
  });
});

describe("augmentInto", () => {
  it("pads with black, crops and mirrors, for every offset", () => {
    const images = makePixels(1);
    const padding = 2;
    const at = (y: number, x: number, channel: number): number =>
      y < 0 || y >= 5 || x < 0 || x >= 4 ? 0 : Math.fround((images[(y * 4 + x) * 3 + channel] ?? 0) / 255);
    for (const top of [0, 1, 2, 3, 4])
      for (const left of [0, 1, 2, 3, 4])
        for (const flip of [false, true]) {
          const found = new Float32Array(size).fill(7);
          augmentInto(found, images, image, padding, { top, left, flip });
          const expected: number[] = [];
          for (let y = 0; y < 5; y++)
            for (let x = 0; x < 4; x++)
              for (let channel = 0; channel < 3; channel++)
                expected.push(at(y + top - padding, (flip ? 3 - x : x) + left - padding, channel));
          expect([...found], `top ${top} left ${left} flip ${flip}`).toEqual(expected);
        }
  });
});

describe("createTrainingBatches", () => {
  it("shows every image once an epoch, in another order each, the last batch with what is left", () => {
    const split = makeSplit(23);
    const batches = createTrainingBatches(split, {
      image,
      batchSize: 5,
      augmentation: null,
      start: { seed: 1 },
    });
    expect(batches.stepsPerEpoch).toBe(5);
    const epochs = [0, 1].map((epoch) =>
      [5, 5, 5, 5, 3].flatMap((count, step) => {
        const batch = batches.next();
        expect(batch).toMatchObject({ epoch, step, count });
        expect(batch.images.length).toBe(count * size);
        return Array.from(batch.labels, (label, index) => {
          const chosen = Math.round((batch.images[index * size] ?? 0) * 255);
          expect(label).toBe(chosen % 7);
          return chosen;
        });
      }),
    );
    const all = Array.from({ length: 23 }, (_, index) => index);
    for (const epoch of epochs) expect(epoch.toSorted((a, b) => a - b)).toEqual(all);
    expect(epochs[0]).not.toEqual(epochs[1]);
    expect(epochs[0]).not.toEqual(all);
  });

  it("goes on from any state, mid-epoch or between epochs, bit for bit", () => {
    const split = makeSplit(23);
    const options = { image, batchSize: 5, augmentation };
    const whole = createTrainingBatches(split, { ...options, start: { seed: 3 } });
    const states: BatchesState[] = [];
    const expected = Array.from({ length: 13 }, () => {
      states.push(JSON.parse(JSON.stringify(whole.state)) as BatchesState);
      return copy(whole.next());
    });
    expect(states.map(({ epoch, position }) => [epoch, position])[5]).toEqual([1, 0]);
    for (const [index, start] of states.entries()) {
      const resumed = createTrainingBatches(split, { ...options, start });
      expect(resumed.state).toEqual(start);
      expect(expected.slice(index).map(() => copy(resumed.next()))).toEqual(expected.slice(index));
    }
  });

  it("gives other batches for another seed, and other attack seeds each step", () => {
    const split = makeSplit(23);
    const first = (seed: number): Batch =>
      createTrainingBatches(split, { image, batchSize: 23, augmentation, start: { seed } }).next();
    expect(first(1).labels).not.toEqual(first(2).labels);
    const batches = createTrainingBatches(split, { image, batchSize: 5, augmentation, start: { seed: 1 } });
    const seeds = Array.from({ length: 50 }, () => batches.next().seed.join());
    expect(new Set(seeds).size).toBe(50);
  });

  it("draws offsets uniformly and mirrors half the images", () => {
    // The bright pixel amid a 9x9 image tells the offsets; the grey one to its right, the flip.
    const lit = new Uint8Array(81);
    lit[4 * 9 + 4] = 255;
    lit[4 * 9 + 5] = 128;
    const draws = 9000;
    const split: Split = { count: 1, images: imagesInMemory(lit, 81), labels: new Uint8Array(1) };
    const batches = createTrainingBatches(split, {
      image: { height: 9, width: 9, channels: 1 },
      batchSize: 1,
      augmentation: { padding: 4, flip: true },
      start: { seed: 11 },
    });
    const rows = new Array<number>(9).fill(0);
    let [visible, mirrored] = [0, 0];
    for (let draw = 0; draw < draws; draw++) {
      const { images } = batches.next();
      const at = images.indexOf(1);
      rows[Math.floor(at / 9)] = (rows[Math.floor(at / 9)] ?? 0) + 1;
      const neighbours = [images[at - 1] ?? 0, images[at + 1] ?? 0];
      if (neighbours.every((value) => value === 0)) continue;
      visible++;
      if ((neighbours[0] ?? 0) > 0) mirrored++;
    }
    const chiSquare = rows.reduce((sum, count) => sum + (count - draws / 9) ** 2 / (draws / 9), 0);
    expect(chiSquare).toBeLessThan(26.1); // 8 degrees of freedom, p = 0.001
    expect(Math.abs(mirrored / visible - 0.5)).toBeLessThan(3.3 * Math.sqrt(0.25 / visible));
  });

  it("keeps a batch intact while the next one is made", () => {
    const batches = createTrainingBatches(makeSplit(23), {
      image,
      batchSize: 5,
      augmentation,
      start: { seed: 3 },
    });
    const first = batches.next();
    const before = copy(first);
    const second = batches.next();
    expect(first).toEqual(before);
    expect(batches.next().images.buffer).toBe(first.images.buffer);
    expect(second.images.buffer).not.toBe(first.images.buffer);
  });

  it("gives the same batches from a file as from memory, also of a part of it", () => {
    const path = join(temporaryFolder(), "train.bin");
    writeFileSync(path, makePixels(23));
    const inMemory = makeSplit(23);
    const inFile: Split = { ...inMemory, images: imagesInFile(path, size) };
    // What is open stays as it was, whatever its name now stands for.
    rmSync(path);
    writeFileSync(path, "another");
    for (const [from, to] of [
      [0, 23],
      [4, 15],
    ] as const) {
      const [one, other] = [inMemory, inFile].map((split) =>
        createTrainingBatches(sliceSplit(split, from, to), {
          image,
          batchSize: 5,
          augmentation,
          start: { seed: 3 },
        }),
      );
      for (let step = 0; step < 12; step++)
        expect(copy(other?.next() as Batch)).toEqual(copy(one?.next() as Batch));
      const [all, others] = [inMemory, inFile].map((split) =>
        imagesAt(
          sliceSplit(split, from, to),
          image,
          Array.from({ length: to - from }, (_, index) => index),
        ),
      );
      expect(others).toEqual(all);
    }
  });

  it.each([0, -8, 2.5, Number.NaN])("refuses a batch size of %s", (batchSize) => {
    expect(() =>
      createTrainingBatches(makeSplit(4), { image, batchSize, augmentation, start: { seed: 1 } }),
    ).toThrow(InputError);
  });

  it("refuses a state that lies beyond the epoch", () => {
    const split = makeSplit(23);
    const { state } = createTrainingBatches(split, { image, batchSize: 5, augmentation, start: { seed: 1 } });
    const start = { ...state, position: 5 };
    expect(() => createTrainingBatches(split, { image, batchSize: 5, augmentation, start })).toThrow(
      InputError,
    );
  });
});

describe("imagesAt", () => {
  it("reads the images of a split in the order asked for, in [0, 1]", () => {
    const places = [6, 0, 3, 3];
    const pixels = makePixels(7);
    expect([...imagesAt(makeSplit(7), image, places)]).toEqual(
      places.flatMap((place) =>
        Array.from(pixels.subarray(place * size, (place + 1) * size), (value) => Math.fround(value / 255)),
      ),
    );
    expect(imagesAt(makeSplit(7), image, [])).toHaveLength(0);
  });
});
