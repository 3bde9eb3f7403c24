import * as z from "zod";
import { InputError, WorkError } from "../errors.js";
import type { HostTensor } from "../graph/parameters.js";
import { type DType, elementSizes, isFloat, toFloat32 } from "./dtype.js";
import { CHECKSUM, checkChecksum, NO_CHECKSUM, sealHeader, withoutChecksum } from "./safetensors-checksum.js";
import { type SourceFile, damagedFile, quoted, withSourceFile } from "./source-file.js";

/** A tensor as it lies in the file: little-endian, row-major. */
export interface SafeTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly bytes: Uint8Array<ArrayBuffer>;
}

/** A tensor that stays in the file until it is read. */
export interface StoredSafeTensor {
  readonly dtype: DType;
  readonly shape: readonly number[];
  /** Its bytes, in a buffer of their own. */
  readonly read: () => Uint8Array<ArrayBuffer>;
}

/** The tensors of a file, in the order of their bytes in it. */
export interface Safetensors<Tensor = SafeTensor> {
  readonly metadata: Readonly<Record<string, string>>;
  readonly tensors: ReadonlyMap<string, Tensor>;
}

const MAXIMUM_HEADER_BYTES = 16 * 2 ** 20;

const dtypes: ReadonlyMap<string, DType> = new Map<string, DType>([
  ["F64", "float64"],
  ["F32", "float32"],
  ["F16", "float16"],
  ["BF16", "bfloat16"],
  ["I64", "int64"],
  ["I32", "int32"],
  ["I16", "int16"],
  ["I8", "int8"],
  ["U8", "uint8"],
  ["BOOL", "bool"],
]);

const extent = z.int().nonnegative();
const entrySchema = z.strictObject({
  dtype: z.string(),
  shape: z.array(extent).max(64),
  data_offsets: z.tuple([extent, extent]),
});
const metadataSchema = z.record(z.string(), z.string());

/**
 * Reads a safetensors file with all its tensors.
 *
 * @throws {InputError} if there is no such file, or its header and its data do not fit each other exactly.
 * @see https://huggingface.co/docs/safetensors, section "Format"
 */
export function readSafetensors(path: string): Promise<Safetensors> {
  return withSourceFile(path, (file) => {
    const { metadata, tensors } = openSafetensors(file);
    return {
      metadata,
      tensors: new Map(
        [...tensors].map(([name, { dtype, shape, read }]) => [name, { dtype, shape, bytes: read() }]),
      ),
    };
  });
}

/** Like {@link readSafetensors}, but for an open file, which stays open while its tensors are read. A checksum in it is checked at once. */
export function openSafetensors(file: SourceFile): Safetensors<StoredSafeTensor> {
  const { path } = file;
  const headerLength = Number(new DataView(file.bytes(0, 8).buffer).getBigUint64(0, true));
  if (headerLength > MAXIMUM_HEADER_BYTES) {
    throw damagedFile(path, `it claims a header of ${headerLength} bytes`);
  }
  const { metadata, entries } = parseHeader(Buffer.from(file.bytes(8, headerLength)).toString("utf8"), path);
  const start = 8 + headerLength;
  checkCoverage(entries, file.size - start, path);
  checkChecksum(file, start, metadata);
  const tensors = new Map<string, StoredSafeTensor>();
  for (const { name, dtype, shape, begin, end } of entries) {
    tensors.set(name, { dtype, shape, read: () => file.bytes(start + begin, end - begin) });
  }
  return { metadata: withoutChecksum(metadata), tensors };
}

/**
 * A tensor's values as float32, row-major.
 *
 * @returns A view of the tensor's bytes where they are float32 and aligned, otherwise a new array.
 * @throws {InputError} if its type is not a floating-point one.
 */
export function float32Values(tensor: SafeTensor): Float32Array {
  if (!isFloat(tensor.dtype)) {
    throw new InputError("a tensor of integers where weights belong", {
      expected: "floating point",
      found: tensor.dtype,
    });
  }
  return toFloat32(tensor.bytes, tensor.dtype);
}

/**
 * A safetensors file of float32 tensors, in the order given, as pieces to be written one after another: the header, then each tensor's
 * own memory, not copied. Its checksum is added to the metadata.
 *
 * @throws {WorkError} if a name occurs twice, or a tensor's data does not fill its shape.
 */
export function encodeSafetensors(
  tensors: Iterable<readonly [name: string, tensor: HostTensor]>,
  metadata: Readonly<Record<string, string>> = {},
): Uint8Array[] {
  const fields = new Map<string, object>();
  fields.set("__metadata__", { [CHECKSUM]: NO_CHECKSUM, ...withoutChecksum(metadata) });
  const pieces: Uint8Array[] = [];
  let end = 0;
  for (const [name, { shape, data }] of tensors) {
    if (fields.has(name) || name === "__metadata__")
      throw new WorkError(`two tensors are called ${quoted(name)}`);
    if (data.length !== shape.reduce((product, size) => product * size, 1)) {
      throw new WorkError(`tensor ${quoted(name)} of shape [${shape.join(", ")}] has ${data.length} values`);
    }
    const begin = end;
    end += data.byteLength;
    fields.set(name, { dtype: "F32", shape, data_offsets: [begin, end] });
    pieces.push(new Uint8Array(data.buffer, data.byteOffset, data.byteLength));
  }
  const header = encodeHeader(fields);
  sealHeader([header, ...pieces]);
  return [header, ...pieces];
}

