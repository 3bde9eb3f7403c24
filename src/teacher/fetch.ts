import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import { type DownloadProgress, isWebPage } from "../files/download.js";
import { InputError } from "../errors.js";
import type { Place } from "../files/folder.js";
import { requireRegularFile } from "../files/kind.js";
import { sha256OfFile } from "../files/sha256.js";
import { parameterSpecs } from "../graph/parameters.js";
import { createNetwork } from "../networks/networks.js";
import { readMetadata } from "../onnx/metadata.js";
import { parseModel, readModelFile } from "../onnx/model.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { parseAddress } from "./address.js";
import { howToGet, type TeacherDescription } from "./descriptions.js";
import { downloadsFolder, downloadWeights, type FetchPlace, MOST_BYTES, takeDownload } from "./fetch-file.js";
import { type ImportedTeacher, importInto, type ImportRequest, takeTeacherPlace } from "./import.js";
import { MANIFEST_FILE } from "./manifest.js";
import { isOnnxName } from "./reference.js";
import { startOf, unpackWeights } from "./unpack.js";

/** How a published model is fetched. */
export interface FetchOptions {
  /** The data set the description names. */
  readonly dataset: ClassifierShape;
  readonly teachersDir: string;
  /** A local copy of the published file or of the archive with it, or an ONNX model that the recipe made. */
  readonly from?: string | undefined;
  /** The file's name in a folder or an archive, where it is another than described. */
  readonly file?: string | undefined;
  /** The most bytes to download, where no size is published; by default what a training's checkpoint of the network can take, or 4 GB of what may be an archive. */
  readonly mostBytes?: number | undefined;
  /** Whether to replace a teacher of the same name; false by default. */
  readonly force?: boolean | undefined;
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  /** Called where a file without a whole checksum is another one than what came from its address the first time. */
  readonly onChanged?: FetchPlace["onChanged"];
  readonly onImport?: ImportRequest["onProgress"];
}

/**
 * Brings a described teacher or student into the store: downloads it where it has an address, or takes a local copy, checks it and
 * imports it with the description's network and normalisation.
 *
 * @throws {InputError} if it is in the store already, has no address and no `from`, or the file is the wrong one.
 * @throws {WorkError} if the download fails or the disk refuses.
 */
export async function fetchTeacher(
  description: TeacherDescription,
  options: FetchOptions,
): Promise<ImportedTeacher> {
  const { name } = description;
  const { teachersDir, force = false } = options;
  refuseSecond(name, teachersDir, force);
  const place = takeTeacherPlace(name, teachersDir);
  try {
    refuseSecond(name, teachersDir, force);
    return await fetchInto(place, description, options);
  } finally {
    place.release();
  }
}

async function fetchInto(
  place: Place,
  description: TeacherDescription,
  options: FetchOptions,
): Promise<ImportedTeacher> {
  const { teachersDir, from } = options;
  if (from !== undefined) {
    requireRegularFile(from, `the file of the model "${description.name}"`);
    if (isOnnxName(from) || !existsSync(from)) return importDescribed(place, description, from, options);
    const file = await unpacked(description, from, options);
    try {
      refuseOtherFile(description, file);
      return await importDescribed(place, description, file, options);
    } finally {
      if (file !== from) rmSync(file, { force: true });
    }
  }
  const path = downloadPath(description, teachersDir);
  // Another description may name the same file.
  const lock = takeDownload(path);
  try {
    return await downloadAndImport(place, description, options, path);
  } finally {
    lock.release();
  }
}

async function downloadAndImport(
  place: Place,
  description: TeacherDescription,
  options: FetchOptions,
  path: string,
): Promise<ImportedTeacher> {
  const downloaded = await downloadPublished(description, options, path);
  // An archive without the file is kept: the error lists what is in it, and the next call may name another with --file.
  const file = await unpacked(description, downloaded, options);
  try {
    refuseOtherFile(description, file);
    return await importDescribed(place, description, file, options);
  } catch (error) {
    // If it were kept, the next call would find it whole and take it again.
    if (error instanceof InputError) rmSync(downloaded, { force: true });
    throw error;
  } finally {
    if (file !== downloaded) rmSync(file, { force: true });
    if (existsSync(join(options.teachersDir, description.name, MANIFEST_FILE)))
      rmSync(downloaded, { force: true });
  }
}

