import { closeSync, openSync, readSync, realpathSync, statSync } from "node:fs";
import { join, sep } from "node:path";
import { clearField } from "@bufbuild/protobuf";
import { type ModelProto, type TensorProto, TensorProto_DataType, TensorProtoSchema } from "onnx-buf";
import { InputError } from "../errors.js";
import { graphOf, isExternal, parseModel, tensorsOf } from "./model.js";
import { SMALL_TENSOR, type StoredBytes, type StoredModel } from "./stored-model.js";

/** Bits of one element, by its type's name in ONNX. */
const elementBits: Partial<Record<keyof typeof TensorProto_DataType, number>> = {
  FLOAT: 32,
  DOUBLE: 64,
  FLOAT16: 16,
  BFLOAT16: 16,
  INT8: 8,
  INT16: 16,
  INT32: 32,
  INT64: 64,
  UINT8: 8,
  UINT16: 16,
  UINT32: 32,
  UINT64: 64,
  BOOL: 8,
  INT4: 4,
  UINT4: 4,
};

/**
 * Parses a model and finds its tensors that are external data. Small ones are read into the model; the others stay in their files,
 * where only their place and length are checked.
 *
 * @param source What the bytes are called in errors, such as the file's path.
 * @param folder The model's own folder; nothing outside it is read. If it is null, external data are refused.
 * @throws {InputError} if the bytes are not a whole model, a file is not plainly inside the folder, or a tensor is not inside its file
 * or has another length than its shape requires.
 */
export function openStoredModel(bytes: Uint8Array, source: string, folder: string | null): StoredModel {
  const model = parseModel(bytes, source);
  return { model, stored: openExternalData(model, source, folder) };
}

function openExternalData(
  model: ModelProto,
  source: string,
  folder: string | null,
): Map<TensorProto, StoredBytes> {
  const stored = new Map<TensorProto, StoredBytes>();
  const files = new Map<string, DataFile>();
  let [claimed, there] = [0, 0];
  for (const tensor of tensorsOf(graphOf(model))) {
    if (!isExternal(tensor)) continue;
    const fail = (found: string): InputError => unusable(source, `tensor "${tensor.name}" ${found}`);
    if (folder === null) throw fail("is external data");
    const { location, offset, length } = placeOf(tensor, fail);
    let file = files.get(location);
    if (file === undefined) {
      file = openDataFile(folder, location, fail);
      files.set(location, file);
      there += file.size;
    }
    const size = byteLength(tensor, fail);
    if ((length ?? size) !== size)
      throw fail(`has ${String(length)} bytes in ${location} instead of ${size}`);
    if (offset + size > file.size)
      throw fail(`takes bytes ${offset} to ${offset + size} of ${location}, which has ${file.size}`);
    claimed += size;
    if (claimed > there) throw fail(`repeats bytes of ${location} that other tensors have`);
    const { path } = file;
    const read = (): Uint8Array<ArrayBuffer> => readSpan(path, offset, size, fail);
    if (size >= SMALL_TENSOR) stored.set(tensor, { length: size, read });
    else embed(tensor, read());
  }
  return stored;
}

/** The files of external data that a model names, in the order of their first tensors, relative to its folder. */
export function dataFilesOf(model: ModelProto): string[] {
  const locations = [...tensorsOf(graphOf(model))]
    .filter(isExternal)
    .map(({ externalData }) => externalData.find(({ key }) => key === "location")?.value ?? "");
  return [...new Set(locations)];
}

/** Takes tensors whose bytes are no longer those of their file into the model, in place. */
export function embedChanged(before: StoredModel, { stored }: StoredModel): void {
  for (const [tensor, bytes] of stored) if (before.stored.get(tensor) !== bytes) embed(tensor, bytes.read());
}
/** Larger files of weights are on the disk: one that is nearly all holes costs nothing to make, and gigabytes to read. */
const SURELY_STORED = 100e6;
/** The unit of a file's `blocks`. */
const BLOCK = 512;

interface DataFile {
  readonly path: string;
  readonly size: number;
}

type Fail = (found: string) => InputError;

function placeOf(
  { externalData }: TensorProto,
  fail: Fail,
): { location: string; offset: number; length: number | undefined } {
  const value = (key: string): string | undefined => externalData.find((entry) => entry.key === key)?.value;
  const bytes = (key: string): number | undefined => {
    const text = value(key);
    if (text === undefined) return undefined;
    if (!/^\d{1,15}$/.test(text)) throw fail(`has the ${key} ${JSON.stringify(text.slice(0, 40))}`);
    return Number(text);
  };
  const location = value("location");
  if (location === undefined) throw fail("is external data without a location");
  return { location, offset: bytes("offset") ?? 0, length: bytes("length") };
}

function openDataFile(folder: string, location: string, fail: Fail): DataFile {
  const shown = JSON.stringify(location.slice(0, 80));
  const plain =
    location.length <= 1024 &&
    !/[\\:\0]/.test(location) &&
    location.split("/").every((part) => part !== "" && part !== "." && part !== "..");
  if (!plain) throw fail(`is in ${shown}, which is no plain path inside the model's folder`);
  try {
    const path = realpathSync(join(folder, location));
    if (!path.startsWith(realpathSync(folder) + sep))
      throw fail(`is in ${shown}, a link to outside the model's folder`);
    const status = statSync(path);
    if (!status.isFile()) throw fail(`is in ${shown}, which is no file`);
    if (status.size > SURELY_STORED && status.blocks * BLOCK < status.size / 8)
      throw fail(`is in ${shown}, of whose ${status.size} bytes hardly any are stored`);
    return { path, size: status.size };
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    const missing = (cause as NodeJS.ErrnoException).code === "ENOENT";
    throw fail(`is in ${shown}, which ${missing ? "is not there" : "cannot be read"}`);
  }
}

function byteLength({ dims, dataType }: TensorProto, fail: Fail): number {
  const type = TensorProto_DataType[dataType] as keyof typeof TensorProto_DataType | undefined;
  const bits = type === undefined ? undefined : elementBits[type];
  if (bits === undefined) throw fail(`is external data of type ${type ?? dataType}`);
  if (dims.some((extent) => extent < 0n)) throw fail("has no valid shape");
  const size = dims.reduce((product, extent) => product * Number(extent), 1);
  if (!Number.isSafeInteger(size * bits)) throw fail("has no valid shape");
  return Math.ceil((size * bits) / 8);
}

function readSpan(path: string, offset: number, length: number, fail: Fail): Uint8Array<ArrayBuffer> {
  const file = openSync(path, "r");
  try {
    const bytes = new Uint8Array(length);
    for (let done = 0; done < length;) {
      const read = readSync(file, bytes, done, length - done, offset + done);
      if (read === 0) throw fail("became shorter while it was read");
      done += read;
    }
    return bytes;
  } finally {
    closeSync(file);
  }
}

function embed(tensor: TensorProto, bytes: Uint8Array<ArrayBuffer>): void {
  tensor.rawData = bytes;
  tensor.externalData = [];
  clearField(tensor, TensorProtoSchema.field.dataLocation);
}

function unusable(source: string, found: string): InputError {
  return new InputError(`${source} keeps weights in another file, and cannot be read with it`, {
    expected: "every tensor whole, in a file in the model's own folder",
    found,
    fix: "bring the files of its external data along, or save it again as one file",
  });
}
