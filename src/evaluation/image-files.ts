import { isNpz, openNpz, type StoredFloats } from "../weights/npz.js";
import { withSourceFile } from "../weights/source-file.js";
import { readZipMembers } from "../weights/zip.js";
import { imagesAt } from "../data/batches.js";
import type { Split } from "../data/store.js";
import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import type { StoredTensor } from "../graph/parameters.js";
import type { ExaminedImage } from "./examine.js";
import type { ImageSource } from "./images.js";

/** Images with the places they were taken from. */
export interface PickedImages extends ImageSource {
  /** The index of each image in the split or the file. */
  readonly places: readonly number[];
}

/**
 * Picks images of a split: the first ones if `which` is a number, or those at the listed places.
 *
 * @throws {InputError} if a place is beyond the split.
 */
export function pickedImages(
  split: Split,
  shape: ImageShape,
  which: number | readonly number[],
): PickedImages {
  const places =
    typeof which === "number"
      ? Array.from({ length: Math.min(which, split.count) }, (_, index) => index)
      : which;
  const beyond = places.find((place) => place >= split.count);
  if (beyond !== undefined)
    throw new InputError(`there is no test image ${beyond}`, {
      expected: `--index from 0 to ${split.count - 1}`,
      found: String(beyond),
    });
  return {
    shape,
    places,
    count: places.length,
    labels: places.map((place) => split.labels[place] as number),
    read: (indexes) =>
      imagesAt(
        split,
        shape,
        indexes.map((index) => places[index] as number),
      ),
  };
}

/**
 * Reads the first `most` images of an npz file with floating-point `images` `[N, height, width, channels]` and `labels` `[N]`; the
 * others are not unpacked.
 *
 * @throws {InputError} if the file does not hold these arrays, or a pixel value is outside [0, 1].
 */
export function imagesInNpz(path: string, shape: ImageShape, most: number): Promise<PickedImages> {
  return withSourceFile(path, async (file) => {
    const members = await readZipMembers(file);
    const { tensors, integers, others } = isNpz(members)
      ? openNpz(file, members)
      : { tensors: new Map<string, StoredFloats>(), integers: new Map<string, StoredTensor>(), others: [] };
    const [images, labels] = [tensors.get("images"), tensors.get("labels") ?? integers.get("labels")];
    const found = [
      ...[...tensors].map(([name, tensor]) => `${name} [${tensor.shape.join(", ")}]`),
      ...[...integers].map(([name, tensor]) => `${name} [${tensor.shape.join(", ")}] of integers`),
      ...others.filter((name) => !integers.has(name)).map((name) => `${name}, not of numbers`),
    ];
    const wanted = [shape.height, shape.width, shape.channels];
    const total = images?.shape[0] ?? 0;
    if (
      !images ||
      !labels ||
      total === 0 ||
      images.shape.slice(1).join() !== wanted.join() ||
      labels.shape.join() !== String(total)
    )
      throw new InputError(`${path} does not hold images and their labels`, {
        expected: `images [N, ${wanted.join(", ")}] in float32 and labels [N] in an npz file`,
        found: found.length === 0 ? "no arrays" : found.join("; "),
        fix: "numpy.savez(FILE, images=images.astype('float32'), labels=labels), bytes divided by 255",
      });
    const count = Math.min(most, total);
    const values = await images.readFirst(count);
    const size = values.length / count;
    const outside = values.findIndex((value) => !(value >= 0 && value <= 1));
    if (outside >= 0)
      throw new InputError(
        `image ${Math.floor(outside / size)} of ${path} has a pixel value outside [0, 1]`,
        {
          expected: "numbers from 0 to 1",
          found: String(values[outside]),
          fix: "divide by 255 if they are bytes; a normalisation belongs in the model",
        },
      );
    return {
      shape,
      count,
      places: Array.from({ length: count }, (_, index) => index),
      labels: labels.read().subarray(0, count),
      read: (indexes) =>
        Float32Array.from(indexes.flatMap((index) => [...values.subarray(index * size, (index + 1) * size)])),
    };
  });
}

/** The arrays for an npz file of examined images: `images`, `adversarial`, `labels` and `index`. */
export function examinedArrays(
  images: readonly ExaminedImage[],
  places: readonly number[],
  { height, width, channels }: ImageShape,
): [string, StoredTensor][] {
  const stacked = (which: "clean" | "adversarial"): StoredTensor => ({
    shape: [images.length, height, width, channels],
    read: () => Float32Array.from(images.flatMap((image) => [...image[which]])),
  });
  const list = (values: readonly number[]): StoredTensor => ({
    shape: [values.length],
    read: () => Float32Array.from(values),
  });
  return [
    ["images", stacked("clean")],
    ["adversarial", stacked("adversarial")],
    ["labels", list(images.map(({ label }) => label))],
    ["index", list(places)],
  ];
}
