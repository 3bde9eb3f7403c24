import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { constants, crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import { type InputError, WorkError } from "../errors.js";
import type { StoredTensor } from "../graph/parameters.js";
import {
  elementSizes,
  type FloatDType,
  type IntegerDType,
  integersToFloat32,
  isFloat,
  toFloat32,
} from "./dtype.js";
import { type NpyHeader, parseNpyHeader } from "./npy.js";
import { type SourceFile, damagedFile, quoted } from "./source-file.js";
import { gather } from "./torch-tensor.js";
import { encodeZip } from "./zip-writer.js";
import type { ZipMember } from "./zip.js";

/** A floating-point array that stays where it is stored until it is read. */
export interface StoredFloats extends StoredTensor {
  /**
   * Its values for the first `count` of its first axis; what comes after them is not unpacked, and not checked either. An array whose
   * first axis runs fastest is read whole.
   */
  readonly readFirst: (count: number) => Promise<Float32Array>;
}

/** An integer array that stays where it is stored until it is read. */
export interface StoredIntegers extends StoredTensor {
  /** Its bytes as they are, row-major, where they are uint8; else null. */
  readonly readBytes: (() => Uint8Array<ArrayBuffer>) | null;
}

/** An array of texts. */
export interface StoredTexts {
  readonly shape: readonly number[];
  readonly read: () => string[];
}

/** The arrays of an npz file. */
export interface NpzFile {
  /** The floating-point arrays, by name. */
  readonly tensors: ReadonlyMap<string, StoredFloats>;
  /** The integer arrays, by name, read as float32. */
  readonly integers: ReadonlyMap<string, StoredIntegers>;
  /** The arrays of texts, by name. */
  readonly texts: ReadonlyMap<string, StoredTexts>;
  /** The names of all arrays that are not floating-point, integers included. */
  readonly others: readonly string[];
}

/** Compression shrinks weights by a tenth; an archive that claims to unpack to this many times its size is made to fill the memory. */
const MAXIMUM_EXPANSION = 64;
const SPARE_BYTES = 2 ** 24;
/** Enough packed bytes to unpack a header from. */
const PACKED_HEADER = 1024;
const HEADER = 10_000;
/** Packed bytes that are unpacked at a time. */
const PACKED_PIECE = 2 ** 16;
/** Larger members are unpacked into one piece of memory, as putting pieces together would take the size twice. */
const MANY_PIECES = 2 ** 20;

/** Whether a zip archive's members are those of an npz file. */
export function isNpz(members: ReadonlyMap<string, ZipMember>): boolean {
  return members.size > 0 && [...members.keys()].every((name) => name.endsWith(".npy"));
}

/**
 * The arrays of an npz file (`numpy.savez`, `numpy.savez_compressed`), each read from the file when asked for: float16, float32,
 * float64 and integers of either byte order and memory order.
 *
 * @throws {InputError} if a member is not a plain array, is packed in a way that NumPy does not use, or the archive claims to unpack to
 * many times its size; reading a tensor throws it if its bytes fail their checksum.
 */
export function openNpz(file: SourceFile, members: ReadonlyMap<string, ZipMember>): NpzFile {
  const total = [...members.values()].reduce((sum, { size }) => sum + size, 0);
  if (total > file.size * MAXIMUM_EXPANSION + SPARE_BYTES)
    throw damagedFile(file.path, `the archive claims to unpack to ${total} bytes, from ${file.size}`);
  const found = emptyNpz();
  for (const [path, member] of members) {
    const fail = (problem: string): InputError => damagedFile(file.path, `${quoted(path)} ${problem}`);
    if (member.packing === "other") throw fail("is encrypted, or packed in a way that NumPy does not use");
    addArray(found, path.slice(0, -".npy".length), file, member, fail);
  }
  return found;
}

/**
 * The one array of an npy file (`numpy.save`), as an npz file of that array alone.
 *
 * @throws {InputError} if it is not a plain array; reading a tensor throws it if the file has become shorter.
 */
export function openNpy(file: SourceFile, name: string): NpzFile {
  const found = emptyNpz();
  const whole = {
    start: 0,
    storedSize: file.size,
    size: file.size,
    packing: "stored",
    checksum: null,
  } as const;
  addArray(found, name, file, whole, (problem) => damagedFile(file.path, problem));
  return found;
}

interface FoundArrays extends NpzFile {
  readonly tensors: Map<string, StoredFloats>;
  readonly integers: Map<string, StoredIntegers>;
  readonly texts: Map<string, StoredTexts>;
  readonly others: string[];
}

function emptyNpz(): FoundArrays {
  return { tensors: new Map(), integers: new Map(), texts: new Map(), others: [] };
}

/** A member of a zip archive, or a whole file, which has no checksum. */
type Stored = Omit<ZipMember, "checksum"> & { readonly checksum: number | null };

function addArray(
  { tensors, integers, texts, others }: FoundArrays,
  name: string,
  file: SourceFile,
  member: Stored,
  fail: (problem: string) => InputError,
): void {
  const header = parseNpyHeader(firstBytes(file, member, fail), fail);
  const { dtype, shape, characters, columnMajor } = header;
  if (dtype === null || !isFloat(dtype)) others.push(name);
  if (dtype === null && characters === null) return;
  const count = shape.reduce((product, extent) => product * extent, 1);
  const expected = header.length + count * (dtype === null ? 4 * (characters ?? 0) : elementSizes[dtype]);
  if (expected !== member.size) throw fail(`has ${member.size} bytes instead of ${expected}`);
  const bytes = (): Uint8Array<ArrayBuffer> => memberBytes(file, member, fail);
  if (dtype === null) {
    texts.set(name, { shape, read: () => textsOf(bytes(), header, count) });
    return;
  }
  const read = (): Float32Array => valuesOf(bytes(), header, dtype, count);
  if (isFloat(dtype)) {
    const readFirst = async (rows: number): Promise<Float32Array> => {
      const wanted = rows * (count / Math.max(1, shape[0] ?? 1));
      if (wanted >= count) return read();
      if (columnMajor) return read().subarray(0, wanted);
      const length = header.length + wanted * elementSizes[dtype];
      const first = { ...header, shape: [rows, ...shape.slice(1)] };
      return valuesOf(await firstOfMember(file, member, length, fail), first, dtype, wanted);
    };
    tensors.set(name, { shape, read, readFirst });
    return;
  }
  const plain = (): Uint8Array<ArrayBuffer> =>
    columnMajor ? Uint8Array.from(read()) : bytes().subarray(header.length);
  integers.set(name, { shape, read, readBytes: dtype === "uint8" ? plain : null });
}

/** Texts of UTF-32, each filled up with zeros. */
function textsOf(
  bytes: Uint8Array<ArrayBuffer>,
  { length, characters, bigEndian }: NpyHeader,
  count: number,
): string[] {
  const view = new DataView(bytes.buffer, bytes.byteOffset + length);
  const width = characters ?? 0;
  return Array.from({ length: count }, (_, index) =>
    Array.from({ length: width }, (__, at) => view.getUint32(4 * (index * width + at), !bigEndian))
      .filter((code) => code > 0 && code <= 0x10ffff)
      .map((code) => String.fromCodePoint(code))
      .join(""),
  );
}

/**
 * An npz file of float32 arrays in the order given, as pieces to be written one after another; each tensor is read when its turn comes.
 *
 * @throws {WorkError} if a name occurs twice, a tensor's values do not fill its shape, or the file would pass 4 GiB.
 */
export function* encodeNpz(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
): Generator<Uint8Array> {
  yield* encodeZip(arrays(tensors));
}

function* arrays(
  tensors: Iterable<readonly [name: string, tensor: StoredTensor]>,
): Generator<{ readonly name: string; readonly pieces: readonly Uint8Array[] }> {
  for (const [name, { shape, read }] of tensors) {
    const data = read();
    if (data.length !== shape.reduce((product, extent) => product * extent, 1))
      throw new WorkError(`tensor ${quoted(name)} of shape [${shape.join(", ")}] has ${data.length} values`);
    const values = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
    yield { name: `${name}.npy`, pieces: [encodeHeader(shape), values] };
  }
}

/** The header of a row-major float32 array, padded so that the values start at a multiple of 64. */
function encodeHeader(shape: readonly number[]): Uint8Array {
  const tuple = shape.length === 1 ? `${shape.join()},` : shape.join(", ");
  const text = `{'descr': '<f4', 'fortran_order': False, 'shape': (${tuple}), }`;
  const header = Buffer.alloc(Math.ceil((10 + text.length + 1) / 64) * 64, " ");
  header.write("\x93NUMPY\x01\x00", "latin1");
  header.writeUInt16LE(header.length - 10, 8);
  header.write(text, 10);
  header.write("\n", header.length - 1);
  return header;
}

function firstBytes(file: SourceFile, member: Stored, fail: (found: string) => InputError): Uint8Array {
  const { start, storedSize, size, packing } = member;
  if (packing === "stored") return file.bytes(start, Math.min(size, storedSize, HEADER));
  return unpack(file.bytes(start, Math.min(storedSize, PACKED_HEADER)), size, fail);
}

/** Reads a whole member and checks its size and, where it has one, its CRC-32. */
function memberBytes(
  file: SourceFile,
  { start, storedSize, size, packing, checksum }: Stored,
  fail: (found: string) => InputError,
): Uint8Array<ArrayBuffer> {
  const stored = file.bytes(start, storedSize);
  const bytes = packing === "stored" ? stored : unpack(stored, size, fail);
  if (bytes.length !== size) throw fail(`has ${bytes.length} bytes instead of ${size}`);
  if (checksum !== null && crc32(bytes) !== checksum) throw fail("fails its checksum");
  return bytes;
}

/** The first `length` bytes of a member, unchecked; no more than a piece beyond them is unpacked. */
async function firstOfMember(
  file: SourceFile,
  { start, storedSize, packing }: Stored,
  length: number,
  fail: (found: string) => InputError,
): Promise<Uint8Array<ArrayBuffer>> {
  if (packing === "stored") return file.bytes(start, Math.min(length, storedSize));
  const bytes = new Uint8Array(length);
  let done = 0;
  function* packed(): Generator<Uint8Array> {
    for (let at = 0; at < storedSize; at += PACKED_PIECE)
      yield file.bytes(start + at, Math.min(PACKED_PIECE, storedSize - at));
  }
  const inflate = createInflateRaw();
  try {
    await pipeline(Readable.from(packed()), inflate, async (pieces: AsyncIterable<Uint8Array>) => {
      for await (const piece of pieces) {
        const wanted = piece.subarray(0, length - done);
        bytes.set(wanted, done);
        done += wanted.length;
        if (done === length) break;
      }
    });
  } catch (cause) {
    // A stream that is left early may say so.
    if (done < length) throw fail(`cannot be unpacked: ${(cause as Error).message}`);
  }
  if (done < length) throw fail(`has ${done} bytes instead of at least ${length}`);
  return bytes;
}

/** Unpacks deflated bytes, or the first part of them, to at most `size` bytes. */
function unpack(
  packed: Uint8Array,
  size: number,
  fail: (found: string) => InputError,
): Uint8Array<ArrayBuffer> {
  try {
    return inflateRawSync(packed, {
      maxOutputLength: Math.max(size, 1),
      ...(size > MANY_PIECES && packed.length > PACKED_HEADER ? { chunkSize: size + 64 } : {}),
      finishFlush: constants.Z_SYNC_FLUSH,
    });
  } catch (cause) {
    throw fail(`cannot be unpacked: ${(cause as Error).message}`);
  }
}

function valuesOf(
  bytes: Uint8Array<ArrayBuffer>,
  { length, shape, bigEndian, columnMajor }: NpyHeader,
  dtype: FloatDType | IntegerDType,
  count: number,
): Float32Array {
  const values = bytes.subarray(length);
  if (bigEndian) swapBytes(values, elementSizes[dtype]);
  const floats = isFloat(dtype) ? toFloat32(values, dtype) : integersToFloat32(values, dtype);
  if (!columnMajor) return floats;
  const strides = shape.map((_, axis) =>
    shape.slice(0, axis).reduce((product, extent) => product * extent, 1),
  );
  return gather({ shape, strides, count }, floats);
}

function swapBytes(bytes: Uint8Array, elementSize: number): void {
  const buffer = Buffer.from(bytes.buffer, bytes.byteOffset, bytes.length);
  if (elementSize === 1) return;
  if (elementSize === 2) buffer.swap16();
  else if (elementSize === 4) buffer.swap32();
  else buffer.swap64();
}