/** @throws {InputError} if the store has a teacher of this name, unless it may be replaced. */
export function refuseSecond(name: string, teachersDir: string, force: boolean): void {
  if (force || !existsSync(join(teachersDir, name, MANIFEST_FILE))) return;
  throw new InputError(`the teacher "${name}" is there already`, {
    found: join(teachersDir, name),
    fix: `mtard teacher check ${name}, or the same command with --force, which replaces it`,
  });
}

function downloadPublished(
  description: TeacherDescription,
  { dataset, teachersDir, file: named, mostBytes, onDownload, onChanged }: FetchOptions,
  path: string,
): Promise<string> {
  const { name, title, network, published } = description;
  if (published?.url === undefined)
    throw new InputError(
      published
        ? `the teacher "${name}" has no address that a program can download from`
        : `the teacher "${name}" was never published; a recipe trains it`,
      { found: title, fix: howToGet(description) },
    );
  const { url, bytes, sha256, unseen = false } = published;
  return downloadWeights(
    {
      address: parseAddress(url),
      file: named ?? published.file,
      // An archive may hold much else, and the checksum of what is in it is looked at when it is unpacked.
      bytes: bytes ?? { atMost: mostBytes ?? (unseen ? MOST_BYTES : mostBytesOf(network, dataset)) },
      sha256: unseen ? undefined : sha256,
    },
    path,
    { teachersDir, onDownload, onChanged },
  );
}

/** Where a described file is downloaded to, until it is imported. */
function downloadPath({ name, published }: TeacherDescription, teachersDir: string): string {
  const whole = published && published.unseen !== true ? published.file.replaceAll("*", "") : null;
  return join(downloadsFolder(teachersDir), whole ?? `${name}.download`);
}

/** The most bytes of a weights file: four copies of the network's weights (averages, momenta, a second first block), and room for names. */
function mostBytesOf(network: string, dataset: ClassifierShape): number {
  const values = parameterSpecs(createNetwork(network, dataset)).reduce(
    (sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1),
    0,
  );
  return 4 * 4 * values + 2 ** 21;
}

/** The file of weights, taken out of the archive if `path` is one. */
function unpacked(
  { network, published }: TeacherDescription,
  path: string,
  { dataset, teachersDir, file: named, mostBytes }: FetchOptions,
): Promise<string> {
  const file = published?.file ?? null;
  return unpackWeights(
    path,
    named ?? file,
    file?.replaceAll("*", "") ?? "weights",
    downloadsFolder(teachersDir),
    mostBytes ?? mostBytesOf(network, dataset),
  );
}

/** @throws {InputError} if a file is not the published one: often it is the page that a browser showed before the download. */
function refuseOtherFile({ name, published }: TeacherDescription, path: string): void {
  if (published?.sha256 === undefined) return;
  const found = sha256OfFile(path);
  if (found.startsWith(published.sha256)) return;
  throw new InputError(`${path} is not ${published.file}, the published file of "${name}"`, {
    expected: `sha256 ${published.sha256}`,
    found: isWebPage(startOf(path, 256)) ? "a web page (HTML)" : `sha256 ${found}`,
    fix: "fetch it again, or import it under a name of its own with mtard teacher import",
  });
}

function importDescribed(
  place: Place,
  description: TeacherDescription,
  path: string,
  { dataset, teachersDir, force, onImport }: FetchOptions,
): Promise<ImportedTeacher> {
  const { name, network, normalization, published } = description;
  const role = description.role === "student" ? undefined : description.role;
  const common = { name, dataset, role, force, teachersDir, onProgress: onImport };
  if (!isOnnxName(path))
    return importInto(place, {
      ...common,
      from: { kind: "weights", path, network, usualKey: published?.key },
      normalization: normalization ?? undefined,
    });
  refuseOtherNetwork(description, path);
  return importInto(place, { ...common, from: { kind: "onnx", path } });
}

/** Refuses another network: a model that mtard exported names its own, and has its normalisation inside. */
function refuseOtherNetwork({ name, network }: TeacherDescription, path: string): void {
  const metadata = readMetadata(parseModel(readModelFile(path), path));
  if (metadata?.network === network) return;
  throw new InputError(`${path} is not the network of "${name}"`, {
    expected: `${network}, exported by mtard`,
    found: metadata?.network ?? "an ONNX model of another origin",
    fix: "import it under a name of its own with mtard teacher import",
  });
}
