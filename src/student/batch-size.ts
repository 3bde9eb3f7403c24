import type { NamedTensors } from "../runtime/compiled.js";
import { tf, type Tensor } from "../runtime/tensorflow.js";

/** Fewer images than this are not worth a thread of their own: each part prepares the weights anew. */
const FEWEST_ROWS = 4;

/** The size that a batch is filled up to, and into how many parts of equal size it goes. */
export interface BatchSize {
  readonly size: number;
  readonly parts: number;
}

/**
 * The size of a batch whose rows do not depend on each other.
 *
 * @param threads How many parts can run at once.
 * @param rounded Whether batches of sizes that differ little shall have one size.
 */
export function batchSize(count: number, threads: number, rounded: boolean): BatchSize {
  const size = rounded ? roundedSize(count) : count;
  const rows = Math.max(FEWEST_ROWS, Math.ceil(size / threads));
  const parts = Math.max(1, Math.ceil(size / rows));
  return parts === 1 ? { size, parts } : { size: Math.ceil(size / parts) * parts, parts };
}

/** Few sizes, and little to fill. */
function roundedSize(count: number): number {
  const unit = count > 16 ? 8 : 4;
  return Math.ceil(count / unit) * unit;
}

/** Runs a pass on tensors of some rows each, filled up with zeros to `size` rows, and takes those rows of what it makes. */
export function ofSize(
  size: number,
  batch: NamedTensors,
  pass: (batch: NamedTensors) => NamedTensors,
): NamedTensors {
  const count = batch.values().next().value?.shape[0] ?? 0;
  if (size === count) return pass(batch);
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
