import type { InputError } from "../errors.js";
import type { FloatDType, IntegerDType } from "./dtype.js";

/** What the header of a `.npy` array says. */
export interface NpyHeader {
  /** Bytes before the array's values. */
  readonly length: number;
  readonly shape: readonly number[];
  /** The type of its numbers; null where it holds something else. */
  readonly dtype: FloatDType | IntegerDType | null;
  /** The characters of each text, where it holds texts (`U`); else null. */
  readonly characters: number | null;
  readonly bigEndian: boolean;
  /** Whether the first axis runs fastest. */
  readonly columnMajor: boolean;
}

/** Longer than the header of any array without named fields; NumPy does not read longer ones either. */
const MAXIMUM_HEADER = 10_000;
const MAXIMUM_DIMENSIONS = 8;

const dtypes: ReadonlyMap<string, FloatDType | IntegerDType> = new Map([
  ["f2", "float16"],
  ["f4", "float32"],
  ["f8", "float64"],
  ["i8", "int64"],
  ["i4", "int32"],
  ["i2", "int16"],
  ["i1", "int8"],
  ["u8", "uint64"],
  ["u4", "uint32"],
  ["u2", "uint16"],
  ["u1", "uint8"],
]);

/** `'key': 'text'`, `'key': True` or `'key': (2, 3)`, and the comma that follows. */
const ENTRY = /\s*(['"])(\w+)\1\s*:\s*(?:(['"])([^'"\\]*)\3|(True|False)|\(([\dL,\s]*)\))\s*(?:,|(?=\}))/y;

/**
 * Reads the header of a `.npy` array: a Python dictionary of `descr`, `fortran_order` and `shape`, in which only plain literals are
 * understood.
 *
 * @param bytes The array's first bytes, with the whole header.
 * @throws {InputError} made by `fail`, if the header is anything else.
 * @see https://numpy.org/doc/stable/reference/generated/numpy.lib.format.html
 */
export function parseNpyHeader(bytes: Uint8Array, fail: (found: string) => InputError): NpyHeader {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  const wide = buffer[6] === 2 || buffer[6] === 3;
  if (buffer.length < 12 || buffer.toString("latin1", 0, 6) !== "\x93NUMPY" || (buffer[6] !== 1 && !wide))
    throw fail("is not an array as NumPy writes it");
  const start = wide ? 12 : 10;
  const length = start + (wide ? buffer.readUInt32LE(8) : buffer.readUInt16LE(8));
  if (length > MAXIMUM_HEADER || length > buffer.length) throw fail(`claims a header of ${length} bytes`);
  const { descr, fortran_order, shape } = entriesOf(buffer.toString("latin1", start, length), fail);
  const type = /^([<>|=])([a-zA-Z]\d*)$/.exec(descr ?? "");
  if (!type || (fortran_order !== "True" && fortran_order !== "False") || shape === undefined)
    throw fail("has a header without a plain type, order and shape");
  return {
    length,
    shape: extentsOf(shape, fail),
    dtype: dtypes.get(type[2] ?? "") ?? null,
    characters: /^U\d{1,6}$/.test(type[2] ?? "") ? Number(type[2]?.slice(1)) : null,
    bigEndian: type[1] === ">",
    columnMajor: fortran_order === "True",
  };
}

/** The dictionary's entries, each value as its text. */
function entriesOf(
  text: string,
  fail: (found: string) => InputError,
): Partial<Record<"descr" | "fortran_order" | "shape", string>> {
  const entries = new Map<string, string>();
  const content = text.trim();
  let position = 1;
  while (content.startsWith("{") && position < content.length - 1) {
    ENTRY.lastIndex = position;
    const match = ENTRY.exec(content);
    const [, , key = "", , name, truth, tuple] = match ?? [];
    const isKnown =
      key === "descr" ? name : key === "fortran_order" ? truth : key === "shape" ? tuple : undefined;
    if (!match || isKnown === undefined || entries.has(key)) break;
    entries.set(key, isKnown);
    position = ENTRY.lastIndex;
    while (content[position] === " ") position++;
  }
  if (entries.size !== 3 || position !== content.length - 1 || content[position] !== "}")
    throw fail("has a header that is not a dictionary of a type, an order and a shape");
  return Object.fromEntries(entries);
}

function extentsOf(tuple: string, fail: (found: string) => InputError): number[] {
  const parts = tuple.split(",").map((part) => part.trim());
  if (parts.at(-1) === "") parts.pop();
  // Python 2 wrote 3L.
  const extents = parts.map((part) => (/^\d{1,15}L?$/.test(part) ? parseInt(part, 10) : NaN));
  const count = extents.reduce((product, extent) => product * extent, 1);
  if (extents.length > MAXIMUM_DIMENSIONS || !Number.isSafeInteger(count)) throw fail("has no valid shape");
  return extents;
}
