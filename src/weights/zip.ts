import type { Entry, ZipFile } from "yauzl";
import { InputError } from "../errors.js";
import { openZipArchive } from "../files/zip.js";
import { type SourceFile, damagedFile, quoted } from "./source-file.js";

/** Where a member of a zip archive lies in it, and what its bytes should be. */
export interface ZipMember {
  /** The position of its first stored byte. */
  readonly start: number;
  readonly storedSize: number;
  /** Its size once unpacked, as the archive claims it. */
  readonly size: number;
  readonly packing: "stored" | "deflated" | "other";
  /** The CRC-32 of its unpacked bytes. */
  readonly checksum: number;
}

const MAXIMUM_MEMBERS = 200_000;

/**
 * The members of a zip archive by name; their bytes are not read.
 *
 * @throws {InputError} if the archive is damaged, has two members of one name or a name that leads out of a folder, or claims to hold
 * more stored bytes than the file has.
 */
export async function readZipMembers(file: SourceFile): Promise<ReadonlyMap<string, ZipMember>> {
  const members = new Map<string, ZipMember>();
  let total = 0;
  try {
    const zip = await openZipArchive(file.size, file.bytes);
    for await (const entry of zip.eachEntry()) {
      const { fileName, compressedSize } = entry;
      if (members.has(fileName)) throw damagedFile(file.path, `the archive has ${quoted(fileName)} twice`);
      total += compressedSize;
      if (total > file.size || members.size === MAXIMUM_MEMBERS) {
        throw damagedFile(file.path, "the archive claims to hold more than the file does");
      }
      members.set(fileName, await memberOf(zip, entry));
    }
  } catch (cause) {
    if (cause instanceof InputError) throw cause;
    throw damagedFile(file.path, cause instanceof Error ? cause.message : String(cause));
  }
  return members;
}

async function memberOf(zip: ZipFile, entry: Entry): Promise<ZipMember> {
  const { fileDataStart } = await zip.readLocalFileHeaderPromise(entry, { minimal: true });
  const packing = entry.isEncrypted() ? "other" : (packings.get(entry.compressionMethod) ?? "other");
  return {
    start: fileDataStart,
    storedSize: entry.compressedSize,
    size: entry.uncompressedSize,
    packing,
    checksum: entry.crc32,
  };
}

const packings: ReadonlyMap<number, ZipMember["packing"]> = new Map([
  [0, "stored"],
  [8, "deflated"],
]);
