import { existsSync, statSync } from "node:fs";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import { kindOf, requireRegularFile } from "../files/kind.js";
import { datasets, findDataset, isBuiltIn, requireOwnName, type DatasetDescription } from "./datasets.js";
import { type Place, readWhole, waitForPlace } from "../files/folder.js";
import { partOf } from "../files/part.js";
import { downloadPath, obtain, type PrepareProgress } from "./obtain.js";
import { openOwn, type OwnOptions } from "./own-prepare.js";
import type { OwnReport } from "./own-report.js";
import {
  datasetFolder,
  isOutdated,
  openDataset,
  readStoreRecord,
  writeStore,
  type StoreRecord,
} from "./store.js";

/** Where a data set comes from, and whether it replaces one already in the store. */
export interface PrepareOptions {
  /** A local archive, or the folder it was unpacked to; of a user's own data set a folder of class folders, a zip of one, or arrays. */
  readonly from?: string;
  /** The SHA-256 that the archive `from` must have. */
  readonly sha256?: string;
  readonly force?: boolean;
  /** How a user's own images become a data set; not for a built-in one. */
  readonly own?: OwnOptions;
  readonly onProgress?: (progress: PrepareProgress) => void;
  /** Told once who is packing this data set already, if another process is: it is waited for. */
  readonly onWait?: (holder: string) => void;
}

/** A data set as it lies in the store. */
export interface PreparedDataset {
  readonly dataset: string;
  readonly title: string;
  readonly image: ImageShape;
  readonly train: number;
  readonly test: number;
  readonly classes: number;
  readonly folder: string;
  readonly fingerprint: string;
  readonly source: StoreRecord["source"];
  readonly images?: StoreRecord["images"];
  /** What became of a user's own images, where they were read now. */
  readonly report?: OwnReport | undefined;
  /** Whether the store already held the same data. */
  readonly alreadyThere: boolean;
}

/**
 * Puts a data set into the store: makes or fetches it, or takes a local copy, verifies it and packs it. A name that is not built in
 * is a user's own data set, of the images that `from` names.
 *
 * A data set already in the store is kept, unless another version of the program made its images: those are made anew. A local copy with
 * other contents is refused unless `force`.
 *
 * @throws {InputError} if the name cannot be a data set's, or the local copy is wrong in any way; nothing is left behind.
 * @throws {WorkError} if the download fails or the disk refuses.
 */
export async function prepareDataset(
  id: string,
  dataDir: string,
  options: PrepareOptions = {},
): Promise<PreparedDataset> {
  const { from, force = false, onWait = () => undefined } = options;
  // A name that is neither built in nor there is refused with those that are.
  if (!isBuiltIn(id) && from === undefined) findDataset(id, dataDir);
  if (!isBuiltIn(id)) requireOwnName(id);
  refuseContradictions(id, options);
  const present = force ? null : presentDataset(id, dataDir);
  if (present !== null && from === undefined && !existsSync(downloadPath(id, dataDir))) return present;
  if (!isBuiltIn(id) && from === undefined)
    throw new InputError(`data set ${id} can only be made of your images`, {
      expected: "--from DIR",
      fix: `mtard data ${id} --from DIR --force`,
    });
  const place = await waitForPlace(datasetFolder(id, dataDir), onWait);
  try {
    return await prepareIn(place, id, dataDir, options);
  } finally {
    place.release();
  }
}

