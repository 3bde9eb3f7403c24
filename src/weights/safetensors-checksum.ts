import { createHash } from "node:crypto";
import { type SourceFile, damagedFile } from "./source-file.js";

/*
 * A file's checksum stands in its own metadata: the SHA-256 that the whole file has with 64 zeros in the checksum's place. So it covers the
 * header as well as the tensors, and the file stays one that every other program reads.
 */

/** The name of the checksum in a file's metadata. */
export const CHECKSUM = "mtard.sha256";

/** What stands in the checksum's place while it is computed. */
export const NO_CHECKSUM = "0".repeat(64);

const HASHED_PIECE = 2 ** 22;

/**
 * Puts the checksum of a file into its header, where {@link NO_CHECKSUM} stands.
 *
 * @param pieces The file's bytes, the header first.
 */
export function sealHeader([header, ...tensors]: readonly [Buffer, ...Uint8Array[]]): void {
  const hash = createHash("sha256").update(header);
  for (const bytes of tensors) hash.update(bytes);
  header.write(hash.digest("hex"), placeOf(header, NO_CHECKSUM), "latin1");
}

/**
 * Compares an open file with the checksum in its metadata; a file without one passes.
 *
 * @param start The length of the header, the eight bytes before it included.
 * @throws {InputError} if they differ.
 */
export function checkChecksum(
  file: SourceFile,
  start: number,
  metadata: Readonly<Record<string, string>>,
): void {
  const stated = metadata[CHECKSUM];
  if (stated === undefined) return;
  const header = Buffer.from(file.bytes(0, start));
  const place = /^[0-9a-f]{64}$/.test(stated) ? placeOf(header, stated) : -1;
  if (place >= 0) header.write(NO_CHECKSUM, place, "latin1");
  const hash = createHash("sha256").update(header);
  for (let done = start; done < file.size; done += HASHED_PIECE)
    hash.update(file.bytes(done, Math.min(HASHED_PIECE, file.size - done)));
  const found = hash.digest("hex");
  if (place < 0 || found !== stated)
    throw damagedFile(
      file.path,
      `contents with sha256 ${found}, and the file itself says ${stated.slice(0, 64)}`,
    );
}

/** A file's metadata apart from its checksum. */
export function withoutChecksum(metadata: Readonly<Record<string, string>>): Record<string, string> {
  return Object.fromEntries(Object.entries(metadata).filter(([name]) => name !== CHECKSUM));
}

/** Where a checksum stands in a header. */
function placeOf(header: Buffer, checksum: string): number {
  const place = header.indexOf(`"${checksum}"`, 0, "latin1");
  return place < 0 ? place : place + 1;
}
