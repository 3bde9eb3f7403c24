import { TensorProto_DataType } from "onnx-buf";
import { describe, expect, it } from "vitest";
import { roundToFloat16 } from "#mtard/onnx/float16.js";
import { floatsOf } from "#mtard/onnx/widen.js";

const bitsOf = (...values: number[]): number[] | null => {
  const bits = roundToFloat16(Float32Array.from(values));
  return bits && [...bits];
};

describe("rounding to float16", () => {
  // numpy: np.array([...], np.float32).astype(np.float16).view(np.uint16)
  it.each([
    [0, 0x0000],
    [-0, 0x8000],
    [1, 0x3c00],
    [-2, 0xc000],
    [0.1, 0x2e66],
    [1 / 3, 0x3555],
    [1 + 2 ** -11, 0x3c00], // a tie: to even, below
    [1 + 3 * 2 ** -11, 0x3c02], // a tie: to even, above
    [2047.5, 0x6800], // into the next exponent
    [65504, 0x7bff],
    [65519, 0x7bff],
    [2 ** -14, 0x0400],
    [0.9999 * 2 ** -14, 0x0400],
    [5.1e-5, 0x0358],
    [-(2 ** -24), 0x8001],
    [2 ** -25, 0x0000],
    [1.5 * 2 ** -24, 0x0002],
    [2.9e-8, 0x0000],
    [Infinity, 0x7c00],
    [-Infinity, 0xfc00],
    [NaN, 0x7e00],
  ])("makes %d %i", (value, bits) => {
    expect(bitsOf(value)).toEqual([bits]);
  });

  it("refuses finite numbers that would become infinite", () => {
    expect(bitsOf(1, 65520)).toBeNull();
    expect(bitsOf(-1e30)).toBeNull();
  });

  it("keeps every number that float16 has", () => {
    const all = Uint16Array.from({ length: 0x7c00 }, (_, index) => index);
    const numbers = floatsOf({ dataType: TensorProto_DataType.FLOAT16, rawData: new Uint8Array(all.buffer) });
    expect(roundToFloat16(new Float32Array(numbers.buffer))).toEqual(all);
  });
});
