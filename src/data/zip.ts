import { closeSync, createReadStream, createWriteStream, fstatSync, openSync, readSync } from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { crc32, createInflateRaw, inflateRawSync } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";
import { InputError, WorkError } from "../errors.js";
import { writeFailure } from "../files/atomic.js";
import { openZipArchive } from "../files/zip.js";
import type { SourceFiles } from "./source-files.js";
import { makeFolders } from "../files/make-folders.js";

/** The most files an archive may hold; Tiny-ImageNet's has about 120,000. */
const MOST_ENTRIES = 200_000;

/** The most bytes of names, extra fields and comments; 120,000 entries have some ten million. */
const MOST_DIRECTORY_BYTES = 2 ** 26;

/** No file of images or weights becomes a hundredth when it is packed; what does is made to fill a disk, or to take hours. */
const MOST_RATIO = 100;
/** What may be packed as well as it likes, such as lists and small images of one colour. */
const ALWAYS_BYTES = 2 ** 27;

/** The two compression methods that are read, by the zip format's numbers. */
const STORED = 0;
const DEFLATED = 8;

/** A zip archive whose files can be read into memory, or unpacked to the disk where they are large. */
export interface ZipFiles extends SourceFiles {
  /** @throws {InputError} if the file is missing, damaged or too large; {@link WorkError} if the disk refuses. */
  unpack(name: string, to: string): Promise<void>;
}

/**
 * Opens a zip archive: its directory is read now, each file on demand, never more of it than its entry says.
 *
 * @param mostBytes The most bytes of one file.
 *
 * @param inner The folder inside the archive; names are given without it.
 * @param wanted Selects the files by name.
 * @throws {InputError} if it is not a zip archive, is damaged, holds a file twice, too many files, names that leave its folder, entries
 * that share their bytes, or more than packed images and weights can hold.
 */
export async function openZip(
  path: string,
  inner: string,
  wanted: (name: string) => boolean,
  mostBytes: number,
): Promise<ZipFiles> {
  const file = openSync(path, "r");
  try {
    const { size } = fstatSync(file);
    const zip = await openZipArchive(size, (position, length) => readExactly(file, position, length));
    const entries = await listEntries(zip, path, size, inner, wanted);
    const entryOf = (name: string): Entry => {
      const entry = entries.get(name);
      if (entry === undefined) throw new InputError(`${path} lacks ${name}`);
      return entry;
    };
    return {
      names: [...entries.keys()],
      async read(name) {
        const entry = entryOf(name);
        try {
          return await readEntry(zip, file, entry, mostBytes);
        } catch (cause) {
          throw damaged(path, cause, entry.fileName);
        }
      },
      async unpack(name, to) {
        const entry = entryOf(name);
        try {
          await unpackEntry(zip, file, entry, mostBytes, to);
        } catch (cause) {
          throw cause instanceof WorkError ? cause : damaged(path, cause, entry.fileName);
        }
      },
      close: () => closeSync(file),
    };
  } catch (cause) {
    closeSync(file);
    throw cause instanceof InputError ? cause : damaged(path, cause);
  }
}

async function listEntries(
  zip: ZipFile,
  path: string,
  size: number,
  inner: string,
  wanted: (name: string) => boolean,
): Promise<Map<string, Entry>> {
  if (zip.entryCount > MOST_ENTRIES)
    throw new InputError(`${path} holds too many files`, {
      expected: `at most ${MOST_ENTRIES}`,
      found: String(zip.entryCount),
    });
  const entries = new Map<string, Entry>();
  const prefix = `${inner}/`;
  let packed = 0;
  let unpacked = 0;
  let described = 0;
  for await (const entry of zip.eachEntry()) {
    const { fileName } = entry;
    packed += entry.compressedSize;
    if (packed > size) throw new Error("its entries share their bytes, or are longer than the archive");
    described += entry.fileNameLength + entry.extraFieldLength + entry.fileCommentLength;
    if (described > MOST_DIRECTORY_BYTES) throw new Error("the names in it are too long");
    const name = fileName.startsWith(prefix) ? fileName.slice(prefix.length) : fileName;
    if (!wanted(name)) continue;
    if (entries.has(name))
      throw new InputError(`${path} holds ${JSON.stringify(name)} twice`, { expected: "one of each file" });
    unpacked += entry.uncompressedSize;
    if (unpacked > MOST_RATIO * size + ALWAYS_BYTES)
      throw new Error(`it claims to hold more than ${MOST_RATIO} times its own size`);
    entries.set(name, entry);
  }
  return entries;
}

