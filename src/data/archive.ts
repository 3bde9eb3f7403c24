import { existsSync, readFileSync, statSync } from "node:fs";
import { basename, isAbsolute, join } from "node:path";
import { list, type ReadEntry } from "tar";
import { InputError } from "../errors.js";

/** The most bytes an archive may unpack to, checked before reading; every data set here is far smaller. */
const MOST_BYTES = 2 ** 30;

/**
 * Reads the wanted files of a tar archive, compressed or not, into memory; nothing touches the disk.
 *
 * @param wanted File names without folders; other files are skipped.
 * @throws {InputError} if the archive is damaged or cut short, lacks a wanted file, or holds a link, an absolute path or `..`.
 */
export function readArchive(path: string, wanted: readonly string[]): Map<string, Uint8Array> {
  const files = new Map<string, Uint8Array>();
  let total = 0;
  const receive = (entry: ReadEntry): void => {
    refuseUnsafe(entry, path);
    total += entry.size;
    if (total > MOST_BYTES) throw tooLarge(path);
    const name = basename(entry.path);
    if (entry.type === "Directory" || !wanted.includes(name)) {
      entry.resume();
      return;
    }
    if (files.has(name))
      throw new InputError(`${path} holds ${name} twice`, { expected: "one of each file" });
    const content = new Uint8Array(entry.size);
    files.set(name, content);
    let received = 0;
    entry.on("data", (chunk) => {
      content.set(chunk, received);
      received += chunk.length;
    });
  };
  try {
    list({ file: path, sync: true, strict: true, onReadEntry: receive });
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw new InputError(`${path} is damaged or cut short`, {
      expected: "a whole .tar.gz archive",
      found: cause instanceof Error ? cause.message : String(cause),
      fix: "fetch the archive again",
      cause,
    });
  }
  refuseMissing(files, wanted, path);
  return files;
}

/**
 * Reads the wanted files of an unpacked archive: from `folder` itself, or from `inner` within it.
 *
 * @throws {InputError} if a wanted file is missing or too large.
 */
export function readFolder(
  folder: string,
  inner: string,
  wanted: readonly string[],
): Map<string, Uint8Array> {
  const root = existsSync(join(folder, inner)) ? join(folder, inner) : folder;
  const paths = wanted
    .map((name) => join(root, name))
    .filter((path) => statSync(path, { throwIfNoEntry: false })?.isFile());
  if (paths.reduce((total, path) => total + statSync(path).size, 0) > MOST_BYTES) throw tooLarge(root);
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

function tooLarge(source: string): InputError {
  return new InputError(`${source} is too large`, { expected: `at most ${MOST_BYTES} bytes unpacked` });
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
