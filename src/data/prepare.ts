import { existsSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { InputError } from "../errors.js";
import { sha256OfFile } from "../files/sha256.js";
import { readArchive, readFolder } from "./archive.js";
import { readCifar } from "./cifar.js";
import {
  datasets,
  type CifarOrigin,
  type DatasetDescription,
  type DatasetId,
  type TinyImageNetOrigin,
} from "./datasets.js";
import { makeDemo } from "./demo.js";
import { download, type DownloadProgress } from "../files/download.js";
import {
  datasetFolder,
  openDataset,
  readStoreRecord,
  writeStore,
  type SplitContents,
  type StoreRecord,
} from "./store.js";
import { openTinyImageNet, readTinyImageNet, type DecodeProgress } from "./tiny-imagenet.js";

/** Where a data set comes from, and whether it replaces one already in the store. */
export interface PrepareOptions {
  /** A local archive, or the folder it was unpacked to. */
  readonly from?: string;
  /** The SHA-256 that the archive `from` must have. */
  readonly sha256?: string;
  readonly force?: boolean;
  readonly onProgress?: (progress: PrepareProgress) => void;
}

export type PrepareProgress =
  | ({ readonly stage: "download" } & DownloadProgress)
  | ({ readonly stage: "decode" } & DecodeProgress)
  | { readonly stage: "verify" | "unpack" | "make" };

/** A data set as it lies in the store. */
export interface PreparedDataset {
  readonly dataset: DatasetId;
  readonly train: number;
  readonly test: number;
  readonly classes: number;
  readonly folder: string;
  readonly fingerprint: string;
  readonly source: StoreRecord["source"];
  /** Whether the store already held the same data. */
  readonly alreadyThere: boolean;
}

/**
 * Puts a data set into the store: makes or fetches it, or takes a local copy, verifies it and packs it.
 *
 * A data set already in the store is kept; a local copy with other contents is refused unless `force`.
 *
 * @throws {InputError} if the local copy is wrong in any way; nothing is left behind.
 * @throws {WorkError} if the download fails or the disk refuses.
 */
export async function prepareDataset(
  id: DatasetId,
  dataDir: string,
  options: PrepareOptions = {},
): Promise<PreparedDataset> {
  const { from, sha256, force = false, onProgress = () => undefined } = options;
  refuseContradictions(id, from, sha256);
  const description = datasets[id];
  const summary = (record: StoreRecord, alreadyThere: boolean): PreparedDataset => ({
    dataset: id,
    train: record.train,
    test: record.test,
    classes: description.classNames.length,
    folder: datasetFolder(id, dataDir),
    fingerprint: record.fingerprint,
    source: record.source,
    alreadyThere,
  });

  const present = force ? null : readStoreRecord(id, dataDir);
  if (present !== null) openDataset(id, dataDir);
  if (present !== null && from === undefined) return summary(present, true);

  const replaces = (packed: StoreRecord): boolean => {
    if (present === null) return true;
    if (packed.fingerprint === present.fingerprint) return false;
    throw new InputError(`data set ${id} is already there with other contents`, {
      expected: `the ${present.train} train and ${present.test} test images in ${datasetFolder(id, dataDir)}`,
      found: `${packed.train} train and ${packed.test} test images in ${from ?? ""}`,
      fix: "the same command with --force, which replaces it",
    });
  };
  const { train, test, source, close } = await obtain(description, dataDir, from, sha256, onProgress);
  try {
    const record = await writeStore(description, dataDir, { train, test }, source, replaces);
    if (from === undefined) rmSync(downloadPath(id, dataDir), { force: true });
    return present === null ? summary(record, false) : summary(present, true);
  } finally {
    close?.();
  }
}

/** Where an archive is downloaded to, until it is packed. */
function downloadPath(id: DatasetId, dataDir: string): string {
  return join(dataDir, `.${id}.download`);
}

interface Obtained {
  readonly train: SplitContents;
  readonly test: SplitContents;
  readonly source: StoreRecord["source"];
  /** Closes the source, where it is still read while the store is written. */
  readonly close?: () => void;
}

async function obtain(
  description: DatasetDescription & { readonly id: DatasetId },
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
    const files = isFolder ? readFolder(from, origin.folder, wanted) : readArchive(from, wanted);
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

function refuseContradictions(id: DatasetId, from: string | undefined, sha256: string | undefined): void {
  if (from !== undefined && datasets[id].origin.kind === "demo")
    throw new InputError(`data set ${id} is made by the program and takes no --from`, {
      fix: `mtard data ${id}`,
    });
  if (from !== undefined && !existsSync(from))
    throw new InputError(`there is no file or folder ${from}`, {
      expected: "a local archive, or the folder it was unpacked to",
      fix: "check the path after --from",
    });
  if (sha256 === undefined) return;
  if (from === undefined || statSync(from).isDirectory())
    throw new InputError("--sha256 is the checksum of a local archive", {
      expected: "--from FILE, an archive",
      found: from === undefined ? "no --from" : `a folder, ${from}`,
    });
  if (!/^[0-9a-f]{64}$/i.test(sha256))
    throw new InputError("--sha256 is not a sha256", { expected: "64 hexadecimal digits", found: sha256 });
}
