import { existsSync, rmSync, statSync } from "node:fs";
import { basename, join } from "node:path";
import { InputError } from "../errors.js";
import { hashFile, readArchive, readFolder } from "./archive.js";
import { readCifar } from "./cifar.js";
import { datasets, type CifarOrigin, type DatasetDescription, type DatasetId } from "./datasets.js";
import { makeDemo } from "./demo.js";
import { download, type DownloadProgress } from "./download.js";
import {
  datasetFolder,
  fingerprint,
  openDataset,
  readStoreRecord,
  writeStore,
  type Split,
  type StoreRecord,
} from "./store.js";

/** Where a data set is to come from, and whether one that is there is replaced. */
export interface PrepareOptions {
  /** A local archive, or the folder it was unpacked to. */
  readonly from?: string;
  /** What the sha256 of the archive `from` must be. */
  readonly sha256?: string;
  readonly force?: boolean;
  readonly onProgress?: (progress: PrepareProgress) => void;
}

export type PrepareProgress =
  | ({ readonly stage: "download" } & DownloadProgress)
  | { readonly stage: "verify" | "unpack" | "make" | "write" };

/** A data set as it lies in the store. */
export interface PreparedDataset {
  readonly dataset: DatasetId;
  readonly train: number;
  readonly test: number;
  readonly classes: number;
  readonly folder: string;
  readonly fingerprint: string;
  readonly source: StoreRecord["source"];
  /** Nothing had to be done. */
  readonly alreadyThere: boolean;
}

/**
 * Puts a data set into the store: makes or fetches it, or takes a local copy, verifies it and packs it.
 *
 * What is there already is kept; a local copy with other contents than those there is refused unless `force`.
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

  const { train, test, source, cleanUp } = await obtain(description, dataDir, from, sha256, onProgress);
  if (present !== null) {
    if (fingerprint(description, train, test) === present.fingerprint) return summary(present, true);
    throw new InputError(`data set ${id} is already there with other contents`, {
      expected: `the ${present.train} train and ${present.test} test images in ${datasetFolder(id, dataDir)}`,
      found: `${train.count} train and ${test.count} test images in ${from ?? ""}`,
      fix: "the same command with --force, which replaces it",
    });
  }
  onProgress({ stage: "write" });
  const record = writeStore(description, dataDir, { train, test }, source);
  cleanUp?.();
  return summary(record, false);
}

interface Obtained {
  readonly train: Split;
  readonly test: Split;
  readonly source: StoreRecord["source"];
  /** Removes what is not needed once the store is written. */
  readonly cleanUp?: () => void;
}

async function obtain(
  description: DatasetDescription,
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
  if (from !== undefined) return readLocal(description, origin, from, sha256, onProgress);
  const archive = join(dataDir, `.${description.id}.download`);
  await download(origin, archive, (progress) => onProgress({ stage: "download", ...progress }));
  const { train, test, source } = await readLocal(description, origin, archive, undefined, onProgress);
  return {
    train,
    test,
    source: { ...source, archive: basename(origin.url), url: origin.url },
    cleanUp: () => rmSync(archive),
  };
}

async function readLocal(
  description: DatasetDescription,
  origin: CifarOrigin,
  from: string,
  sha256: string | undefined,
  onProgress: (progress: PrepareProgress) => void,
): Promise<Obtained> {
  const wanted = [...origin.trainFiles, ...origin.testFiles];
  if (statSync(from).isDirectory()) {
    onProgress({ stage: "unpack" });
    return {
      ...readCifar(readFolder(from, origin.folder, wanted), description, origin),
      source: { folder: basename(from) },
    };
  }
  onProgress({ stage: "verify" });
  const found = await hashFile(from, "sha256");
  if (sha256 !== undefined && found !== sha256.toLowerCase())
    throw new InputError(`${from} has the wrong checksum`, {
      expected: `sha256 ${sha256.toLowerCase()}`,
      found: `sha256 ${found}`,
      fix: "fetch the archive again, or check the checksum you gave",
    });
  onProgress({ stage: "unpack" });
  return {
    ...readCifar(readArchive(from, wanted), description, origin),
    source: { archive: basename(from), sha256: found },
  };
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
