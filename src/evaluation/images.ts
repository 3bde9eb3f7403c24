import { imagesAt } from "../data/batches.js";
import type { Split } from "../data/store.js";
import type { ImageShape } from "../graph/network.js";
import { tf, type Tensor4D } from "../runtime/tensorflow.js";

/** Labelled images that can be read by position. */
export interface ImageSource {
  readonly shape: ImageShape;
  readonly count: number;
  readonly labels: ArrayLike<number>;
  /** `[indexes.length, height, width, channels]` in [0, 1]. */
  read(indexes: readonly number[]): Float32Array;
}

/** A split of a data set as images to attack. */
export function sourceOf(split: Split, shape: ImageShape): ImageSource {
  const { count, labels } = split;
  return { shape, count, labels, read: (indexes) => imagesAt(split, shape, indexes) };
}

/** Images that were read from a source, as a tensor the caller disposes of. */
export function imageTensor({ height, width, channels }: ImageShape, values: Float32Array): Tensor4D {
  return tf.tensor4d(values, [values.length / (height * width * channels), height, width, channels]);
}
