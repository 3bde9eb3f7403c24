import { gunzipSync } from "node:zlib";
import { InputError } from "../errors.js";

/** Compression shrinks weights by a tenth; what claims to unpack to this many times its size is made to fill the memory. */
const MAXIMUM_EXPANSION = 64;
const SPARE_BYTES = 2 ** 24;
const MAXIMUM_BYTES = 2 ** 31 - 1;

/** Whether bytes begin as gzip writes them. */
export function isGzip(head: Uint8Array): boolean {
  return head[0] === 0x1f && head[1] === 0x8b;
}

/**
 * The file inside a gzip file.
 *
 * @param path What the file is called in errors.
 * @throws {InputError} if it is damaged, or would unpack to many times its size, or to 2 GiB and more.
 */
export function gunzip(packed: Uint8Array, path: string): Uint8Array<ArrayBuffer> {
  const most = Math.min(MAXIMUM_BYTES, packed.length * MAXIMUM_EXPANSION + SPARE_BYTES);
  try {
    const { buffer, byteOffset, length } = gunzipSync(packed, { maxOutputLength: most });
    return new Uint8Array(buffer, byteOffset, length);
  } catch (cause) {
    const { code, message } = cause as NodeJS.ErrnoException;
    if (code === "ERR_BUFFER_TOO_LARGE")
      throw new InputError(`${path} unpacks to more than a model of its size can have`, {
        expected: `at most ${most} bytes, from ${packed.length}`,
        found: "more",
        fix: "unpack it with gunzip, if you know where it comes from, and give the file inside",
        cause,
      });
    throw new InputError(`${path} is damaged or cut short`, {
      found: `gzip: ${message}`,
      fix: "download or copy the file again, and compare its size or checksum with the source's",
      cause,
    });
  }
}
