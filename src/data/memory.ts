import { InputError } from "../errors.js";
import type { ImageShape } from "../graph/network.js";
import {
  type Augmentation,
  type DatasetDescription,
  isClassName,
  requireDescribed,
  requireOwnName,
  MOST_CLASSES,
} from "./datasets.js";
import { imageBytes, imagesInMemory } from "./images.js";
import { usualPadding } from "./own-prepare.js";
import { beginFingerprint, type Dataset, type Split } from "./store.js";

/** The images and labels of one split, in memory. */
export interface ArraySplit {
  /** `[N, height, width, channels]`, row-major, a byte a value. */
  readonly images: Uint8Array;
  /** `[N]`, whole numbers from 0, each a position in the class names. */
  readonly labels: ArrayLike<number>;
}

/** A data set in memory. */
export interface DatasetArrays {
  /** What it is called in runs, models and errors; not a built-in data set's name. */
  readonly name: string;
  readonly title?: string;
  readonly image: ImageShape;
  /** One name per label, label 0 first. */
  readonly classNames: readonly string[];
  readonly train: ArraySplit;
  readonly test: ArraySplit;
  /** How training changes images; by default a crop after an eighth of the shorter side as padding, and a flip. */
  readonly augmentation?: Augmentation;
}

/**
 * Makes a data set of arrays, as `openDataset` opens one from its files; nothing is written, and the images are not copied.
 *
 * Its fingerprint is that of the same images, classes and augmentation packed under the same name.
 *
 * @throws {InputError} if the arrays do not fit the image shape, each other or the classes.
 */
export function datasetFromArrays(arrays: DatasetArrays): Dataset {
  const { name, image, classNames, title = `${name}, arrays`, augmentation } = arrays;
  requireOwnName(name);
  if (
    classNames.length < 2 ||
    classNames.length > MOST_CLASSES ||
    !classNames.every(isClassName) ||
    new Set(classNames).size < classNames.length
  )
    throw new InputError(`the class names of ${name} are wrong`, {
      expected: `2 to ${MOST_CLASSES} different names, label 0 first`,
      found: classNames.slice(0, 8).join(", "),
    });
  const description: DatasetDescription = {
    id: name,
    title,
    image,
    classNames,
    augmentation: augmentation ?? { padding: usualPadding(image), flip: true },
    origin: { kind: "own" },
  };
  requireDescribed(description);
  const [train, test] = [splitOf(arrays, "train"), splitOf(arrays, "test")];
  const hash = beginFingerprint(description, { train: train.count, test: test.count });
  for (const { images, labels, count } of [train, test]) hash.update(images.read(0, count)).update(labels);
  return { description, train, test, fingerprint: hash.digest("hex") };
}

function splitOf({ name, image, classNames, ...splits }: DatasetArrays, which: "train" | "test"): Split {
  const { images, labels } = splits[which];
  if (!(images instanceof Uint8Array))
    throw new InputError(`the ${which} images of ${name} are no bytes`, {
      expected: "a Uint8Array, a byte a value from 0 to 255",
      found: (images as object).constructor.name,
      fix: "Uint8Array.from(floats, (value) => Math.round(255 * value)) for values in [0, 1]",
    });
  const size = imageBytes(image);
  const count = labels.length;
  if (count === 0 || images.length !== count * size)
    throw new InputError(`the ${which} images of ${name} do not fit their labels`, {
      expected: `${size} bytes (${image.height}x${image.width}x${image.channels}) for each label, one at the least`,
      found: `${images.length} bytes, ${count} labels`,
    });
  const wrong = Array.from(labels).find(
    (label) => !(Number.isInteger(label) && label >= 0 && label < classNames.length),
  );
  if (wrong !== undefined)
    throw new InputError(`a ${which} label of ${name} is no class`, {
      expected: `whole numbers from 0 to ${classNames.length - 1}`,
      found: JSON.stringify(wrong),
    });
  return { count, images: imagesInMemory(images, size), labels: Uint8Array.from(labels) };
}
