import { crc32 } from "node:zlib";
import { type Entry, RandomAccessReader, type ZipFile, fromRandomAccessReaderPromise } from "yauzl";
import { InputError } from "../errors.js";
import { elementSizes } from "./dtype.js";
import { MAXIMUM_PICKLE_BYTES, unpickle } from "./pickle.js";
import { type SourceFile, damagedFile, quoted } from "./source-file.js";
import type { TorchFile } from "./torch-file.js";
import { torchRules } from "./torch-pickle.js";

const MAXIMUM_ENTRIES = 200_000;
/** How much is read at once of what is only checked. */
const CHECKED_PIECE = 2 ** 20;

/**
 * Reads the pickle of a PyTorch zip file (`torch.save` since 1.6); storages, or parts of them, are read from the file when
 * asked for. A storage's checksum is checked once, over all of it, before any part of it is given out.
 *
 * @throws {InputError} if the archive is damaged, compressed, not PyTorch's, or its pickle asks for anything outside the allow-list.
 */
export async function readTorchZip(file: SourceFile): Promise<TorchFile> {
  const { path } = file;
  const zip = await openZip(file);
  const entries = await listEntries(zip, file);
  const folder = archiveFolder(entries, path);
  const starts = new Map<string, number>();
  for (const [name, entry] of entries) starts.set(name, await dataStart(zip, entry, path));

  const find = (name: string): { start: number; size: number; sum: number } => {
    const entry = entries.get(name);
    if (entry === undefined) throw damagedFile(path, `the archive has no ${quoted(name)}`);
    if (entry.compressionMethod !== 0 || entry.isEncrypted()) throw compressedArchive(path, entry);
    return { start: starts.get(name) as number, size: entry.uncompressedSize, sum: entry.crc32 };
  };
  const checked = new Set<string>();
  const check = (name: string, found: number, sum: number): void => {
    // torch.serialization.set_crc32_options(False) writes 0.
    if (sum !== 0 && found !== sum) throw damagedFile(path, `${quoted(name)} fails its checksum`);
    checked.add(name);
  };
  const read = (name: string): Uint8Array<ArrayBuffer> => {
    const { start, size, sum } = find(name);
    const bytes = file.bytes(start, size);
    if (!checked.has(name)) check(name, crc32(bytes), sum);
    return bytes;
  };
  const readPart = (name: string, offset: number, length: number): Uint8Array<ArrayBuffer> => {
    const { start, size, sum } = find(name);
    if (length === size) return read(name);
    if (!checked.has(name)) {
      let found = 0;
      for (let done = 0; done < size; done += CHECKED_PIECE)
        found = crc32(file.bytes(start + done, Math.min(CHECKED_PIECE, size - done)), found);
      check(name, found, sum);
    }
    return file.bytes(start + offset, length);
  };

  if (entries.has(`${folder}byteorder`) && Buffer.from(read(`${folder}byteorder`)).toString() !== "little") {
    throw new InputError(`${path} was written on a big-endian machine`, {
      expected: "little-endian numbers",
    });
  }
  const rules = torchRules(path);
  const pickle = read(`${folder}data.pkl`);
  if (pickle.length > MAXIMUM_PICKLE_BYTES) {
    throw new InputError(`${path} has a pickle of ${pickle.length} bytes`, {
      expected: `at most ${MAXIMUM_PICKLE_BYTES} bytes`,
    });
  }
  const { value } = unpickle(pickle, 0, rules);
  return {
    root: value,
    storageBytes: ({ key, dtype, total }, start, length) => {
      const name = `${folder}data/${key}`;
      const elementSize = elementSizes[dtype];
      const { size } = find(name);
      if (size !== total * elementSize) {
        throw damagedFile(path, `storage ${quoted(key)} has ${size} bytes instead of ${total * elementSize}`);
      }
      return readPart(name, start * elementSize, length * elementSize);
    },
  };
}

/** Lets yauzl read only inside the file, whatever positions the archive claims. */
class BoundedReader extends RandomAccessReader {
  constructor(readonly file: SourceFile) {
    super();
  }

  override read(
    buffer: Buffer,
    offset: number,
    length: number,
    position: number,
    callback: (error: Error | null) => void,
  ): void {
    let failure: Error | null = null;
    try {
      buffer.set(this.file.bytes(position, length), offset);
    } catch (error) {
      failure = error as Error;
    }
    callback(failure);
  }

  override close(callback: (error: Error | null) => void): void {
    callback(null);
  }
}

async function openZip(file: SourceFile): Promise<ZipFile> {
  try {
    return await fromRandomAccessReaderPromise(new BoundedReader(file), file.size, { strictFileNames: true });
  } catch (cause) {
    throw zipFailure(file.path, cause);
  }
}

/** Every entry by name, together no larger than the file. */
async function listEntries(zip: ZipFile, file: SourceFile): Promise<Map<string, Entry>> {
  const entries = new Map<string, Entry>();
  let total = 0;
  try {
    for await (const entry of zip.eachEntry()) {
      const { fileName, compressedSize } = entry;
      if (entries.has(fileName)) throw damagedFile(file.path, `the archive has ${quoted(fileName)} twice`);
      entries.set(fileName, entry);
      total += compressedSize;
      if (total > file.size || entries.size > MAXIMUM_ENTRIES) {
        throw damagedFile(file.path, "the archive claims to hold more than the file does");
      }
    }
  } catch (cause) {
    throw zipFailure(file.path, cause);
  }
  return entries;
}

/** The one folder a PyTorch archive has, with its slash. */
function archiveFolder(entries: ReadonlyMap<string, Entry>, path: string): string {
  const pickles = [...entries.keys()].filter((name) => /^[^/]+\/data\.pkl$/.test(name));
  const [pickle] = pickles;
  if (pickle === undefined || pickles.length > 1) {
    throw new InputError(`${path} is a zip archive, but not one that PyTorch wrote`, {
      expected: "one entry FOLDER/data.pkl",
      found: `${entries.size} entries, such as ${[...entries.keys()].slice(0, 2).map(quoted).join(", ")}`,
      fix: "if it is an archive around the weights, unpack it and give the file inside",
    });
  }
  const folder = pickle.slice(0, -"data.pkl".length);
  if (entries.has(`${folder}constants.pkl`)) {
    throw new InputError(`${path} is a TorchScript program`, {
      expected: "a file of weights",
      fix: "save its weights alone in PyTorch: torch.save(torch.jit.load(FILE).state_dict(), NEW_FILE)",
    });
  }
  return folder;
}

function compressedArchive(path: string, entry: Entry): InputError {
  return new InputError(`${path} is a compressed or encrypted zip archive`, {
    expected: "the archive as torch.save wrote it, whose entries are stored",
    found: `${quoted(entry.fileName)} has compression method ${entry.compressionMethod}`,
    fix: "unpack it and pack it again without compression: zip -0 -r NEW_FILE FOLDER",
  });
}

async function dataStart(zip: ZipFile, entry: Entry, path: string): Promise<number> {
  try {
    const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
    return fileDataStart;
  } catch (cause) {
    throw zipFailure(path, cause);
  }
}

function zipFailure(path: string, cause: unknown): InputError {
  if (cause instanceof InputError) return cause;
  return damagedFile(path, cause instanceof Error ? cause.message : String(cause));
}
