import { basename, join } from "node:path";
import { download, type DownloadProgress } from "../files/download.js";
import { type HeldLock, takeLock } from "../files/lock.js";
import { type ChangedFile, compareWithFirst } from "./first-checksum.js";
import { type Address, locate } from "./address.js";

/** The most that is downloaded where nobody states a size: 4 GB. */
export const MOST_BYTES = 4e9;

/** A published file and what is known of it. */
export interface PublishedFile {
  readonly address: Address;
  /** Its name, where the address is a folder's. */
  readonly file?: string | undefined;
  readonly bytes: number | { readonly atMost: number };
  /** The SHA-256, or its first digits. */
  readonly sha256?: string | undefined;
}

/** The folder of unfinished downloads, inside the store. */
export function downloadsFolder(teachersDir: string): string {
  return join(teachersDir, ".downloads");
}

/** Where what is known of files that were fetched is kept, and who hears of it. */
export interface FetchPlace {
  readonly teachersDir: string;
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  /** Called where a file without a whole checksum is another one than what came from its address the first time. */
  readonly onChanged?: ((change: ChangedFile) => void) | undefined;
}

/** Digits of a SHA-256; fewer pin no file. */
const WHOLE_SHA256 = 64;

/**
 * Takes the right to download to `path` and to use what is there.
 *
 * @throws {WorkError} if another process has it.
 */
export function takeDownload(path: string): HeldLock {
  return takeLock(`${path}.lock`, {
    busy: `another mtard is downloading ${basename(path)}`,
    once: "one download of a file at a time",
    instead: "give a local copy with --from",
  });
}

/**
 * Downloads a published file to `path`, or what is missing of it.
 *
 * @returns `path`.
 * @throws {InputError} if a folder has no such file, {@link WorkError} as {@link download} does.
 */
export async function downloadWeights(
  { address, file, bytes, sha256 }: PublishedFile,
  path: string,
  { teachersDir, onDownload = () => undefined, onChanged }: FetchPlace,
): Promise<string> {
  const { url, open } = await locate(address, file ?? null);
  const checksum = sha256 === undefined ? null : ({ algorithm: "sha256", digits: sha256 } as const);
  await download({ url, open, bytes, checksum }, path, onDownload);
  const changed = sha256?.length === WHOLE_SHA256 ? null : compareWithFirst(teachersDir, url, path);
  if (changed !== null) onChanged?.(changed);
  return path;
}
