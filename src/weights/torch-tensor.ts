import type { InputError } from "../errors.js";
import type { DType } from "./dtype.js";
import { quoted } from "./source-file.js";

/** A storage named by a PyTorch pickle, or a part of one; sizes and positions in elements. */
export class TorchStorage {
  constructor(
    readonly key: string,
    readonly dtype: DType,
    /** Elements of the whole storage in the file. */
    readonly total: number,
    /** Where this part starts in it. */
    readonly start: number,
    readonly length: number,
  ) {}
}

/** A strided view of a storage, checked to lie inside it; nothing is read yet. */
export class TorchTensor {
  constructor(
    readonly storage: TorchStorage,
    /** Elements from the start of the whole storage. */
    readonly offset: number,
    readonly shape: readonly number[],
    readonly strides: readonly number[],
    /** Number of elements. */
    readonly count: number,
    /** Elements of the storage from the tensor's first to its last. */
    readonly span: number,
  ) {}
}

const MAXIMUM_DIMENSIONS = 8;

/**
 * A tensor as a pickle describes it: `shape` and `strides` over a storage, from `offset`, all in elements.
 *
 * @throws {InputError} made by `fail`, if a number is not valid or an element lies outside the storage.
 */
export function viewStorage(
  storage: TorchStorage,
  offset: unknown,
  shape: unknown,
  strides: unknown,
  fail: (found: string) => InputError,
): TorchTensor {
  const wrong = (what: string): InputError => fail(`a tensor in storage ${quoted(storage.key)} ${what}`);
  if (!isExtents([offset]) || !isExtents(shape) || !isExtents(strides) || shape.length !== strides.length) {
    throw wrong("has no valid offset, shape or strides");
  }
  const count = shape.reduce((product, extent) => product * extent, 1);
  const last = shape.reduce(
    (index, extent, axis) => index + (extent - 1) * (strides[axis] as number),
    offset as number,
  );
  if (!Number.isSafeInteger(count)) throw wrong("has no valid shape");
  if (count === 0 ? (offset as number) > storage.length : !(last < storage.length)) {
    throw wrong(`reaches element ${last} of ${storage.length}`);
  }
  const span = count === 0 ? 0 : last - (offset as number) + 1;
  // Copies: the pickle may go on to change the lists.
  return new TorchTensor(storage, storage.start + (offset as number), [...shape], [...strides], count, span);
}

/**
 * The tensor's values in row-major order.
 *
 * @param values The storage's values from the tensor's first to its last.
 * @returns `values` where the tensor is contiguous, otherwise a new array.
 */
export function gather(
  tensor: Pick<TorchTensor, "shape" | "strides" | "count">,
  values: Float32Array,
): Float32Array {
  const { count } = tensor;
  const axes = tensor.shape
    .map((extent, axis) => ({ extent, stride: tensor.strides[axis] as number }))
    .filter(({ extent }) => extent !== 1);
  if (count === 0 || isContiguous(axes)) return values;

  const gathered = new Float32Array(count);
  const index = axes.map(() => 0);
  for (let target = 0, source = 0; target < count; target++) {
    gathered[target] = values[source] as number;
    for (let axis = axes.length - 1; axis >= 0; axis--) {
      const { extent, stride } = axes[axis] as { extent: number; stride: number };
      const next = (index[axis] as number) + 1;
      index[axis] = next === extent ? 0 : next;
      source += next === extent ? -stride * (extent - 1) : stride;
      if (next < extent) break;
    }
  }
  return gathered;
}

function isContiguous(axes: readonly { extent: number; stride: number }[]): boolean {
  let expected = 1;
  return axes.toReversed().every(({ extent, stride }) => {
    const fits = stride === expected;
    expected *= extent;
    return fits;
  });
}

function isExtents(value: unknown): value is readonly number[] {
  return (
    Array.isArray(value) &&
    value.length <= MAXIMUM_DIMENSIONS &&
    value.every((item: unknown) => typeof item === "number" && Number.isSafeInteger(item) && item >= 0)
  );
}
