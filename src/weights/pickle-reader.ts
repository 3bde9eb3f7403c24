import type { InputError } from "../errors.js";

/** Longest line of a text opcode: a number or a global's name. */
const MAXIMUM_LINE = 1024;

/** Reads the little-endian fields of a pickle one after another; every read is checked against the end. */
export interface PickleReader {
  readonly position: () => number;
  readonly uint8: () => number;
  readonly uint16: () => number;
  readonly int32: () => number;
  readonly uint32: () => number;
  /** An unsigned 64-bit length that must lie inside the pickle. */
  readonly length64: () => number;
  /** Big-endian, as the pickle format has it. */
  readonly float64: () => number;
  /** A two's complement integer of `length` bytes. */
  readonly integer: (length: number) => bigint;
  readonly bytes: (length: number) => Uint8Array;
  readonly text: (length: number) => string;
  readonly line: () => string;
}

/** Makes a reader of the pickle that begins at `start`; `fail` makes the error for a broken pickle. */
export function pickleReader(
  source: Uint8Array,
  start: number,
  fail: (found: string) => InputError,
): PickleReader {
  const view = new DataView(source.buffer, source.byteOffset, source.byteLength);
  let position = start;

  const advance = (length: number): number => {
    const from = position;
    if (length > source.length - from) throw fail("its pickle ends in the middle of a value");
    position += length;
    return from;
  };
  const bytes = (length: number): Uint8Array => {
    const from = advance(length);
    return source.subarray(from, from + length);
  };

  return {
    position: () => position,
    uint8: () => view.getUint8(advance(1)),
    uint16: () => view.getUint16(advance(2), true),
    int32: () => view.getInt32(advance(4), true),
    uint32: () => view.getUint32(advance(4), true),
    length64: () => Number(view.getBigUint64(advance(8), true)),
    float64: () => view.getFloat64(advance(8), false),
    integer: (length) => {
      if (length > 255) throw fail(`its pickle has an integer of ${length} bytes`);
      const hex = Buffer.from(bytes(length)).reverse().toString("hex");
      return hex === "" ? 0n : BigInt.asIntN(8 * length, BigInt(`0x${hex}`));
    },
    bytes,
    text: (length) => Buffer.from(bytes(length)).toString("utf8"),
    line: () => {
      const end = source.subarray(0, position + MAXIMUM_LINE).indexOf(0x0a, position);
      if (end === -1) throw fail("its pickle has a line without an end");
      const from = advance(end + 1 - position);
      return Buffer.from(source.subarray(from, end)).toString("latin1");
    },
  };
}