/** Where an entry's bytes begin, once it is known that they can be read and are not too many. */
async function startOf(zip: ZipFile, entry: Entry, mostBytes: number): Promise<number> {
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  if (entry.isEncrypted()) throw new Error("it is encrypted");
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED)
    throw new Error(`it is compressed by method ${compressionMethod}`);
  if (Math.max(compressedSize, uncompressedSize) > mostBytes)
    throw new Error(`it is ${uncompressedSize} bytes long, and at most ${mostBytes} are expected`);
  return (await zip.readLocalFileHeaderPromise(entry, { minimal: true })).fileDataStart;
}

async function readEntry(zip: ZipFile, file: number, entry: Entry, mostBytes: number): Promise<Uint8Array> {
  const start = await startOf(zip, entry, mostBytes);
  const bytes = readExactly(file, start, entry.compressedSize);
  const content = entry.compressionMethod === STORED ? bytes : inflate(bytes, entry);
  requireWhole(content.length, crc32(content), entry);
  return content;
}

/** Unpacks no more than the entry says, whatever its bytes would become. */
function inflate(bytes: Uint8Array, { uncompressedSize }: Entry): Uint8Array {
  try {
    return inflateRawSync(bytes, { maxOutputLength: Math.max(1, uncompressedSize) });
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).code === "ERR_BUFFER_TOO_LARGE" ? larger(uncompressedSize) : cause;
  }
}

/** Unpacks an entry piece by piece into a new file. */
async function unpackEntry(
  zip: ZipFile,
  file: number,
  entry: Entry,
  mostBytes: number,
  to: string,
): Promise<void> {
  const { compressedSize, uncompressedSize, compressionMethod } = entry;
  const start = await startOf(zip, entry, mostBytes);
  const stored =
    compressedSize === 0
      ? Readable.from([])
      : createReadStream("", { fd: file, autoClose: false, start, end: start + compressedSize - 1 });
  let length = 0;
  let checksum = 0;
  const count = async function* (pieces: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const piece of pieces) {
      length += piece.length;
      if (length > uncompressedSize) throw larger(uncompressedSize);
      checksum = crc32(piece, checksum);
      yield piece;
    }
  };
  try {
    makeFolders(dirname(to));
    const target = createWriteStream(to);
    await (compressionMethod === STORED
      ? pipeline(stored, count, target)
      : pipeline(stored, createInflateRaw(), count, target));
  } catch (cause) {
    throw (cause as NodeJS.ErrnoException).syscall === undefined ? cause : writeFailure(to, cause);
  }
  requireWhole(length, checksum, entry);
}

function larger(declared: number): Error {
  return new Error(`it is larger than ${declared} bytes, which its entry says it has`);
}

function requireWhole(length: number, checksum: number, { uncompressedSize, crc32: stated }: Entry): void {
  if (length !== uncompressedSize)
    throw new Error(`it is ${length} bytes long, not ${uncompressedSize} as its entry says`);
  if (checksum !== stated) throw new Error("its checksum is wrong");
}

function readExactly(file: number, position: number, length: number): Uint8Array {
  const bytes = new Uint8Array(length);
  for (let done = 0; done < length;) {
    const received = readSync(file, bytes, done, length - done, position + done);
    if (received === 0) throw new Error("it ends too early");
    done += received;
  }
  return bytes;
}

function damaged(path: string, cause: unknown, entry?: string): InputError {
  const what = entry === undefined ? path : `${JSON.stringify(entry)} in ${path}`;
  return new InputError(`${what} is damaged, or cannot be trusted`, {
    expected: "a whole zip archive, with files inside its own folder only",
    found: cause instanceof Error ? cause.message : String(cause),
    fix: "fetch the archive again, from the data set's authors",
    cause,
  });
}
