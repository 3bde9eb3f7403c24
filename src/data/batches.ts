import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { Random, type RandomState } from "../runtime/random.js";
import { augmentInto, drawView, scaled } from "./augmentation.js";
import type { Augmentation } from "./datasets.js";
import { imageBytes } from "./images.js";
import type { Split } from "./store.js";

/** The images and labels of one training step. */
export interface Batch {
  /** `[count, height, width, channels]` in [0, 1]. Reused: valid until the batch after the next is requested. */
  readonly images: Float32Array;
  /** `[count]`, reused in the same way. */
  readonly labels: Int32Array;
  readonly count: number;
  /** Seeds this step's attack noise: two uniform 32-bit integers from the same generator. */
  readonly seed: readonly [number, number];
  readonly epoch: number;
  /** Index within the epoch. */
  readonly step: number;
}

/** A position in the stream of batches, saved in checkpoints; the same state gives the same batches, bit for bit. */
export interface BatchesState {
  readonly epoch: number;
  /** Index of the next batch within its epoch. */
  readonly position: number;
  /** The generator before the epoch's permutation was drawn. */
  readonly epochStart: RandomState;
  /** The generator before the next batch's draws. */
  readonly random: RandomState;
}

/** What the training batches are made of. */
export interface TrainingBatchesOptions {
  readonly image: ImageShape;
  readonly batchSize: number;
  /** null leaves the images as they are. */
  readonly augmentation: Augmentation | null;
  /** A seed to begin with, or a state to go on from. */
  readonly start: { readonly seed: number } | BatchesState;
}

/** An endless stream of batches; the last one of an epoch holds what is left and may be smaller. */
export interface TrainingBatches {
  next(): Batch;
  /** The state before the next batch. */
  readonly state: BatchesState;
  readonly stepsPerEpoch: number;
}

/**
 * Makes shuffled and augmented batches of a split; every image comes once an epoch.
 *
 * A batch's draws come from one generator in a fixed order: the epoch's permutation before its first batch; then for each image the
 * crop's top, its left and the flip; then the two attack seeds.
 *
 * @throws {InputError} if the batch size is not a positive whole number, or the state's position is beyond the epoch.
 */
export function createTrainingBatches(split: Split, options: TrainingBatchesOptions): TrainingBatches {
  const { image, batchSize, augmentation, start } = options;
  if (!Number.isInteger(batchSize) || batchSize < 1)
    throw new InputError("the batch size is wrong", {
      expected: "a whole number, 1 or more",
      found: String(batchSize),
    });
  const size = image.height * image.width * image.channels;
  const stepsPerEpoch = Math.ceil(split.count / batchSize);
  const most = Math.min(batchSize, split.count);
  const buffers = [0, 1].map(() => ({ images: new Float32Array(most * size), labels: new Int32Array(most) }));

  const from = "seed" in start ? beginning(start.seed) : start;
  let { epoch, position, epochStart } = from;
  if (!Number.isInteger(position) || position < 0 || position >= stepsPerEpoch)
    throw new InputError("the saved position in the epoch does not fit this data", {
      expected: `0 to ${stepsPerEpoch - 1}, the steps of an epoch of ${split.count} images`,
      found: String(position),
      fix: "resume with the data set, limit and batch size the run began with",
    });
  let random = Random.fromState(epochStart);
  let order: Int32Array | null = null;
  if (position > 0) {
    order = random.permutation(split.count);
    random = Random.fromState(from.random);
  }
  let turn = 0;

  return {
    stepsPerEpoch,
    get state(): BatchesState {
      return { epoch, position, epochStart, random: random.state };
    },
    next(): Batch {
      order ??= random.permutation(split.count);
      const first = position * batchSize;
      const count = Math.min(batchSize, split.count - first);
      const buffer = buffers[(turn = 1 - turn)] as (typeof buffers)[0];
      for (let index = 0; index < count; index++) {
        const chosen = order[first + index] as number;
        const pixels = split.images.read(chosen, 1);
        const target = buffer.images.subarray(index * size, (index + 1) * size);
        if (augmentation === null) scaled(pixels, target);
        else augmentInto(target, pixels, image, augmentation.padding, drawView(augmentation, random));
        buffer.labels[index] = split.labels[chosen] as number;
      }
      const batch: Batch = {
        images: buffer.images.subarray(0, count * size),
        labels: buffer.labels.subarray(0, count),
        count,
        seed: [random.uint32(), random.uint32()],
        epoch,
        step: position,
      };
      if (++position === stepsPerEpoch) {
        epoch++;
        position = 0;
        epochStart = random.state;
        order = null;
      }
      return batch;
    },
  };
}

function beginning(seed: number): BatchesState {
  const { state } = Random.fromSeed(seed);
  return { epoch: 0, position: 0, epochStart: state, random: state };
}

/** The images of a split at `indexes`, in that order: `[indexes.length, height, width, channels]` in [0, 1]. */
export function imagesAt(split: Split, shape: ImageShape, indexes: readonly number[]): Float32Array {
  const size = imageBytes(shape);
  const images = new Float32Array(indexes.length * size);
  for (const [row, index] of indexes.entries())
    scaled(split.images.read(index, 1), images.subarray(row * size, (row + 1) * size));
  return images;
}
