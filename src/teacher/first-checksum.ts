import { createHash } from "node:crypto";
import { join } from "node:path";
import { z } from "zod";
import { writeFileAtomically } from "../files/atomic.js";
import { readTextFile } from "../files/read-text.js";
import { sha256OfFile } from "../files/sha256.js";

const recordSchema = z.object({
  url: z.string().max(5000),
  /** Of what came the first time. */
  sha256: z.string().regex(/^[0-9a-f]{64}$/),
});

/** A file that is another one than what came from its address the first time. */
export interface ChangedFile {
  readonly url: string;
  readonly sha256: { readonly first: string; readonly now: string };
}

/**
 * Compares a file that was fetched with what came from its address the first time, whose checksum is kept in the store; the first time it
 * is kept. A record that cannot be read is written anew.
 *
 * @returns How it changed, or null if it did not, or is the first.
 * @throws {WorkError} if the disk refuses.
 */
export function compareWithFirst(teachersDir: string, url: string, path: string): ChangedFile | null {
  const key = createHash("sha256").update(url).digest("hex").slice(0, 32);
  const record = join(teachersDir, ".checksums", `${key}.json`);
  const now = sha256OfFile(path);
  const first = readRecord(record, url);
  if (first === null) {
    writeFileAtomically(record, `${JSON.stringify({ url, sha256: now }, null, 2)}\n`);
    return null;
  }
  return first === now ? null : { url, sha256: { first, now } };
}

/** The most bytes of a record. */
const MOST_BYTES = 10_000;

function readRecord(path: string, url: string): string | null {
  try {
    const record = recordSchema.parse(JSON.parse(readTextFile(path, MOST_BYTES)));
    return record.url === url ? record.sha256 : null;
  } catch {
    return null;
  }
}
