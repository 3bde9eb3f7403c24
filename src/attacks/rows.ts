import { attribute, execute } from "../runtime/kernels.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";

/* Single images of a batch: rows of the first dimension. */

/** The rows at these places, in this order. */
export function rowsOf<T extends Tensor>(tensor: T, places: readonly number[]): T {
  return tf.tidy(() => tf.gather(tensor, tf.tensor1d([...places], "int32")));
}

/** Writes the rows into the host's copy of a batch, at these places of it. */
export function copyRows(tensor: Tensor, places: readonly number[], batch: Float32Array): void {
  const values = tensor.dataSync<"float32">();
  const size = values.length / places.length;
  for (const [row, place] of places.entries())
    batch.set(values.subarray(row * size, (row + 1) * size), place * size);
}

/** For each row that of `whereTrue` or of `whereFalse`. */
export function selectRows<T extends Tensor>(condition: readonly boolean[], whereTrue: T, whereFalse: T): T {
  return tf.tidy(() => {
    const inputs = [tf.tensor1d([...condition], "bool"), whereTrue, whereFalse];
    // Unlike tf.where, which spreads the condition over all elements first, TensorFlow's first Select copies whole rows.
    return execute("Select", [attribute.float32("T")], inputs) as T;
  });
}
