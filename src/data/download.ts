import { createWriteStream, mkdirSync, rmSync, statSync } from "node:fs";
import { dirname } from "node:path";
import { Readable } from "node:stream";
import { pipeline } from "node:stream/promises";
import { setTimeout as wait } from "node:timers/promises";
import { WorkError } from "../errors.js";
import { writeFailure } from "../runtime/files.js";
import { hashFile } from "./archive.js";

/** What to download and how to know it is the right thing. */
export interface DownloadSource {
  readonly url: string;
  readonly bytes: number;
  readonly md5: string;
}

/** How far a download is; the rate is that of this run, in bytes a second. */
export interface DownloadProgress {
  readonly received: number;
  readonly total: number;
  readonly rate: number;
}

/**
 * Downloads a file to `path`, going on where an earlier, unfinished download stopped, and checks its checksum.
 *
 * @throws {WorkError} if the network or the disk refuses, or the checksum is wrong; a part that may be good is kept to go on with.
 */
export async function download(
  source: DownloadSource,
  path: string,
  onProgress: (progress: DownloadProgress) => void,
): Promise<void> {
  if (sizeOf(path) > source.bytes) rmSync(path);
  while (sizeOf(path) < source.bytes) {
    const before = sizeOf(path);
    try {
      await receive(source, path, onProgress);
    } catch (cause) {
      if (sizeOf(path) === 0) rmSync(path, { force: true });
      if (cause instanceof WorkError) throw cause;
      if ((cause as NodeJS.ErrnoException).code === "ENOSPC") throw writeFailure(path, cause);
      // A dropped connection is taken up again as long as each attempt brings something.
      if (sizeOf(path) <= before) throw unreachable(source, cause);
      await wait(500);
    }
  }
  const found = await hashFile(path, "md5");
  if (found === source.md5) return;
  rmSync(path);
  throw new WorkError(`the file downloaded from ${source.url} is wrong; it was removed`, {
    expected: `md5 ${source.md5}`,
    found: `md5 ${found}`,
    fix: "the same command again, which starts the download anew",
  });
}

async function receive(
  source: DownloadSource,
  path: string,
  onProgress: (progress: DownloadProgress) => void,
): Promise<void> {
  const asked = sizeOf(path);
  const response = await fetch(source.url, asked > 0 ? { headers: { range: `bytes=${asked}-` } } : {});
  if (!response.ok || response.body === null)
    throw new WorkError(`cannot download ${source.url}`, {
      found: `the server answered ${response.status} ${response.statusText}`,
      fix: "try again later, or give a local copy with --from",
    });
  // A server that ignores the range sends the whole file again.
  const start = response.status === 206 ? asked : 0;
  mkdirSync(dirname(path), { recursive: true });
  const began = performance.now();
  let received = start;
  const counted = async function* (chunks: AsyncIterable<Uint8Array>): AsyncGenerator<Uint8Array> {
    for await (const chunk of chunks) {
      if (received === 0 && isWebPage(chunk)) throw webPage(source);
      received += chunk.length;
      if (received > source.bytes) throw tooLong(source);
      yield chunk;
      const seconds = (performance.now() - began) / 1000;
      onProgress({ received, total: source.bytes, rate: (received - start) / seconds });
    }
  };
  await pipeline(
    Readable.fromWeb(response.body),
    counted,
    createWriteStream(path, { flags: start > 0 ? "a" : "w" }),
  );
  if (received < source.bytes)
    throw new Error(`the connection ended after ${received} of ${source.bytes} bytes`);
}

/** No archive begins so; a page for signing in or an apology does, with status 200. */
function isWebPage(chunk: Uint8Array): boolean {
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

function tooLong({ url, bytes }: DownloadSource): WorkError {
  return new WorkError(`${url} is not the file it should be`, {
    expected: `${bytes} bytes`,
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
