import type { NamedTensors } from "../runtime/compiled.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";

/** The size that a batch is filled up to: few sizes, and little to fill. */
export function roundedSize(count: number): number {
  const unit = count > 16 ? 8 : 4;
  return Math.ceil(count / unit) * unit;
}

/**
 * Runs a pass that treats every row alone on tensors of `count` rows each, filled up with zeros to a rounded size, and takes those rows
 * of what it makes.
 *
 * @param rounded Whether to do so; if not, the pass gets the tensors as they are.
 */
export function ofRoundedSize(
  rounded: boolean,
  batch: NamedTensors,
  pass: (batch: NamedTensors) => NamedTensors,
): NamedTensors {
  const count = batch.values().next().value?.shape[0] ?? 0;
  const size = roundedSize(count);
  if (!rounded || size === count) return pass(batch);
  const filled = new Map([...batch].map(([name, tensor]) => [name, withRows(tensor, size)]));
  const made = pass(filled);
  const rows = new Map([...made].map(([name, tensor]) => [name, tf.slice(tensor, 0, count)]));
  tf.dispose([...filled.values(), ...made.values()]);
  return rows;
}

function withRows(tensor: Tensor, rows: number): Tensor {
  const [count = 0, ...others] = tensor.shape;
  return tf.pad(tensor, [[0, rows - count], ...others.map((): [number, number] => [0, 0])]);
}
