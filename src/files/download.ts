import { closeSync, openSync } from "node:fs";
import { dirname } from "node:path";
import { setTimeout as wait } from "node:timers/promises";
import { WorkError } from "../errors.js";
import { writeFailure } from "./atomic.js";
import { isHopeless, refused, unreachable, webPage, wrongSize } from "./download-errors.js";
import { request } from "./http.js";
import { partOf, type Part } from "./part.js";
import { goesOn, statedSize, validatorOf, wholeSize } from "./range-answer.js";
import { hashOfFile } from "./sha256.js";
import { isSystemError } from "./system-error.js";
import { writeWhole } from "./write-whole.js";
import { makeFolders } from "./make-folders.js";

/** What to download and how to know it is the right thing. */
export interface DownloadSource {
  readonly url: string;
  /** The file's size where it is published, else the most it may be. */
  readonly bytes: number | { readonly atMost: number };
  /** The file's checksum, or its first digits; null where none is published. */
  readonly checksum: { readonly algorithm: "md5" | "sha256"; readonly digits: string } | null;
  /** How to ask for it, where a plain request for `url` is not enough. */
  readonly open?: Opener | undefined;
}

/** Asks for a file, or with a `range` among the headers for the rest of it. Whatever it throws as a {@link WorkError} is final. */
export type Opener = (headers: Readonly<Record<string, string>>, signal: AbortSignal) => Promise<OpenedFile>;

/** A file that is about to come, and what its host states of the whole of it. */
export interface OpenedFile {
  readonly response: Response;
  readonly bytes?: number | undefined;
  readonly sha256?: string | undefined;
}

/** How far a download is. `rate` is this run's, in bytes a second; `total` is null where the size is unknown. */
export interface DownloadProgress {
  readonly received: number;
  readonly total: number | null;
  readonly rate: number;
}

/** How long a download is waited for. */
export interface Patience {
  /** Attempts in a row that bring less than `enough` each. */
  readonly attempts: number;
  /** How much an attempt has to bring, and in `period` milliseconds a connection, in bytes. */
  readonly enough: number;
  readonly period: number;
  /** Attempts altogether, whatever they bring. */
  readonly most: number;
  /** How long nothing may come, in milliseconds. */
  readonly silence: number;
  /** The pause before the second attempt, in milliseconds; each further one is twice as long. */
  readonly pause: number;
}

/** A line of 2 kbit/s, or one that breaks after every 64 KB, is slow and does its work; what is slower will not be seen to end. */
const usualPatience: Patience = {
  attempts: 4,
  enough: 2 ** 16,
  period: 300_000,
  most: 1000,
  silence: 60_000,
  pause: 500,
};

/** The longest pause that a busy server can ask for, in seconds. */
const LONGEST_PAUSE = 60;

/**
 * Downloads a file to `path`, going on where an earlier, unfinished download stopped, and checks its checksum. What stands still or
 * trickles is dropped and asked for again a bounded number of times, and a file that changed on the server in the meantime is begun anew.
 *
 * @throws {WorkError} if the network or the disk refuses, the server sends a web page instead, or the checksum is wrong; a part that
 * may be good is kept for the next attempt.
 */
export async function download(
  source: DownloadSource,
  path: string,
  onProgress: (progress: DownloadProgress) => void,
  changes: Partial<Patience> = {},
): Promise<void> {
  const patience = { ...usualPatience, ...changes };
  const part = partOf(path);
  if (part.size() > limitOf(source)) part.remove();
  let stated: Stated = { total: typeof source.bytes === "number" ? source.bytes : null, sha256: null };
  let most = part.size();
  let inVain = 0;
  let attempts = 0;
  while (part.size() !== stated.total) {
    try {
      stated = await receive(source, part, onProgress, patience);
    } catch (cause) {
      if (part.size() === 0) part.remove();
      if (cause instanceof WorkError) throw cause;
      // The disk's: what the network says comes as the cause of another error.
      if (isSystemError(cause)) throw writeFailure(path, cause);
      attempts++;
      inVain = part.size() - most >= patience.enough ? 0 : inVain + 1;
      most = Math.max(most, part.size());
      if (inVain >= patience.attempts || attempts >= patience.most || isHopeless(cause))
        throw unreachable(source.url, cause, attempts);
      const asked = cause instanceof Busy ? cause.seconds * 1000 : 0;
      await wait(Math.max(asked, patience.pause * 2 ** Math.max(0, inVain - 1)));
    }
  }
  part.finish();
  verify(source, stated.sha256, part);
}

/** What is known of the whole file once some of it came. */
interface Stated {
  readonly total: number | null;
  /** Its SHA-256 as the host states it. */
  readonly sha256: string | null;
}

function verify({ url, checksum }: DownloadSource, stated: string | null, part: Part): void {
  const wanted = [
    ...(checksum === null ? [] : [checksum]),
    ...(stated === null ? [] : [{ algorithm: "sha256", digits: stated } as const]),
  ];
  for (const { algorithm, digits } of wanted) {
    const found = hashOfFile(part.path, algorithm);
    if (found.startsWith(digits)) continue;
    part.remove();
    throw new WorkError(`the file downloaded from ${url} is wrong; it was removed`, {
      expected: `${algorithm} ${digits}`,
      found: `${algorithm} ${found}`,
      fix: "the same command again, which starts the download anew",
    });
  }
}

/** A server that may answer later. */
class Busy extends Error {
  readonly seconds: number;

  constructor({ status, statusText, headers }: Response) {
    super(`the server answered ${status} ${statusText}`);
    const after = Number(headers.get("retry-after") ?? 0);
    this.seconds = after > 0 ? Math.min(after, LONGEST_PAUSE) : 0;
  }
}

