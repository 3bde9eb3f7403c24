import { closeSync, openSync, readSync, statSync } from "node:fs";
import { InputError, WorkError } from "../errors.js";
import { gunzip, isGzip } from "../files/gzip.js";
import { requireRegularFile } from "../files/kind.js";
import { meaningOf } from "../files/system-error.js";

/** A file open for reading by position; nothing beyond its end can be asked for. */
export interface SourceFile {
  readonly path: string;
  readonly size: number;
  /**
   * A fresh copy of `length` bytes from `offset`, in a buffer of its own.
   *
   * @throws {InputError} if they are not all inside the file.
   */
  readonly bytes: (offset: number, length: number) => Uint8Array<ArrayBuffer>;
}

/** Larger pieces than this would not fit one typed array on every Node that runs mtard. */
const MAXIMUM_PIECE = 2 ** 32 - 1;
/** One `read` call of the operating system takes no more. */
const MAXIMUM_READ = 2 ** 30;

/**
 * Opens a file, hands it to `use`, and closes it whatever happens. Of a gzip file, the file inside is handed over, from memory.
 *
 * @throws {InputError} if there is no such file, it cannot be read, or it is empty, a folder or a device.
 */
export async function withSourceFile<T>(path: string, use: (file: SourceFile) => T | Promise<T>): Promise<T> {
  const { file, close } = openSourceFile(path);
  try {
    return await use(file);
  } finally {
    close();
  }
}

/** Opens a file as {@link withSourceFile} does, for a caller that closes it himself. */
export function openSourceFile(path: string): { readonly file: SourceFile; readonly close: () => void } {
  const { descriptor, size } = open(path);
  let closed = false;
  const close = (): void => {
    closed = true;
    closeSync(descriptor);
  };
  const bytes: SourceFile["bytes"] = (offset, length) => {
    // The descriptor may be another file's by now.
    if (closed) throw new Error(`${path} is read after it was closed`);
    return readPiece(descriptor, path, size, offset, length);
  };
  try {
    const file = isGzip(bytes(0, Math.min(size, 2)))
      ? inMemory(path, gunzip(bytes(0, size), path))
      : { path, size, bytes };
    return { file, close };
  } catch (cause) {
    close();
    throw cause;
  }
}

function inMemory(path: string, content: Uint8Array<ArrayBuffer>): SourceFile {
  return {
    path,
    size: content.length,
    bytes(offset, length) {
      if (!(offset >= 0 && length >= 0 && offset + length <= content.length))
        throw outside(path, content.length, offset, length);
      return content.slice(offset, offset + length);
    },
  };
}

/** The error for a file whose content contradicts itself or ends too early. */
export function damagedFile(path: string, found: string): InputError {
  return new InputError(`${path} is damaged or cut short`, {
    found,
    fix: "download or copy the file again, and compare its size or checksum with the source's",
  });
}

/** The error for a file that is something else than weights. */
export function unknownFormat(path: string, found: string, fix?: string): InputError {
  return new InputError(`${path} is not a file of weights that mtard knows`, {
    expected: "a PyTorch file (zip or legacy), a safetensors file or an npz file",
    found,
    ...(fix === undefined ? {} : { fix }),
  });
}

/** Text from a file made safe to print: quoted, short, without control characters. */
export function quoted(text: string): string {
  const printable = JSON.stringify(text.length > 80 ? `${text.slice(0, 77)}...` : text);
  return printable.replace(
    /[^\x20-\x7e]/g,
    (character) => `\\u${character.charCodeAt(0).toString(16).padStart(4, "0")}`,
  );
}

function open(path: string): { descriptor: number; size: number } {
  try {
    requireRegularFile(path, "a file of weights");
    const status = statSync(path);
    if (status.size === 0) {
      throw new InputError(`${path} is empty`, {
        expected: "a file of weights",
        found: "0 bytes",
        fix: "download or copy the file again",
      });
    }
    return { descriptor: openSync(path, "r"), size: status.size };
  } catch (cause) {
    if (cause instanceof InputError || cause instanceof WorkError) throw cause;
    throw new InputError(`cannot read ${path}`, {
      found: (cause as Error).message,
      fix: meaningOf(cause).fix,
      cause,
    });
  }
}

function outside(path: string, size: number, offset: number, length: number): InputError {
  return damagedFile(path, `it points at bytes ${offset} to ${offset + length}, and has ${size}`);
}

function readPiece(
  descriptor: number,
  path: string,
  size: number,
  offset: number,
  length: number,
): Uint8Array<ArrayBuffer> {
  if (!(offset >= 0 && length >= 0 && offset + length <= size)) {
    throw outside(path, size, offset, length);
  }
  if (length > MAXIMUM_PIECE) {
    throw new InputError(`${path} holds a piece of ${length} bytes`, {
      expected: `at most ${MAXIMUM_PIECE} bytes each`,
    });
  }
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const count = readSync(descriptor, bytes, done, Math.min(length - done, MAXIMUM_READ), offset + done);
    if (count === 0) throw damagedFile(path, "it became shorter while it was read");
    done += count;
  }
  return bytes;
}
