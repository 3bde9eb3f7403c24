import { closeSync, fstatSync, openSync, readSync } from "node:fs";
import { crc32, inflateRawSync } from "node:zlib";
import type { Entry, ZipFile } from "yauzl";
import { InputError } from "../errors.js";
import { openZipArchive } from "../files/zip.js";
import type { SourceFiles } from "./source-files.js";

/** The most files an archive may hold; Tiny-ImageNet's has about 120,000. */
const MOST_ENTRIES = 200_000;

/** The two compression methods that are read, by the zip format's numbers. */
const STORED = 0;
const DEFLATED = 8;

/**
 * Opens a zip archive of small files: its directory is read now, each file on demand; nothing is written to the disk.
 *
 * @param inner The folder inside the archive; names are given without it.
 * @param wanted Selects the files by name.
 * @throws {InputError} if it is not a zip archive, is damaged, holds a file twice, too many files, or names that leave its folder.
 */
export async function openZip(
  path: string,
  inner: string,
  wanted: (name: string) => boolean,
  mostBytes: number,
): Promise<SourceFiles> {
  const file = openSync(path, "r");
  try {
    const zip = await openZipArchive(fstatSync(file).size, (position, length) =>
      readExactly(file, position, length),
    );
    const entries = await listEntries(zip, path, inner, wanted);
    return {
      names: [...entries.keys()],
      async read(name) {
        const entry = entries.get(name);
        if (entry === undefined) throw new InputError(`${path} lacks ${name}`);
        try {
          return await readEntry(zip, file, entry, mostBytes);
        } catch (cause) {
          throw damaged(path, cause, entry.fileName);
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
  for await (const entry of zip.eachEntry()) {
    const { fileName } = entry;
    const name = fileName.startsWith(prefix) ? fileName.slice(prefix.length) : fileName;
    if (!wanted(name)) continue;
    if (entries.has(name))
      throw new InputError(`${path} holds ${JSON.stringify(name)} twice`, { expected: "one of each file" });
    entries.set(name, entry);
  }
  return entries;
}

async function readEntry(zip: ZipFile, file: number, entry: Entry, mostBytes: number): Promise<Uint8Array> {
  const { compressionMethod, compressedSize, uncompressedSize } = entry;
  if (entry.isEncrypted()) throw new Error("it is encrypted");
  if (compressionMethod !== STORED && compressionMethod !== DEFLATED)
    throw new Error(`it is compressed by method ${compressionMethod}`);
  if (Math.max(compressedSize, uncompressedSize) > mostBytes)
    throw new Error(`it is ${uncompressedSize} bytes long, and at most ${mostBytes} are expected`);
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const bytes = readExactly(file, fileDataStart, compressedSize);
  const content =
    compressionMethod === STORED ? bytes : inflateRawSync(bytes, { maxOutputLength: mostBytes });
  if (content.length !== uncompressedSize)
    throw new Error(`it is ${content.length} bytes long, not ${uncompressedSize} as its entry says`);
  if (crc32(content) !== entry.crc32) throw new Error("its checksum is wrong");
  return content;
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
