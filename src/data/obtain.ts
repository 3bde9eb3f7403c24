import { statSync } from "node:fs";
import { basename, join } from "node:path";
import { InputError } from "../errors.js";
import { download, type DownloadProgress } from "../files/download.js";
import { sha256OfFile } from "../files/sha256.js";
import { readArchive, readFolder } from "./archive.js";
import { mostCifarBytes, readCifar } from "./cifar.js";
import type { CifarOrigin, DatasetDescription, DatasetId, datasets, TinyImageNetOrigin } from "./datasets.js";
import { makeDemo } from "./demo.js";
import type { SplitContents, StoreRecord } from "./store.js";
import { type DecodeProgress, openTinyImageNet, readTinyImageNet } from "./tiny-imagenet.js";

/** How far the preparation of a data set is. */
export type PrepareProgress =
  | ({ readonly stage: "download" } & DownloadProgress)
  | ({ readonly stage: "decode" | "inspect" } & DecodeProgress)
  | { readonly stage: "verify" | "unpack" | "make" };

/** Where an archive is downloaded to, until it is packed. */
export function downloadPath(id: string, dataDir: string): string {
  return join(dataDir, `.${id}.download`);
}

interface Obtained {
  readonly train: SplitContents;
  readonly test: SplitContents;
  readonly source: StoreRecord["source"];
  /** Closes the source, where it is still read while the store is written. */
  readonly close?: () => void;
}

interface ObtainedBuiltIn extends Omit<Obtained, "source"> {
  readonly description: BuiltIn;
  readonly facts: () => Pick<StoreRecord, "source">;
  readonly report?: undefined;
}

type BuiltIn = (typeof datasets)[DatasetId];

/**
 * The images of a built-in data set: made, from a local copy, or downloaded.
 *
 * @throws {InputError} if the local copy is wrong in any way; {@link WorkError} if the download fails.
 */
export async function obtain(
  description: BuiltIn,
  dataDir: string,
  from: string | undefined,
  sha256: string | undefined,
  onProgress: (progress: PrepareProgress) => void,
): Promise<ObtainedBuiltIn> {
  const { source, ...obtained } = await obtainFrom(description, dataDir, from, sha256, onProgress);
  return { ...obtained, description, facts: () => ({ source }) };
}

async function obtainFrom(
  description: BuiltIn,
  dataDir: string,
  from: string | undefined,
  sha256: string | undefined,
  onProgress: (progress: PrepareProgress) => void,
): Promise<Obtained> {
  const { origin } = description;
  if (origin.kind === "demo") {
    onProgress({ stage: "make" });
    return { ...(await makeDemo(description.image, origin)), source: { seed: origin.seed } };
  }
  if (from !== undefined) return openLocal(description, origin, from, sha256, onProgress);
  const archive = downloadPath(description.id, dataDir);
  const { url, bytes, md5 } = origin;
  const published = { url, bytes, checksum: { algorithm: "md5", digits: md5 } } as const;
  await download(published, archive, (progress) => onProgress({ stage: "download", ...progress }));
  const obtained = await openLocal(description, origin, archive, undefined, onProgress);
  return { ...obtained, source: { ...obtained.source, archive: basename(url), url } };
}

async function openLocal(
  description: DatasetDescription,
  origin: CifarOrigin | TinyImageNetOrigin,
  from: string,
  sha256: string | undefined,
  onProgress: (progress: PrepareProgress) => void,
): Promise<Obtained> {
  if (statSync(from).isDirectory()) {
    onProgress({ stage: "unpack" });
    return {
      ...(await openContents(description, origin, from, onProgress)),
      source: { folder: basename(from) },
    };
  }
  onProgress({ stage: "verify" });
  const found = sha256OfFile(from);
  if (sha256 !== undefined && found !== sha256.toLowerCase())
    throw new InputError(`${from} has the wrong checksum`, {
      expected: `sha256 ${sha256.toLowerCase()}`,
      found: `sha256 ${found}`,
      fix: "fetch the archive again, or check the checksum you gave",
    });
  onProgress({ stage: "unpack" });
  return {
    ...(await openContents(description, origin, from, onProgress)),
    source: { archive: basename(from), sha256: found },
  };
}

/** Both splits from an archive or its folder: CIFAR's at once, Tiny-ImageNet's image by image while they are stored. */
async function openContents(
  description: DatasetDescription,
  origin: CifarOrigin | TinyImageNetOrigin,
  from: string,
  onProgress: (progress: PrepareProgress) => void,
): Promise<Omit<Obtained, "source">> {
  const isFolder = statSync(from).isDirectory();
  if (origin.kind === "cifar") {
    const wanted = [...origin.trainFiles, ...origin.testFiles];
    const most = mostCifarBytes(description, origin);
    const files = isFolder
      ? readFolder(from, origin.folder, wanted, most)
      : await readArchive(from, wanted, most);
    return readCifar(files, description, origin);
  }
  const files = await openTinyImageNet(from, origin.folder);
  try {
    const progressed = (progress: DecodeProgress): void => onProgress({ stage: "decode", ...progress });
    return { ...(await readTinyImageNet(files, description, origin, progressed)), close: files.close };
  } catch (error) {
    files.close();
    throw error;
  }
}
