import { imagesAt } from "../data/batches.js";
import type { DatasetDescription } from "../data/datasets.js";
import type { Split } from "../data/store.js";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import type { MeasurementKey } from "./key.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";

/** Labelled images that can be read by position. */
export interface ImageSource {
  readonly shape: ImageShape;
  readonly count: number;
  readonly labels: ArrayLike<number>;
  /** `[indexes.length, height, width, channels]` in [0, 1]. */
  read(indexes: readonly number[]): Float32Array;
}

/** Images to measure a model on, with a fingerprint of their data set. */
export interface MeasuredImages extends ImageSource {
  /** The SHA-256 of the data set's store. */
  readonly fingerprint: string;
  /** What was done to the images; absent for the images as they are. */
  readonly corruption?: MeasurementKey["corruption"];
}

/** The first images of a split of a data set; all unless `count` says less. */
export function imagesOf(
  split: Split,
  { image: shape }: Pick<DatasetDescription, "image">,
  fingerprint: string,
  count = split.count,
): MeasuredImages {
  const first = Math.min(count, split.count);
  const labels = split.labels.subarray(0, first);
  return { shape, count: first, labels, fingerprint, read: (indexes) => imagesAt(split, shape, indexes) };
}

/** Makes a tensor of images that were read from a source; the caller disposes of it. */
export function imageTensor({ height, width, channels }: ImageShape, values: Float32Array): Tensor4D {
  return tf.tensor4d(values, [values.length / (height * width * channels), height, width, channels]);
}

/** @throws {InputError} if a label is not a whole number from 0 to `classes` - 1. */
export function requireLabels({ labels, count }: ImageSource, classes: number): void {
  for (let index = 0; index < count; index++) {
    const label = labels[index] as number;
    if (Number.isInteger(label) && label >= 0 && label < classes) continue;
    throw new InputError(`image ${index} has a label that is no class of the model`, {
      expected: `a whole number from 0 to ${classes - 1}`,
      found: String(label),
      fix: "give the data set the model was made for, or prepare it again with mtard data --force",
    });
  }
}
