import { closeSync, existsSync, openSync, readSync, rmSync } from "node:fs";
import { join } from "node:path";
import { download, type DownloadProgress, type DownloadSource, isWebPage } from "../files/download.js";
import { InputError } from "../errors.js";
import { sha256OfFile } from "../files/sha256.js";
import { parameterSpecs } from "../graph/parameters.js";
import { createNetwork } from "../networks/networks.js";
import { readMetadata } from "../onnx/metadata.js";
import { parseModel, readModelFile } from "../onnx/model.js";
import type { ClassifierShape } from "../onnx/signature.js";
import { howToGet, type TeacherDescription } from "./descriptions.js";
import { type ImportedTeacher, type ImportRequest, importTeacher } from "./import.js";
import { MANIFEST_FILE } from "./manifest.js";

/** The folder of unfinished downloads, inside the store. */
const DOWNLOADS = ".downloads";

export interface FetchOptions {
  /** The data set the description names. */
  readonly dataset: ClassifierShape;
  readonly teachersDir: string;
  /** A local copy of the published file, or an ONNX model that the recipe made. */
  readonly from?: string | undefined;
  /** Whether to replace a teacher of the same name; false by default. */
  readonly force?: boolean | undefined;
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  readonly onImport?: ImportRequest["onProgress"];
}

/**
 * Brings a described teacher into the store: downloads it where it has a plain address, or takes a local copy, checks it and imports it
 * with the description's network and normalisation.
 *
 * @throws {InputError} if it is in the store already, has no plain address and no `from`, or the file is the wrong one.
 * @throws {WorkError} if the download fails or the disk refuses.
 */
export async function fetchTeacher(
  description: TeacherDescription,
  options: FetchOptions,
): Promise<ImportedTeacher> {
  const { name } = description;
  const { teachersDir, from, force = false } = options;
  if (!force && existsSync(join(teachersDir, name, MANIFEST_FILE)))
    throw new InputError(`the teacher "${name}" is there already`, {
      found: join(teachersDir, name),
      fix: `mtard teacher check ${name}, or the same command with --force, which replaces it`,
    });
  if (from !== undefined) {
    if (!from.endsWith(".onnx")) refuseOtherFile(description, from);
    return importDescribed(description, from, options);
  }
  const downloaded = await downloadPublished(description, options);
  try {
    return await importDescribed(description, downloaded, options);
  } catch (error) {
    // If it were kept, the next call would find it whole and take it again.
    if (error instanceof InputError) rmSync(downloaded, { force: true });
    throw error;
  } finally {
    if (existsSync(join(teachersDir, name, MANIFEST_FILE))) rmSync(downloaded, { force: true });
  }
}

async function downloadPublished(
  description: TeacherDescription,
  { dataset, teachersDir, onDownload = () => undefined }: FetchOptions,
): Promise<string> {
  const { name, title, network, published } = description;
  if (published?.url === undefined)
    throw new InputError(
      published
        ? `the teacher "${name}" has no address that a program can download from`
        : `the teacher "${name}" was never published; a recipe trains it`,
      { found: title, fix: howToGet(description) },
    );
  const { url, file, bytes, sha256 } = published;
  const path = join(teachersDir, DOWNLOADS, file);
  const source: DownloadSource = {
    url,
    bytes: bytes ?? { atMost: mostBytes(network, dataset) },
    checksum: sha256 === undefined ? null : { algorithm: "sha256", digits: sha256 },
  };
  await download(source, path, onDownload);
  return path;
}

/** The most bytes of a weights file: two copies of the network's weights (averages, momenta), and room for names. */
function mostBytes(network: string, dataset: ClassifierShape): number {
  const values = parameterSpecs(createNetwork(network, dataset)).reduce(
    (sum, { shape }) => sum + shape.reduce((product, extent) => product * extent, 1),
    0,
  );
  return 2 * 4 * values + 2 ** 21;
}

/** @throws {InputError} if a local file is not the published one: often it is the page that a browser showed before the download. */
function refuseOtherFile({ name, published }: TeacherDescription, path: string): void {
  if (published?.sha256 === undefined || !existsSync(path)) return;
  const found = sha256OfFile(path);
  if (found.startsWith(published.sha256)) return;
  throw new InputError(`${path} is not ${published.file}, the published file of "${name}"`, {
    expected: `sha256 ${published.sha256}`,
    found: isWebPage(startOf(path)) ? "a web page (HTML)" : `sha256 ${found}`,
    fix: "fetch it again, or import it under a name of its own with mtard teacher import",
  });
}

function startOf(path: string): Uint8Array {
  const file = openSync(path, "r");
  try {
    const start = Buffer.alloc(256);
    return start.subarray(0, readSync(file, start));
  } finally {
    closeSync(file);
  }
}

function importDescribed(
  description: TeacherDescription,
  path: string,
  { dataset, teachersDir, force, onImport }: FetchOptions,
): Promise<ImportedTeacher> {
  const { name, role, network, normalization } = description;
  const common = { name, dataset, role, force, teachersDir, onProgress: onImport };
  if (!path.endsWith(".onnx"))
    return importTeacher({
      ...common,
      from: { kind: "weights", path, network },
      normalization: normalization ?? undefined,
    });
  refuseOtherNetwork(description, path);
  return importTeacher({ ...common, from: { kind: "onnx", path } });
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
