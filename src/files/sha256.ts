import { createHash } from "node:crypto";
import { closeSync, openSync, readSync } from "node:fs";

/** Bytes of a file in memory at once while it is hashed. */
const HASHED_PIECE = 2 ** 22;

/** The SHA-256 of some bytes, or of a text's UTF-8, in lower-case hex. */
export function sha256Of(bytes: Uint8Array | string): string {
  return createHash("sha256").update(bytes).digest("hex");
}

/**
 * The SHA-256 of a file, in lower-case hex; the file is read in pieces.
 *
 * @param onProgress Told how many bytes have been read so far.
 * @throws The file system's own error if the file cannot be read.
 */
export function sha256OfFile(path: string, onProgress?: (done: number) => void): string {
  return hashOfFile(path, "sha256", onProgress);
}

/**
 * Like {@link sha256OfFile}, for files that may be published with an MD5 alone.
 *
 * @throws The file system's own error if the file cannot be read.
 */
export function hashOfFile(
  path: string,
  algorithm: "md5" | "sha256",
  onProgress: (done: number) => void = () => undefined,
): string {
  const hash = createHash(algorithm);
  const piece = Buffer.allocUnsafe(HASHED_PIECE);
  const file = openSync(path, "r");
  try {
    let done = 0;
    for (let length; (length = readSync(file, piece)) > 0;) {
      hash.update(piece.subarray(0, length));
      onProgress((done += length));
    }
    return hash.digest("hex");
  } finally {
    closeSync(file);
  }
}
