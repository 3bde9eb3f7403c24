import { createHash } from "node:crypto";
import { existsSync, rmSync } from "node:fs";
import { join } from "node:path";
import type { DownloadProgress } from "../files/download.js";
import { InputError } from "../errors.js";
import type { Place } from "../files/folder.js";
import { requireRegularFile } from "../files/kind.js";
import { sha256OfFile } from "../files/sha256.js";
import { createNetwork } from "../networks/networks.js";
import type { ClassifierChoices } from "../onnx/adapt.js";
import { type Address, fileNameOf } from "./address.js";
import { refuseSecond } from "./fetch.js";
import { downloadsFolder, downloadWeights, type FetchPlace, MOST_BYTES, takeDownload } from "./fetch-file.js";
import {
  checkRequest,
  type ImportedTeacher,
  importInto,
  type ImportRequest,
  takeTeacherPlace,
} from "./import.js";
import { unpackWeights } from "./unpack.js";

/** A file of one's own choice, and how it is imported: as weights of `network`, or without one as an ONNX classifier. */
export interface AddressRequest extends Omit<ImportRequest, "from">, ClassifierChoices {
  readonly address: Address;
  readonly network?: string | undefined;
  /** Which weights of the file, where it has several. */
  readonly key?: string | undefined;
  /** A local copy of the file, in place of the download. */
  readonly from?: string | undefined;
  /** The file's name in a folder or an archive; not needed where there is only one. */
  readonly file?: string | undefined;
  /** The SHA-256 that the file has, or its first digits. */
  readonly sha256?: string | undefined;
  /** The most bytes to download; 4 GB by default. */
  readonly mostBytes?: number | undefined;
  readonly onDownload?: ((progress: DownloadProgress) => void) | undefined;
  /** Called where the file is another one than what came from the address the first time. */
  readonly onChanged?: FetchPlace["onChanged"];
}

/**
 * Downloads a file that nothing describes and imports it as {@link importTeacher} does. An unfinished download goes on at the next call.
 *
 * @throws {InputError} if the name is taken, or the file is not what was said of it.
 * @throws {WorkError} if the download fails or the disk refuses.
 */
export async function fetchAddress(request: AddressRequest): Promise<ImportedTeacher> {
  const { name, dataset, network, teachersDir, force = false } = request;
  refuseSecond(name, teachersDir, force);
  checkRequest(request);
  if (network !== undefined) createNetwork(network, dataset);
  const place = takeTeacherPlace(name, teachersDir);
  try {
    refuseSecond(name, teachersDir, force);
    return await fetchInto(place, request);
  } finally {
    place.release();
  }
}

async function fetchInto(place: Place, request: AddressRequest): Promise<ImportedTeacher> {
  const { teachersDir, address, from, file, sha256 } = request;
  const { mostBytes = MOST_BYTES } = request;
  if (from !== undefined) {
    requireRegularFile(from, "a file of weights, an ONNX classifier, or an archive of one");
    refuseOtherFile(from, sha256);
    return importFile(place, request, from, mostBytes);
  }
  const folder = join(downloadsFolder(teachersDir), keyOf(address, file));
  const path = join(folder, fileNameOf(address));
  // The same file may be wanted under another name as well.
  const lock = takeDownload(path);
  try {
    await downloadWeights({ address, file, bytes: { atMost: mostBytes }, sha256 }, path, request);
    // What cannot be imported is kept: another --network may fit it.
    const imported = await importFile(place, request, path, mostBytes);
    rmSync(folder, { recursive: true, force: true });
    return imported;
  } finally {
    lock.release();
  }
}

async function importFile(
  place: Place,
  request: AddressRequest,
  path: string,
  mostBytes: number,
): Promise<ImportedTeacher> {
  const { network, key, layout, output, pixels, file = null, teachersDir } = request;
  const unpacked = existsSync(path)
    ? await unpackWeights(
        path,
        file,
        `${keyOf(request.address, file)}.unpacked`,
        downloadsFolder(teachersDir),
        mostBytes,
      )
    : path;
  try {
    const from =
      network === undefined
        ? ({ kind: "onnx", path: unpacked, layout, output, pixels } as const)
        : ({ kind: "weights", path: unpacked, network, key } as const);
    return await importInto(place, { ...request, from });
  } finally {
    if (unpacked !== path) rmSync(unpacked, { force: true });
  }
}

/** Tells the downloads of different files apart: a part of one must not be taken for a part of another. */
function keyOf(address: Address, file: string | null | undefined): string {
  return createHash("sha256")
    .update(JSON.stringify([address, file ?? null]))
    .digest("hex")
    .slice(0, 16);
}

function refuseOtherFile(path: string, sha256: string | undefined): void {
  if (sha256 === undefined || !existsSync(path)) return;
  const found = sha256OfFile(path);
  if (found.startsWith(sha256)) return;
  throw new InputError(`${path} is not the file that was meant`, {
    expected: `sha256 ${sha256}`,
    found: `sha256 ${found}`,
    fix: "fetch it again, or leave --sha256 out",
  });
}
