import { type Dirent, readdirSync, realpathSync, statSync } from "node:fs";
import { readFile, stat } from "node:fs/promises";
import { join, sep } from "node:path";
import { InputError } from "../errors.js";
import type { SourceFiles } from "./source-files.js";
import { openZip } from "./zip.js";

/** A file that is not taken, and why, as the end of a sentence. */
export interface LeftOutFile {
  readonly name: string;
  readonly reason: string;
}

/** The files of a user's folder or zip archive, and what in it cannot be followed. */
export interface OwnFiles extends SourceFiles {
  readonly refused: readonly LeftOutFile[];
  /** Folders with nothing in them. */
  readonly empty: readonly string[];
}

/** The most bytes of one image file, packed. */
const MOST_FILE_BYTES = 2 ** 27;
/** Above any data set of small images; a folder with more is another one than was meant. */
const MOST_FILES = 2_000_000;
const MOST_DEPTH = 16;

/**
 * Opens a folder of the user's, or a zip archive of one; names are paths within it, in ascending order.
 *
 * Nothing outside of it is read: a link that leaves the folder is refused, and so are links to folders, which may go round in circles.
 *
 * @throws {InputError} if it is neither, is damaged, or holds too many files.
 */
export async function openOwnFiles(from: string): Promise<OwnFiles> {
  if (statSync(from).isDirectory()) return openOwnFolder(from);
  const zip = await openZip(from, "", (name) => !name.endsWith("/"), MOST_FILE_BYTES);
  return { ...zip, names: zip.names.toSorted(byCodePoints), refused: [], empty: [] };
}

function openOwnFolder(folder: string): OwnFiles {
  const root = realpathSync(folder);
  const names: string[] = [];
  const refused: LeftOutFile[] = [];
  const empty: string[] = [];
  const walk = (inner: string, depth: number): void => {
    const entries = readdirSync(join(root, inner), { withFileTypes: true });
    if (entries.length === 0) empty.push(inner);
    for (const entry of entries) {
      const name = inner === "" ? entry.name : `${inner}/${entry.name}`;
      if (entry.isDirectory()) {
        if (depth === MOST_DEPTH)
          refused.push({ name, reason: `it lies more than ${MOST_DEPTH} folders deep` });
        else walk(name, depth + 1);
        continue;
      }
      const reason = refusalOf(entry, join(root, name), root);
      if (reason === null) names.push(name);
      else refused.push({ name, reason });
      if (names.length + refused.length > MOST_FILES)
        throw new InputError(`${folder} holds too many files`, {
          expected: `at most ${MOST_FILES}`,
          fix: "name the folder that has the class folders in it",
        });
    }
  };
  walk("", 0);
  return {
    names: names.sort(byCodePoints),
    refused: refused.sort((one, other) => byCodePoints(one.name, other.name)),
    empty: empty.sort(byCodePoints),
    async read(name) {
      const path = join(root, name);
      const { size } = await stat(path);
      if (size > MOST_FILE_BYTES)
        throw new Error(`it is ${size} bytes long, and at most ${MOST_FILE_BYTES} are read`);
      return readFile(path);
    },
    close: () => undefined,
  };
}

function refusalOf(entry: Dirent, path: string, root: string): string | null {
  if (entry.isFile()) return null;
  if (!entry.isSymbolicLink()) return "it is neither a file nor a folder";
  try {
    if (!realpathSync(path).startsWith(`${root}${sep}`)) return "it is a link that leaves the folder";
    return statSync(path).isFile() ? null : "it is a link to a folder";
  } catch {
    return "it is a link to nothing";
  }
}

/** Compares as Python sorts texts, by code points, so that classes are numbered as PyTorch's `ImageFolder` numbers them. */
export function byCodePoints(one: string, other: string): number {
  return Buffer.compare(Buffer.from(one), Buffer.from(other));
}
