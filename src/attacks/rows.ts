import { attribute, execute } from "../runtime/kernels.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";

/* A row is one image's part of a tensor whose first dimension counts images. */

/** Tensors by name that have the same rows. */
type RowTensors<T> = Record<keyof T, Tensor>;

/** Gathers the rows at these places, in this order. */
export function rowsOf<T extends Tensor>(tensor: T, places: readonly number[]): T {
  return tf.tidy(() => tf.gather(tensor, tf.tensor1d([...places], "int32")));
}

/** Keeps these rows of each tensor, in ascending order, and disposes of the tensors they are taken from. */
export function keepRows<T extends RowTensors<T>>(tensors: T, rows: readonly number[]): T {
  const kept = { ...tensors };
  for (const name of Object.keys(tensors) as (keyof T)[]) {
    const tensor = tensors[name];
    if (rows.length === tensor.shape[0]) continue;
    kept[name] = rowsOf(tensor, rows);
    tensor.dispose();
  }
  return kept;
}

/** Replaces some of the tensors and disposes of those replaced. */
export function replaced<T extends RowTensors<T>>(tensors: T, changes: Partial<T>): T {
  for (const name of Object.keys(changes) as (keyof T)[]) tensors[name].dispose();
  return { ...tensors, ...changes };
}

/** Writes the rows of a tensor to these places in the host's copy of a batch. */
export function copyRows(tensor: Tensor, places: readonly number[], batch: Float32Array): void {
  const values = tensor.dataSync<"float32">();
  const size = values.length / places.length;
  for (const [row, place] of places.entries())
    batch.set(values.subarray(row * size, (row + 1) * size), place * size);
}

/** Takes each row from `whereTrue` or from `whereFalse`, as its condition says. */
export function selectRows<T extends Tensor>(condition: readonly boolean[], whereTrue: T, whereFalse: T): T {
  return tf.tidy(() => {
    const inputs = [tf.tensor1d([...condition], "bool"), whereTrue, whereFalse];
    // Select copies whole rows; tf.where would first spread the condition over all elements.
    return execute("Select", [attribute.float32("T")], inputs) as T;
  });
}

/** Reads the values of a condition by row and disposes of it. */
export function readBooleans(condition: Tensor): boolean[] {
  const values = Array.from(condition.dataSync(), Boolean);
  condition.dispose();
  return values;
}
