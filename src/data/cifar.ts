import { InputError } from "../errors.js";
import type { CifarOrigin, DatasetDescription } from "./datasets.js";
import type { SplitContents } from "./store.js";

/**
 * Reads both splits from the binary files of CIFAR-10 or CIFAR-100; the files' sizes give the number of images.
 *
 * @param files The contents of all of the origin's files, by name.
 * @throws {InputError} if a file is not a whole number of records, or a label is out of range.
 * @see https://www.cs.toronto.edu/~kriz/cifar.html, "Binary version".
 */
export function readCifar(
  files: ReadonlyMap<string, Uint8Array>,
  description: DatasetDescription,
  origin: CifarOrigin,
): { train: SplitContents<Uint8Array>; test: SplitContents<Uint8Array> } {
  const split = (names: readonly string[]): SplitContents<Uint8Array> =>
    readRecords(
      names.map((name) => ({ name, bytes: files.get(name) ?? new Uint8Array() })),
      description,
      origin.labelBytes,
    );
  return { train: split(origin.trainFiles), test: split(origin.testFiles) };
}

/** CIFAR-10 and CIFAR-100 have as many. */
const MOST_IMAGES = 60_000;

/** The most bytes that all of the origin's files have together. */
export function mostCifarBytes({ image }: DatasetDescription, { labelBytes }: CifarOrigin): number {
  return MOST_IMAGES * (labelBytes + image.height * image.width * image.channels);
}

interface RecordFile {
  readonly name: string;
  readonly bytes: Uint8Array;
}

function readRecords(
  files: readonly RecordFile[],
  description: DatasetDescription,
  labelBytes: number,
): SplitContents<Uint8Array> {
  const { height, width, channels } = description.image;
  const plane = height * width;
  const size = plane * channels;
  const record = labelBytes + size;
  for (const { name, bytes } of files)
    if (bytes.length === 0 || bytes.length % record !== 0)
      throw new InputError(`${name} is not a whole number of images`, {
        expected: `a multiple of ${record} bytes, one record an image`,
        found: `${bytes.length} bytes`,
        fix: "fetch the archive again: the file is damaged or cut short",
      });

  const count = files.reduce((total, { bytes }) => total + bytes.length / record, 0);
  const images = new Uint8Array(count * size);
  const labels = new Uint8Array(count);
  let index = 0;
  for (const { name, bytes } of files) {
    for (let start = 0; start < bytes.length; start += record, index++) {
      const label = bytes[start + labelBytes - 1] as number;
      if (label >= description.classNames.length)
        throw labelOutOfRange(name, start / record, label, description);
      labels[index] = label;
      const pixels = start + labelBytes;
      for (let channel = 0; channel < channels; channel++) {
        let to = index * size + channel;
        const from = pixels + channel * plane;
        for (let at = from; at < from + plane; at++, to += channels) images[to] = bytes[at] as number;
      }
    }
  }
  return { count, images, labels };
}

function labelOutOfRange(
  name: string,
  record: number,
  label: number,
  description: DatasetDescription,
): InputError {
  return new InputError(`image ${record} of ${name} has label ${label}`, {
    expected: `0 to ${description.classNames.length - 1}, the classes of ${description.id}`,
    found: String(label),
    fix: "fetch the archive again: it is damaged, or of another data set",
  });
}
