import { closeSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { openZip } from "../data/zip.js";
import { InputError } from "../errors.js";
import { chooseFile } from "./choose.js";

/** How archives that mtard does not open begin, and what they are called. */
const others: readonly (readonly [start: string, kind: string])[] = [
  ["Rar!", "rar"],
  ["7z\xbc\xaf\x27\x1c", "7z"],
];

/**
 * The file to read in place of `path`: where that is a zip archive of files of weights, the wanted one of them is unpacked as `name`
 * into `folder`; anything else, PyTorch's own zip files included, is taken as it is.
 *
 * @param wanted Its name, in which `*` stands for anything; null for the only one.
 * @param most The most bytes that it may have.
 * @throws {InputError} if the archive is of another kind, or has no such file.
 */
export async function unpackWeights(
  path: string,
  wanted: string | null,
  name: string,
  folder: string,
  most: number,
): Promise<string> {
  const start = startOf(path, 8).toString("latin1");
  const [, kind] = others.find(([mark]) => start.startsWith(mark)) ?? [];
  if (kind !== undefined)
    throw new InputError(`${path} is a ${kind} archive`, {
      expected: "a file of weights, or a zip archive of them",
      fix: "unpack it, and give the file of weights with --from FILE",
    });
  if (!start.startsWith("PK\x03\x04")) return path;
  const archive = await openZip(path, "", (each) => !each.endsWith("/"), most).catch(() => null);
  // The importer says better what is wrong with a damaged file of weights.
  if (archive === null) return path;
  try {
    const isWeights = archive.names.some((each) => /(^|\/)data\.pkl$|\.npy$/.test(each));
    if (isWeights) return path;
    const chosen = chooseFile(
      archive.names.map((each) => ({ name: each })),
      wanted,
      path,
    );
    const unpacked = join(folder, name);
    try {
      await archive.unpack(chosen.name, unpacked);
    } catch (error) {
      rmSync(unpacked, { force: true });
      throw error;
    }
    return unpacked;
  } finally {
    archive.close();
  }
}

/** The first bytes of a file. */
export function startOf(path: string, length: number): Buffer {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(length);
    return start.subarray(0, readSync(file, start));
  } finally {
    closeSync(file);
  }
}
