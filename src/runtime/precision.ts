/** The arithmetic of a pass: float32 throughout, or bfloat16 between float32 tensors. */
export type Precision = "float32" | "bfloat16";

let current: Precision = "float32";

/** The arithmetic that operations are traced in now. */
export function tracedPrecision(): Precision {
  return current;
}

/**
 * Traces what `work` does in a precision: in bfloat16, the float32 tensors that its operations read are rounded, and what they make stays
 * in bfloat16 until an operation outside reads it. Only functions can do this; operation by operation, `work` runs in float32.
 */
export function inPrecision<Result>(precision: Precision, work: () => Result): Result {
  const before = current;
  current = precision;
  try {
    return work();
  } finally {
    current = before;
  }
}
