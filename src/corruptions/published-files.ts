import { createHash } from "node:crypto";
import { closeSync, existsSync, openSync, readSync, readdirSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { Header } from "tar";
import { readPart } from "../data/images.js";
import { InputError, oneLine } from "../errors.js";

/** A file of published images: where its bytes lie. */
export interface PublishedFile {
  /** The file, or the archive that holds it. */
  readonly path: string;
  readonly start: number;
  readonly bytes: number;
}

const BLOCK = 512;
/** The archives have some twenty entries. */
const MOST_ENTRIES = 1000;
/** What an entry before another one may say of it: a long name, times. */
const MOST_META_BYTES = 2 ** 16;
/** Entries that describe the next one: nothing they can say of these files is needed. */
const META = new Set(["ExtendedHeader", "OldExtendedHeader", "GlobalExtendedHeader"]);

/**
 * Finds the arrays of a benchmark in a plain tar archive, whose contents are left where they are, or in the folder it was unpacked to.
 *
 * @param inner The folder inside the archive.
 * @throws {InputError} if there is no such path, the archive is compressed, damaged or cut short, has too many entries, or holds a link, an
 * absolute path or `..`.
 */
export function publishedFiles(path: string, inner: string): Map<string, PublishedFile> {
  const found = statSync(path, { throwIfNoEntry: false });
  if (!found)
    throw new InputError(`there is no ${oneLine(path)}`, {
      expected: `${inner}.tar, or the folder it was unpacked to`,
    });
  if (!found.isDirectory()) return filesOfTar(path, found.size);
  const root = existsSync(join(path, inner)) ? join(path, inner) : path;
  return new Map(
    readdirSync(root)
      .filter((name) => name.endsWith(".npy"))
      .flatMap((name) => {
        const file = join(root, name);
        const of = statSync(file, { throwIfNoEntry: false });
        return of?.isFile() ? [[name, { path: file, start: 0, bytes: of.size }] as const] : [];
      }),
  );
}

function filesOfTar(path: string, size: number): Map<string, PublishedFile> {
  const files = new Map<string, PublishedFile>();
  const archive = openSync(path, "r");
  try {
    let entries = 0;
    let at = 0;
    while (at + BLOCK <= size) {
      const block = Buffer.alloc(BLOCK);
      readSync(archive, block, 0, BLOCK, at);
      const { path: name = "", size: bytes = 0, type, cksumValid, nullBlock } = headerIn(block, path);
      if (nullBlock) return files;
      const start = at + BLOCK;
      if (!cksumValid || !Number.isSafeInteger(bytes) || bytes < 0 || start + bytes > size)
        throw damaged(
          path,
          entries === 0 ? "no header of a tar archive" : `a wrong header after ${entries} entries`,
        );
      if (++entries > MOST_ENTRIES) throw damaged(path, `more than ${MOST_ENTRIES} entries`);
      at = start + Math.ceil(bytes / BLOCK) * BLOCK;
      if (META.has(type) && bytes <= MOST_META_BYTES) continue;
      if (type === "Directory") continue;
      if (type !== "File" && type !== "OldFile") throw distrusted(path, `${JSON.stringify(name)}, a ${type}`);
      if (name.startsWith("/") || name.split(/[/\\]/).includes(".."))
        throw distrusted(path, JSON.stringify(name));
      if (!name.endsWith(".npy") || basename(name).startsWith("._")) continue;
      if (files.has(basename(name))) throw damaged(path, `${oneLine(basename(name))} twice`);
      files.set(basename(name), { path, start, bytes });
    }
  } finally {
    closeSync(archive);
  }
  throw damaged(path, "no end of the archive");
}

function headerIn(block: Buffer, path: string): Header {
  try {
    return new Header(block);
  } catch (cause) {
    throw damaged(path, cause instanceof Error ? cause.message : String(cause));
  }
}

function damaged(path: string, found: string): InputError {
  return new InputError(`${oneLine(path)} is not a whole plain tar archive`, {
    expected: "the archive as it is published, which is not compressed, or its unpacked folder",
    found,
    fix: "unpack a compressed archive and give the folder, or fetch the archive again",
  });
}

function distrusted(path: string, found: string): InputError {
  return new InputError(`${oneLine(path)} holds something that its authors' archive does not`, {
    expected: "files and folders only, inside the archive's own folder",
    found: oneLine(found),
    fix: "do not trust this archive; fetch it from its authors",
  });
}

/** Read at once while a checksum is computed. */
const PIECE = 2 ** 22;

/** The SHA-256 of files, one after the other. */
export function sha256OfFiles(files: readonly PublishedFile[]): string {
  const hash = createHash("sha256");
  for (const { path, start, bytes } of files)
    for (let done = 0; done < bytes; done += PIECE)
      hash.update(readPart(path, start + done, Math.min(PIECE, bytes - done)));
  return hash.digest("hex");
}