const busyStatuses: ReadonlySet<number> = new Set([408, 429, 500, 502, 503, 504]);

/** Receives what is missing, and returns what is known of the whole file. */
async function receive(
  source: DownloadSource,
  part: Part,
  onProgress: (progress: DownloadProgress) => void,
  patience: Patience,
): Promise<Stated> {
  const asked = part.size();
  const validator = asked > 0 ? part.validator() : null;
  // If the server compressed the transfer, the length it states would not be the file's.
  const headers = {
    "accept-encoding": "identity",
    ...(asked > 0 ? { range: `bytes=${asked}-` } : {}),
    ...(validator === null ? {} : { "if-range": validator }),
  };
  const watch = slownessWatch(patience);
  try {
    const opened = await (source.open ?? plainly(source.url))(headers, watch.signal);
    const { response } = opened;
    const again = async (): Promise<Stated> => {
      await response.body?.cancel();
      part.remove();
      return receive(source, part, onProgress, patience);
    };
    if (response.status === 416 && asked > 0) {
      // Nothing is missing, or the part on the disk is another file's.
      if (response.headers.get("content-range") !== `bytes */${asked}`) return await again();
      await response.body?.cancel();
      return { total: asked, sha256: opened.sha256 ?? null };
    }
    if (busyStatuses.has(response.status)) throw new Busy(response);
    if (!response.ok || response.body === null) throw refused(source.url, response);
    const packed = (response.headers.get("content-encoding") ?? "identity") !== "identity";
    // A server that ignores the range sends the whole file again, with status 200.
    const start = response.status === 206 ? asked : 0;
    if (start > 0 && (packed || !goesOn(response, asked, validator))) return await again();
    const total =
      typeof source.bytes === "number"
        ? source.bytes
        : (opened.bytes ?? (packed ? null : statedSize(response, start)));
    if ((total ?? 0) > limitOf(source)) throw tooLong(source, total);
    const stated = packed ? null : wholeSize(response, start);
    const other =
      typeof source.bytes === "number" && stated !== null && stated !== source.bytes
        ? wrongSize(source.url, `${source.bytes} bytes`, `${stated} bytes, as its server states`)
        : null;
    makeFolders(dirname(part.path));
    if (start === 0) part.begin(packed ? null : validatorOf(response));
    try {
      const received = await append(
        source,
        part,
        response.body,
        start,
        total,
        onProgress,
        watch.touch,
        other,
      );
      if (total !== null && received < total)
        throw new Error(`the connection ended after ${received} of ${total} bytes`);
      return { total: received, sha256: opened.sha256 ?? null };
    } catch (cause) {
      // Where it was unpacked on the way, the bytes that are there do not say where the server has to go on.
      if (packed) part.remove();
      throw watch.signal.aborted ? watch.signal.reason : cause;
    }
  } finally {
    watch.stop();
  }
}

/** Writes what comes behind `start`, and returns the size of the file then; throws `other` where it is no web page, which says more. */
async function append(
  source: DownloadSource,
  part: Part,
  body: NonNullable<Response["body"]>,
  start: number,
  total: number | null,
  onProgress: (progress: DownloadProgress) => void,
  touch: (bytes: number) => void,
  other: WorkError | null,
): Promise<number> {
  const began = performance.now();
  let received = start;
  const file = openSync(part.path, start > 0 ? "a" : "w");
  try {
    // What has come is written at once: what a stream still holds is lost when the connection breaks.
    for await (const chunk of body as AsyncIterable<Uint8Array>) {
      touch(chunk.length);
      if (received === 0 && isWebPage(chunk)) throw webPage(source.url);
      if (other !== null) throw other;
      received += chunk.length;
      if (received > (total ?? limitOf(source))) throw tooLong(source, null);
      writeWhole(file, chunk);
      const seconds = (performance.now() - began) / 1000;
      onProgress({ received, total, rate: (received - start) / seconds });
    }
  } finally {
    closeSync(file);
  }
  return received;
}

function plainly(url: string): Opener {
  return (headers, signal) => request(url, { headers, signal });
}

/** Aborts its signal when nothing has come for a while, or too little in a longer one. */
function slownessWatch({ silence, period, enough }: Patience) {
  const controller = new AbortController();
  const seconds = (milliseconds: number): number => Math.round(milliseconds / 1000);
  const silent = setTimeout(
    () => controller.abort(new Error(`nothing came for ${seconds(silence)} s`)),
    silence,
  );
  let came = 0;
  const slow = setInterval(() => {
    if (came < enough) controller.abort(new Error(`only ${came} bytes came in ${seconds(period)} s`));
    came = 0;
  }, period);
  return {
    signal: controller.signal,
    touch: (bytes: number): void => {
      came += bytes;
      silent.refresh();
    },
    stop: (): void => {
      clearTimeout(silent);
      clearInterval(slow);
    },
  };
}

function limitOf({ bytes }: DownloadSource): number {
  return typeof bytes === "number" ? bytes : bytes.atMost;
}

/** Whether a file begins as a web page does: servers send sign-in and error pages with status 200. */
export function isWebPage(chunk: Uint8Array): boolean {
  return /^\s*<(!doctype|html|head|\?xml)/i.test(Buffer.from(chunk.subarray(0, 256)).toString("latin1"));
}

function tooLong(source: DownloadSource, stated: number | null): WorkError {
  const most = `${typeof source.bytes === "number" ? "" : "at most "}${limitOf(source)} bytes`;
  return wrongSize(source.url, most, stated === null ? "more than that" : `${stated} bytes, more than that`);
}