/** Does the work of {@link prepareDataset}, as the only process that does it for this data set. */
async function prepareIn(
  place: Place,
  id: string,
  dataDir: string,
  { from, sha256, force = false, own = {}, onProgress = () => undefined }: PrepareOptions,
): Promise<PreparedDataset> {
  // Whoever was waited for may have packed it.
  const record = force ? null : usableRecord(id, dataDir);
  const present = record === null ? null : presentDataset(id, dataDir);
  if (present !== null && from === undefined) {
    if (isBuiltIn(id)) partOf(downloadPath(id, dataDir)).remove();
    return present;
  }
  const replaces = (packed: StoreRecord): boolean => {
    if (present === null) return true;
    if (packed.fingerprint === present.fingerprint) return false;
    throw new InputError(`data set ${id} is already there with other contents`, {
      expected: `the ${present.train} train and ${present.test} test images in ${datasetFolder(id, dataDir)}`,
      found: `${packed.train} train and ${packed.test} test images in ${from ?? ""}`,
      fix: "the same command with --force, which replaces it",
    });
  };
  const obtained = isBuiltIn(id)
    ? await obtain(datasets[id], dataDir, from, sha256, onProgress)
    : await openOwn(id, from ?? "", own, (stage, so) => onProgress({ stage, ...so }));
  const { description, train, test, facts, report, close } = obtained;
  try {
    const packed = await writeStore(description, dataDir, place, { train, test }, facts, replaces);
    if (isBuiltIn(id)) partOf(downloadPath(id, dataDir)).remove();
    return summary(dataDir, description, record ?? packed, present !== null, report);
  } finally {
    close?.();
  }
}

/** The record of the data set in the store, or null if none is there, or one of another version's images. */
function usableRecord(id: string, dataDir: string): StoreRecord | null {
  const record = readStoreRecord(id, dataDir);
  return record !== null && isBuiltIn(id) && isOutdated(datasets[id], record) ? null : record;
}

/** The data set as it lies in the store, checked, or null if it is not there. */
function presentDataset(id: string, dataDir: string): PreparedDataset | null {
  return readWhole(datasetFolder(id, dataDir), () => {
    const record = usableRecord(id, dataDir);
    return record && summary(dataDir, openDataset(id, dataDir).description, record, true);
  });
}

function summary(
  dataDir: string,
  { id, title, image, classNames }: DatasetDescription,
  record: StoreRecord,
  alreadyThere: boolean,
  report?: OwnReport,
): PreparedDataset {
  return {
    dataset: id,
    title,
    image,
    train: record.train,
    test: record.test,
    classes: classNames.length,
    folder: datasetFolder(id, dataDir),
    fingerprint: record.fingerprint,
    source: record.source,
    ...(record.images ? { images: record.images } : {}),
    ...(report ? { report } : {}),
    alreadyThere,
  };
}

function refuseContradictions(id: string, { from, sha256, own }: PrepareOptions): void {
  if (isBuiltIn(id) && own !== undefined)
    throw new InputError(`data set ${id} is built in, and its images are taken as they are`, {
      expected: "no options of own images, such as --size",
      found: Object.keys(own).join(", "),
    });
  const asked = Object.keys(own ?? {}).filter((name) => name !== "onLeftOut");
  if (!isBuiltIn(id) && from === undefined && asked.length > 0)
    throw new InputError("options of own images need the images", {
      expected: "--from DIR",
      found: asked.join(", "),
    });
  if (!isBuiltIn(id) && sha256 !== undefined)
    throw new InputError("--sha256 is the checksum of a built-in data set's archive", { found: id });
  if (from !== undefined && id === "demo")
    throw new InputError(`data set ${id} is made by the program and takes no --from`, {
      fix: `mtard data ${id}`,
    });
  if (from !== undefined && !existsSync(from))
    throw new InputError(`there is no file or folder ${from}`, {
      expected: "a local archive, or the folder it was unpacked to",
      fix: "check the path after --from",
    });
  if (from !== undefined && kindOf(from) !== "folder")
    requireRegularFile(from, "a local archive, or the folder it was unpacked to");
  if (sha256 === undefined) return;
  if (from === undefined || statSync(from).isDirectory())
    throw new InputError("--sha256 is the checksum of a local archive", {
      expected: "--from FILE, an archive",
      found: from === undefined ? "no --from" : `a folder, ${from}`,
    });
  if (!/^[0-9a-f]{64}$/i.test(sha256))
    throw new InputError("--sha256 is not a sha256", { expected: "64 hexadecimal digits", found: sha256 });
}
