/** The element types of tensors in files, with their size in bytes. */
export const elementSizes = {
  float64: 8,
  float32: 4,
  float16: 2,
  bfloat16: 2,
  int64: 8,
  int32: 4,
  int16: 2,
  int8: 1,
  uint64: 8,
  uint32: 4,
  uint16: 2,
  uint8: 1,
  bool: 1,
} as const;

export type DType = keyof typeof elementSizes;
export type FloatDType = "float64" | "float32" | "float16" | "bfloat16";

export type IntegerDType = "int64" | "int32" | "int16" | "int8" | "uint64" | "uint32" | "uint16" | "uint8";

/** Whether values of this type can be weights. */
export function isFloat(dtype: DType): dtype is FloatDType {
  return dtype === "float32" || dtype === "float16" || dtype === "bfloat16" || dtype === "float64";
}

/**
 * Little-endian floating-point bytes as float32: float16 and bfloat16 exactly, float64 rounded to nearest.
 *
 * @returns For float32 a view of `bytes` where alignment allows, otherwise a new array.
 */
export function toFloat32(bytes: Uint8Array<ArrayBuffer>, dtype: FloatDType): Float32Array<ArrayBuffer> {
  const { buffer, byteOffset, count } = elementsIn(bytes, dtype);
  switch (dtype) {
    case "float32":
      return new Float32Array(buffer, byteOffset, count);
    case "float64":
      return new Float32Array(new Float64Array(buffer, byteOffset, count));
    case "float16":
      return halvesToFloats(new Uint16Array(buffer, byteOffset, count));
    case "bfloat16":
      return new Float32Array(
        new Uint32Array(new Uint16Array(buffer, byteOffset, count)).map((bits) => bits << 16).buffer,
      );
  }
}

/** Little-endian integers as float32, which is exact up to 2^24. */
export function integersToFloat32(bytes: Uint8Array<ArrayBuffer>, dtype: IntegerDType): Float32Array {
  const { buffer, byteOffset, count } = elementsIn(bytes, dtype);
  switch (dtype) {
    case "int64":
      return Float32Array.from(new BigInt64Array(buffer, byteOffset, count), Number);
    case "int32":
      return Float32Array.from(new Int32Array(buffer, byteOffset, count));
    case "int16":
      return Float32Array.from(new Int16Array(buffer, byteOffset, count));
    case "int8":
      return Float32Array.from(new Int8Array(buffer, byteOffset, count));
    case "uint64":
      return Float32Array.from(new BigUint64Array(buffer, byteOffset, count), Number);
    case "uint32":
      return Float32Array.from(new Uint32Array(buffer, byteOffset, count));
    case "uint16":
      return Float32Array.from(new Uint16Array(buffer, byteOffset, count));
    case "uint8":
      return Float32Array.from(new Uint8Array(buffer, byteOffset, count));
  }
}

/** Where the elements of `bytes` begin, and how many there are; bytes that are not aligned for a typed array are copied. */
function elementsIn(
  bytes: Uint8Array<ArrayBuffer>,
  dtype: DType,
): { buffer: ArrayBuffer; byteOffset: number; count: number } {
  const size = elementSizes[dtype];
  const { buffer, byteOffset } = bytes.byteOffset % size === 0 ? bytes : new Uint8Array(bytes);
  return { buffer, byteOffset, count: Math.floor(bytes.length / size) };
}

/** The value of every float16, made when the first one is read. */
let halfValues: Float32Array | undefined;

function halvesToFloats(halves: Uint16Array): Float32Array<ArrayBuffer> {
  halfValues ??= Float32Array.from({ length: 2 ** 16 }, (_, bits) => halfToFloat(bits));
  const floats = new Float32Array(halves.length);
  for (let index = 0; index < halves.length; index++) {
    floats[index] = halfValues[halves[index] as number] as number;
  }
  return floats;
}

/** The value of a float16 from its 16 bits. */
function halfToFloat(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >>> 10) & 0x1f;
  const fraction = bits & 0x3ff;
  if (exponent === 0x1f) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1 + fraction / 1024) * 2 ** (exponent - 15);
}
