import { closeSync, createReadStream, existsSync, openSync, readFileSync, readSync, statSync } from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import { pipeline } from "node:stream/promises";
import { createGunzip } from "node:zlib";
import { Parser, type ReadEntry } from "tar";
import { InputError } from "../errors.js";

/** What an archive may have beside the wanted files: a page about them, the names of the classes, headers and padding. */
const MOST_OTHER_BYTES = 2 ** 24;
/** The archives here have eight entries. */
const MOST_ENTRIES = 1000;
/** An entry before the one it describes; a long name takes some hundred bytes. */
const MOST_META_BYTES = 2 ** 16;

/**
 * Reads the wanted files of a tar archive, compressed or not, into memory; nothing touches the disk. It is read piece by piece and no
 * further than to the first thing that is wrong.
 *
 * @param wanted File names without folders; other files are skipped.
 * @param mostBytes What the wanted files can need together.
 * @throws {InputError} if the archive is damaged or cut short, lacks a wanted file, unpacks to more than they need, has too many
 * entries, or holds a link, an absolute path or `..`.
 */
export async function readArchive(
  path: string,
  wanted: readonly string[],
  mostBytes: number,
): Promise<Map<string, Uint8Array>> {
  const most = mostBytes + MOST_OTHER_BYTES;
  const reader = tarReader(path, wanted, most);
  const source = createReadStream(path);
  let unpacked = 0;
  // A pipeline that is left by an error may say only that it was left.
  let problem: unknown = null;
  const take = (piece: Uint8Array): void => {
    // The library would unpack once more what begins so, beyond any count.
    if (unpacked === 0 && piece[0] === GZIP[0]) throw new Error("it is compressed twice");
    unpacked += piece.length;
    if (unpacked > most) throw tooLarge(path, most);
    reader.write(piece);
  };
  const takeAll = async (pieces: AsyncIterable<Uint8Array>): Promise<void> => {
    try {
      for await (const piece of pieces) take(piece);
      reader.end();
    } catch (cause) {
      problem ??= cause;
      throw cause;
    }
  };
  try {
    await (isGzip(path) ? pipeline(source, createGunzip(), takeAll) : pipeline(source, takeAll));
  } catch (error) {
    const cause = problem ?? error;
    if (cause instanceof InputError) throw cause;
    throw new InputError(`${path} is damaged or cut short`, {
      expected: "a whole .tar.gz archive",
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "fetch the archive again",
      cause,
    });
  }
  refuseMissing(reader.files, wanted, path);
  return reader.files;
}

const GZIP = [0x1f, 0x8b] as const;

function isGzip(path: string): boolean {
  const file = openSync(path, "r");
  try {
    const start = new Uint8Array(GZIP.length);
    readSync(file, start);
    return GZIP.every((byte, index) => start[index] === byte);
  } finally {
    closeSync(file);
  }
}

/** Takes the wanted files out of an unpacked archive that comes in pieces; throws at the first thing that is wrong. */
function tarReader(archive: string, wanted: readonly string[], mostBytes: number) {
  const files = new Map<string, Uint8Array>();
  let entries = 0;
  let declared = 0;
  let ended = false;
  let failure: Error | null = null;
  const parser = new Parser({ strict: true, zstd: false, maxMetaEntrySize: MOST_META_BYTES });
  const count = (): void => {
    if (++entries > MOST_ENTRIES)
      throw new InputError(`${archive} has too many entries`, {
        expected: `at most ${MOST_ENTRIES}; the data set's archive has ${wanted.length} files of images`,
        fix: "fetch the archive from the data set's authors",
      });
  };
  parser.on("meta", count).on("ignoredEntry", count);
  parser.on("entry", (entry: ReadEntry) => {
    count();
    refuseUnsafe(entry, archive);
    declared += entry.size;
    if (declared > mostBytes) throw tooLarge(archive, mostBytes);
    const name = basename(entry.path);
    if (entry.type === "Directory" || !wanted.includes(name)) {
      entry.resume();
      return;
    }
    if (files.has(name))
      throw new InputError(`${archive} holds ${name} twice`, { expected: "one of each file" });
    const content = new Uint8Array(entry.size);
    files.set(name, content);
    let received = 0;
    entry.on("data", (chunk) => {
      content.set(chunk, received);
      received += chunk.length;
    });
  });
  parser.on("eof", () => (ended = true));
  parser.on("error", (error: Error) => (failure ??= error));
  const check = (): void => {
    if (failure !== null) throw failure;
  };
  return {
    files,
    write(piece: Uint8Array): void {
      // Behind the end there is only padding, which the parser would keep.
      if (!ended) parser.write(Buffer.from(piece.buffer, piece.byteOffset, piece.byteLength));
      check();
    },
    end(): void {
      parser.end();
      check();
    },
  };
}

/**
 * Reads the wanted files of an unpacked archive: from `folder` itself, or from `inner` within it.
 *
 * @param mostBytes What the wanted files can need together.
 * @throws {InputError} if a wanted file is missing, or they are too large.
 */
export function readFolder(
  folder: string,
  inner: string,
  wanted: readonly string[],
  mostBytes: number,
): Map<string, Uint8Array> {
  const root = existsSync(join(folder, inner)) ? join(folder, inner) : folder;
  const paths = wanted
    .map((name) => join(root, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (paths.reduce((total, path) => total + statSync(path).size, 0) > mostBytes)
    throw tooLarge(root, mostBytes);
  const files = new Map(paths.map((path) => [basename(path), readFileSync(path)]));
  refuseMissing(files, wanted, root);
  return files;
}

function refuseUnsafe({ path: name, type }: ReadEntry, archive: string): void {
  if (isAbsolute(name) || name.split(/[/\\]/).includes(".."))
    throw new InputError(`${archive} holds a path that leaves its folder`, {
      expected: "paths inside the archive's own folder",
      found: JSON.stringify(name),
      fix: "do not trust this archive; fetch it from the data set's authors",
    });
  if (type !== "File" && type !== "OldFile" && type !== "Directory")
    throw new InputError(`${archive} holds something that is not a file`, {
      expected: "files and folders only",
      found: `${JSON.stringify(name)}, a ${type}`,
      fix: "do not trust this archive; fetch it from the data set's authors",
    });
}

function tooLarge(source: string, mostBytes: number): InputError {
  return new InputError(`${source} is too large`, {
    expected: `at most ${mostBytes} bytes unpacked, more than the data set has`,
    found: "more than that",
    fix: "fetch the archive from the data set's authors",
  });
}

function refuseMissing(files: ReadonlyMap<string, unknown>, wanted: readonly string[], source: string): void {
  const missing = wanted.filter((name) => !files.has(name));
  if (missing.length === 0) return;
  throw new InputError(`${source} is not the data set's archive: it lacks ${missing.join(", ")}`, {
    expected: wanted.join(", "),
    found: files.size === 0 ? "none of them" : [...files.keys()].join(", "),
    fix: "give the binary version of the archive (not the Python or Matlab one), or its unpacked folder",
  });
}
