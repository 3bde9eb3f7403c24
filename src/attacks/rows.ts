import { attribute, execute } from "../runtime/kernels.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";

/* Single images of a batch: rows of the first dimension. */

/** The rows at these places, in this order. */
export function rowsOf<T extends Tensor>(tensor: T, places: readonly number[]): T {
  return tf.tidy(() => tf.gather(tensor, tf.tensor1d([...places], "int32")));
}

/** For each row that of `whereTrue` or of `whereFalse`. */
export function selectRows<T extends Tensor>(condition: readonly boolean[], whereTrue: T, whereFalse: T): T {
  return tf.tidy(() => {
    const inputs = [tf.tensor1d([...condition], "bool"), whereTrue, whereFalse];
    // Unlike tf.where, which spreads the condition over all elements first, TensorFlow's first Select copies whole rows.
    return execute("Select", [attribute.float32("T")], inputs) as T;
  });
}
