import { createWriteStream, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import { WorkError } from "../errors.js";
import { writeFailure } from "../files/atomic.js";
import { hashOfFile } from "../files/sha256.js";

/** What to download and how to know it is the right thing. */
export interface DownloadSource {
  readonly url: string;
  /** The file's size where it is published, else the most it may be. */
  readonly bytes: number | { readonly atMost: number };
  /** The file's checksum, or its first digits; null where none is published. */
  readonly checksum: { readonly algorithm: "md5" | "sha256"; readonly digits: string } | null;
}

/** How far a download is. `rate` is this run's, in bytes a second; `total` is null where the size is unknown. */
export interface DownloadProgress {
  readonly received: number;
  readonly total: number | null;
  readonly rate: number;
}

/**
 * Downloads a file to `path`, going on where an earlier, unfinished download stopped, and checks its checksum.
 *
 * @throws {WorkError} if the network or the disk refuses, the server sends a web page instead, or the checksum is wrong; a part that
 * may be good is kept for the next attempt.
 */
export async function download(
  source: DownloadSource,
  path: string,
  onProgress: (progress: DownloadProgress) => void,
): Promise<void> {
  let total = typeof source.bytes === "number" ? source.bytes : null;
  if (sizeOf(path) > limitOf(source)) rmSync(path);
  while (sizeOf(path) !== total) {
    const before = sizeOf(path);
    try {
      total = await receive(source, path, onProgress);
    } catch (cause) {
      if (sizeOf(path) === 0) rmSync(path, { force: true });
      if (cause instanceof WorkError) throw cause;
      if ((cause as NodeJS.ErrnoException).code === "ENOSPC") throw writeFailure(path, cause);
      // A dropped connection is taken up again as long as each attempt brings something.
      if (sizeOf(path) <= before) throw unreachable(source, cause);
      await wait(500);
    }
  }
  verify(source, path);
}

function verify({ url, checksum }: DownloadSource, path: string): void {
  if (checksum === null) return;
  const { algorithm, digits } = checksum;
  const found = hashOfFile(path, algorithm);
  if (found.startsWith(digits)) return;
  rmSync(path);
  throw new WorkError(`the file downloaded from ${url} is wrong; it was removed`, {
    expected: `${algorithm} ${digits}`,
    found: `${algorithm} ${found}`,
    fix: "the same command again, which starts the download anew",
  });
}

/** Receives what is missing, and returns the size of the whole file. */
async function receive(
  source: DownloadSource,
  path: string,
  onProgress: (progress: DownloadProgress) => void,
): Promise<number> {
  const asked = sizeOf(path);
  // If the server compressed the transfer, the length it states would not be the file's.
  const headers = { "accept-encoding": "identity", ...(asked > 0 ? { range: `bytes=${asked}-` } : {}) };
  const response = await fetch(source.url, { headers });
  if (response.status === 416 && asked > 0) {
    // Nothing is missing, or the part on the disk is another file's.
    if (response.headers.get("content-range") === `bytes */${asked}`) return asked;
    rmSync(path);
    return receive(source, path, onProgress);
  }
  if (!response.ok || response.body === null)
    throw new WorkError(`cannot download ${source.url}`, {
      found: `the server answered ${response.status} ${response.statusText}`,
      fix: "try again later, or give a local copy with --from",
    });
  // A server that ignores the range sends the whole file again.
  const start = response.status === 206 ? asked : 0;
  const stated = typeof source.bytes === "number" ? source.bytes : statedSize(response, start);
  if ((stated ?? 0) > limitOf(source)) throw tooLong(source);
  mkdirSync(dirname(path), { recursive: true });
  const began = performance.now();
  let received = start;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      if (received === 0 && isWebPage(chunk)) throw webPage(source);
      received += chunk.length;
      if (received > (stated ?? limitOf(source))) throw tooLong(source);
      yield chunk;
      const seconds = (performance.now() - began) / 1000;
      onProgress({ received, total: stated, rate: (received - start) / seconds });
    }
  };
  await pipeline(
    Readable.fromWeb(response.body),
    counted,
    createWriteStream(path, { flags: start > 0 ? "a" : "w" }),
  );
  if (stated !== null && received < stated)
    throw new Error(`the connection ended after ${received} of ${stated} bytes`);
  return received;
}

/** The size of the whole file, from a response that begins at `start`. */
function statedSize(response: Response, start: number): number | null {
  const length = response.headers.get("content-length");
  return length === null ? null : start + Number(length);
}

function limitOf({ bytes }: DownloadSource): number {
  return typeof bytes === "number" ? bytes : bytes.atMost;
}

/** Whether a file begins as a web page does: servers send sign-in and error pages with status 200. */
export function isWebPage(chunk: Uint8Array): boolean {
  return /^\s*<(!doctype|html|head|\?xml)/i.test(Buffer.from(chunk.subarray(0, 256)).toString("latin1"));
}

function webPage({ url }: DownloadSource): WorkError {
  return new WorkError(`${url} answered with a web page in place of the file`, {
    fix: "open the address in a browser; fetch the file elsewhere and give it with --from",
  });
}

function sizeOf(path: string): number {
  return statSync(path, { throwIfNoEntry: false })?.size ?? 0;
}

function tooLong(source: DownloadSource): WorkError {
  return new WorkError(`${source.url} is not the file it should be`, {
    expected: `${typeof source.bytes === "number" ? "" : "at most "}${limitOf(source)} bytes`,
    found: "more than that",
    fix: "fetch the file elsewhere and give it with --from",
  });
}

function unreachable({ url }: DownloadSource, cause: unknown): WorkError {
  const error = cause instanceof Error && cause.cause instanceof Error ? cause.cause : cause;
  return new WorkError(`cannot download ${url}`, {
    found: error instanceof Error ? error.message : String(error),
    fix: "check the network; or fetch the file on another machine and give it with --from FILE",
    cause,
  });
}