/** The header's length and its JSON, padded with spaces so that the data starts at a multiple of 8. */
function encodeHeader(fields: ReadonlyMap<string, object>): Buffer {
  const text = [...fields]
    .map(([name, field]) => `${JSON.stringify(name)}:${JSON.stringify(field)}`)
    .join(",");
  const json = Buffer.from(`{${text}}`);
  const header = Buffer.alloc(8 + Math.ceil(json.length / 8) * 8, " ");
  header.writeBigUInt64LE(BigInt(header.length - 8));
  json.copy(header, 8);
  return header;
}

interface HeaderEntry {
  readonly name: string;
  readonly dtype: DType;
  readonly shape: readonly number[];
  readonly begin: number;
  readonly end: number;
}

function parseHeader(
  text: string,
  path: string,
): { metadata: Record<string, string>; entries: HeaderEntry[] } {
  let parsed: unknown;
  try {
    parsed = JSON.parse(text);
  } catch (cause) {
    throw damagedFile(path, `its header is not JSON: ${quoted((cause as Error).message)}`);
  }
  if (typeof parsed !== "object" || parsed === null || Array.isArray(parsed)) {
    throw damagedFile(path, "its header is not a JSON object");
  }
  const repeated = repeatedKey(text);
  if (repeated !== undefined) throw damagedFile(path, `its header names ${quoted(repeated)} twice`);

  let metadata: Record<string, string> = {};
  const entries: HeaderEntry[] = [];
  for (const [name, value] of Object.entries(parsed)) {
    if (name === "__metadata__") {
      const result = metadataSchema.safeParse(value);
      if (!result.success) throw damagedFile(path, "its metadata is not a table of texts");
      metadata = result.data;
    } else {
      entries.push(parseEntry(name, value, path));
    }
  }
  return { metadata, entries: entries.sort((a, b) => a.begin - b.begin || a.end - b.end) };
}

function parseEntry(name: string, value: unknown, path: string): HeaderEntry {
  const result = entrySchema.safeParse(value);
  if (!result.success) throw damagedFile(path, `tensor ${quoted(name)} has no valid type, shape and offsets`);
  const { shape, data_offsets } = result.data;
  const dtype = dtypes.get(result.data.dtype);
  if (dtype === undefined) {
    throw new InputError(`${path} has a tensor of a type that mtard does not read`, {
      expected: [...dtypes.keys()].join(", "),
      found: `${quoted(name)} is ${quoted(result.data.dtype)}`,
    });
  }
  const [begin, end] = data_offsets;
  const size = elementSizes[dtype] * shape.reduce((product, length) => product * length, 1);
  if (end - begin !== size) {
    throw damagedFile(path, `tensor ${quoted(name)} needs ${size} bytes and has ${end - begin}`);
  }
  return { name, dtype, shape, begin, end };
}

/** The tensors, sorted by position, must fill the data exactly, without a gap or an overlap. */
function checkCoverage(entries: readonly HeaderEntry[], length: number, path: string): void {
  let position = 0;
  for (const { begin, end } of entries) {
    if (begin !== position)
      throw damagedFile(path, `its tensors leave a gap or overlap at byte ${position} of the data`);
    position = end;
  }
  if (position !== length)
    throw damagedFile(path, `its tensors take ${position} bytes and its data has ${length}`);
}

/** The first key that a valid JSON object has twice at its top level, which `JSON.parse` would pass over. */
function repeatedKey(text: string): string | undefined {
  const keys = new Set<string>();
  let depth = 0;
  for (let at = 0; at < text.length; at++) {
    const character = text[at];
    if (character === "{" || character === "[") depth++;
    else if (character === "}" || character === "]") depth--;
    if (character !== '"') continue;
    const end = endOfString(text, at);
    if (depth === 1 && isKey(text, end + 1)) {
      const key = JSON.parse(text.slice(at, end + 1)) as string;
      if (keys.has(key)) return key;
      keys.add(key);
    }
    at = end;
  }
  return undefined;
}

/** Whether the text before `at` is a key: a colon follows, after JSON's white space. */
function isKey(text: string, at: number): boolean {
  let next = at;
  while (" \t\n\r".includes(text[next] ?? "x")) next++;
  return text[next] === ":";
}

/** Where the text that begins with the quotation mark at `start` has its last one; a loop, as a pattern would need the stack. */
function endOfString(text: string, start: number): number {
  let at = start + 1;
  while (at < text.length && text[at] !== '"') at += text[at] === "\\" ? 2 : 1;
  return at;
}
