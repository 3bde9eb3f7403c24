import { type TensorProto, TensorProto_DataType } from "onnx-buf";

/** The types of numbers with a fraction that are not float32. */
export type OtherFloat =
  TensorProto_DataType.FLOAT16 | TensorProto_DataType.BFLOAT16 | TensorProto_DataType.DOUBLE;

/** Whether a type, as a tensor has it, is one of {@link OtherFloat}. */
export function isOtherFloat(type: number): type is OtherFloat {
  return Object.hasOwn(readers, type);
}

/** What holds a tensor's numbers: `rawData`, or the list that its type has. */
type Numbers = Pick<TensorProto, "rawData"> & Partial<Pick<TensorProto, "int32Data" | "doubleData">>;

/**
 * The bytes of a tensor's numbers in float32. Float16 and bfloat16 lose nothing; float64 is rounded, and numbers that float32 has not
 * become its largest, as an infinity would turn 0 times it into NaN.
 */
export function floatsOf({ dataType, ...numbers }: Numbers & { dataType: number }): Uint8Array<ArrayBuffer> {
  const read = isOtherFloat(dataType) ? readers[dataType] : undefined;
  if (!read) throw new Error(`type ${dataType} is not to be widened`);
  return new Uint8Array(read(numbers).buffer);
}

const readers: Readonly<Record<OtherFloat, (numbers: Numbers) => Float32Array<ArrayBuffer>>> = {
  [TensorProto_DataType.FLOAT16]: (numbers) => Float32Array.from(shortsOf(numbers), float16),
  [TensorProto_DataType.BFLOAT16]: (numbers) =>
    new Float32Array(Uint32Array.from(shortsOf(numbers), (bits) => bits << 16).buffer),
  [TensorProto_DataType.DOUBLE]: ({ rawData, doubleData = [] }) =>
    Float32Array.from(rawData.length > 0 ? new Float64Array(aligned(rawData, 8)) : doubleData, withinFloat32),
};

const LARGEST = (2 - 2 ** -23) * 2 ** 127;

function withinFloat32(value: number): number {
  return Number.isFinite(value) ? Math.min(LARGEST, Math.max(-LARGEST, value)) : value;
}

/** The number that 16 bits are in float16: a sign, five bits of exponent, ten of fraction. */
function float16(bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1;
  const exponent = (bits >> 10) & 31;
  const fraction = bits & 1023;
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN;
  return exponent === 0 ? sign * fraction * 2 ** -24 : sign * (1024 + fraction) * 2 ** (exponent - 25);
}

function shortsOf({ rawData, int32Data = [] }: Numbers): Uint16Array<ArrayBuffer> {
  return rawData.length > 0 ? new Uint16Array(aligned(rawData, 2)) : Uint16Array.from(int32Data);
}

/** A copy, because the bytes need not start at a multiple of the numbers' size; what is left over of a broken tensor is cut off. */
function aligned(bytes: Uint8Array, width: number): ArrayBuffer {
  return Uint8Array.from(bytes.subarray(0, bytes.length - (bytes.length % width))).buffer;
}
