import { imageBytes, readPart } from "../data/images.js";
import type { DatasetDescription } from "../data/datasets.js";
import { InputError, oneLine } from "../errors.js";
import { type NpyHeader, parseNpyHeader } from "../weights/npy.js";
import type { CorruptedImages } from "./corrupted-images.js";
import type { CorruptionId } from "./corruptions.js";
import { severities } from "./picture.js";
import { type PublishedFile, publishedFiles, sha256OfFiles } from "./published-files.js";

const LABELS = "labels.npy";
/** The header of an array is shorter. */
const HEADER = 10_100;
/** More images than any of the archives has, so that labels never take much memory. */
const MOST_IMAGES = 1_000_000;
/** The archive of each data set that has one of arrays. */
const ARCHIVES: Readonly<Record<string, string>> = { cifar10: "CIFAR-10-C", cifar100: "CIFAR-100-C" };

/**
 * Opens the published corruptions of a data set: for each an array `[5 N, height, width, channels]` of bytes, the N images at severity 1
 * first, and `labels.npy`.
 *
 * @param path The plain tar archive, or the folder it was unpacked to.
 * @param count How many images at each severity, from the first; all unless there are fewer.
 * @throws {InputError} if the data set has no such archive, or what is at `path` is damaged, hostile or of another data set.
 */
export function publishedCorruptions(
  path: string,
  { id: dataset, image, classNames }: DatasetDescription,
  count = Infinity,
): CorruptedImages {
  const name = ARCHIVES[dataset];
  if (name === undefined)
    throw new InputError(`mtard reads no published corruptions of ${dataset}`, {
      expected: `one of ${Object.keys(ARCHIVES).join(", ")}`,
      found: dataset,
      fix: "leave --corruption-data out: the corruptions are then computed",
    });
  const files = publishedFiles(path, name);
  const shownPath = oneLine(path);
  const labelsFile = files.get(LABELS);
  if (!labelsFile)
    throw new InputError(`${shownPath} is not ${name}: it lacks ${LABELS}`, {
      expected: `${LABELS} and an array for each corruption, such as gaussian_noise.npy`,
      found: files.size === 0 ? "no .npy file" : oneLine([...files.keys()].slice(0, 5).join(", ")),
      fix: `give ${name}.tar or the folder it was unpacked to`,
    });
  const labels = readLabels(labelsFile, `${LABELS} of ${shownPath}`, classNames.length);
  const all = labels.length;
  const first = Math.min(count, all);
  const size = imageBytes(image);
  const shape = [severities.length * all, image.height, image.width, image.channels];
  const checksums = new Map<CorruptionId, string>();
  const fileOf = (id: CorruptionId): PublishedFile | undefined => files.get(`${id.replaceAll("-", "_")}.npy`);
  const required = (id: CorruptionId): PublishedFile => {
    const file = fileOf(id);
    if (file) return file;
    throw new InputError(`${shownPath} lacks ${id}`, { expected: `${id.replaceAll("-", "_")}.npy` });
  };
  return {
    count: first,
    labels: labels.subarray(0, first),
    lacks: (id) => (fileOf(id) ? null : `${shownPath} lacks ${id.replaceAll("-", "_")}.npy`),
    originOf(id) {
      const known = checksums.get(id) ?? sha256OfFiles([required(id), labelsFile]);
      checksums.set(id, known);
      return { file: known, seed: null, version: null };
    },
    read(id, severity, onProgress) {
      const file = required(id);
      const { length } = headerOf(file, `${id} of ${shownPath}`, (header) =>
        header.dtype === "uint8" && header.shape.join() === shape.join()
          ? null
          : `bytes of the shape [${shape.join(", ")}]`,
      );
      const bytes = readPart(file.path, file.start + length + (severity - 1) * all * size, first * size);
      onProgress(first);
      return Promise.resolve(bytes);
    },
  };
}

/** The classes of the images: `[5 N]`, the same for every severity, or `[N]`. */
function readLabels(file: PublishedFile, title: string, classes: number): Uint8Array {
  const types: Readonly<Record<string, number>> = {
    uint8: 1,
    int8: 1,
    int32: 4,
    uint32: 4,
    int64: 8,
    uint64: 8,
  };
  const header = headerOf(file, title, ({ dtype, shape, bigEndian }) =>
    dtype !== null && types[dtype] !== undefined && shape.length === 1 && !bigEndian
      ? null
      : "a list of whole numbers",
  );
  const [length = 0] = header.shape;
  const bytes = types[header.dtype ?? ""] ?? 1;
  const wrong = (found: string): InputError =>
    new InputError(`${title} are not those of the benchmark`, {
      expected: `whole numbers from 0 to ${classes - 1}, the same for all ${severities.length} severities`,
      found,
      fix: "give the archive of the data set that the model is measured on",
    });
  if (length === 0 || length % severities.length !== 0 || length > MOST_IMAGES)
    throw wrong(`${length} labels`);
  const values = readPart(file.path, file.start + header.length, length * bytes);
  const labels = new Uint8Array(length);
  for (let at = 0; at < length; at++) {
    const [low = 0, ...high] = values.subarray(at * bytes, (at + 1) * bytes);
    if (low >= classes || high.some((byte) => byte !== 0)) throw wrong(`another number at ${at}`);
    labels[at] = low;
  }
  const count = length / severities.length;
  if (labels.some((label, at) => label !== labels[at % count]))
    throw wrong("other classes at other severities");
  return labels.subarray(0, count);
}

/** The header of an array that fills its file. */
function headerOf(
  { path, start, bytes }: PublishedFile,
  title: string,
  problemOf: (header: NpyHeader) => string | null,
): NpyHeader {
  const fail = (found: string, expected = "an array as NumPy writes it"): InputError =>
    new InputError(`${title} is damaged, or of another data set`, {
      expected,
      found,
      fix: "fetch the archive again",
    });
  const header = parseNpyHeader(readPart(path, start, Math.min(HEADER, bytes)), fail);
  const problem = header.columnMajor ? "an array whose last axis runs fastest" : problemOf(header);
  if (problem !== null)
    throw fail(`${header.dtype ?? "other values"} of the shape [${header.shape.join(", ")}]`, problem);
  const width = { uint8: 1, int8: 1, int32: 4, uint32: 4, int64: 8, uint64: 8 }[header.dtype as "uint8"];
  const expected = header.length + header.shape.reduce((product, extent) => product * extent, width);
  if (bytes !== expected) throw fail(`${bytes} bytes`, `${expected} bytes`);
  return header;
}
