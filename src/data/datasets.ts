import { InputError } from "../errors.js";
import type { ImageShape, NetworkShape } from "../graph/network.js";
import { didYouMean } from "../nearest.js";
import { tinyImageNetClasses } from "./tiny-imagenet-classes.js";

/** What is known of a data set before any image is read: what it shows, where it comes from, how it is augmented. */
export interface DatasetDescription {
  /** The data set's id on the command line; also the name of its folder in the data store. */
  readonly id: string;
  readonly title: string;
  readonly image: ImageShape;
  /** One name per label, label 0 first. */
  readonly classNames: readonly string[];
  readonly augmentation: Augmentation;
  readonly origin: DemoOrigin | CifarOrigin | TinyImageNetOrigin;
}

/** A random crop after zero padding of `padding` pixels on each side, then a horizontal flip half the time. */
export interface Augmentation {
  readonly padding: number;
  readonly flip: boolean;
}

/** The program makes the images itself; the same seed gives the same bytes. */
export interface DemoOrigin {
  readonly kind: "demo";
  readonly seed: number;
  readonly train: number;
  readonly test: number;
}

/** An archive of fixed-length binary records: label bytes, then the red, green and blue planes. */
export interface CifarOrigin {
  readonly kind: "cifar";
  readonly url: string;
  /** The checksum and size its authors publish. */
  readonly md5: string;
  readonly bytes: number;
  /** The folder inside the archive. */
  readonly folder: string;
  readonly trainFiles: readonly string[];
  readonly testFiles: readonly string[];
  /** Label bytes before the pixels of a record; the last one is the label used (CIFAR-100: coarse, then fine). */
  readonly labelBytes: number;
}

/** A zip archive of JPEGs: `train/` has a folder per class, and `val_annotations.txt` gives the classes of `val/`. */
export interface TinyImageNetOrigin {
  readonly kind: "tiny-imagenet";
  readonly url: string;
  /** The checksum and size of the archive as published. */
  readonly md5: string;
  readonly bytes: number;
  /** The folder inside the archive. */
  readonly folder: string;
  /** The WordNet id of each class, label 0 first. */
  readonly wnids: readonly string[];
}

const image: ImageShape = { height: 32, width: 32, channels: 3 };

/** Every data set, by id. */
export const datasets = {
  demo: {
    id: "demo",
    title: "ten shapes with a faint texture, made by this program",
    image,
    classNames: [
      "disc",
      "ring",
      "horizontal bar",
      "vertical bar",
      "plus",
      "saltire",
      "triangle",
      "square frame",
      "two dots",
      "four dots",
    ],
    augmentation: { padding: 2, flip: true },
    origin: { kind: "demo", seed: 1, train: 4000, test: 1000 },
  },
  cifar10: {
    id: "cifar10",
    title: "CIFAR-10",
    image,
    classNames: ["airplane", "automobile", "bird", "cat", "deer", "dog", "frog", "horse", "ship", "truck"],
    augmentation: { padding: 4, flip: true },
    origin: {
      kind: "cifar",
      url: "https://www.cs.toronto.edu/~kriz/cifar-10-binary.tar.gz",
      md5: "c32a1d4ab5d03f1284b67883e8d87530",
      bytes: 170_052_171,
      folder: "cifar-10-batches-bin",
      trainFiles: [1, 2, 3, 4, 5].map((index) => `data_batch_${index}.bin`),
      testFiles: ["test_batch.bin"],
      labelBytes: 1,
    },
  },
  cifar100: {
    id: "cifar100",
    title: "CIFAR-100",
    image,
    // prettier-ignore
    classNames: [
      "apple", "aquarium_fish", "baby", "bear", "beaver", "bed", "bee", "beetle", "bicycle", "bottle",
      "bowl", "boy", "bridge", "bus", "butterfly", "camel", "can", "castle", "caterpillar", "cattle",
      "chair", "chimpanzee", "clock", "cloud", "cockroach", "couch", "crab", "crocodile", "cup", "dinosaur",
      "dolphin", "elephant", "flatfish", "forest", "fox", "girl", "hamster", "house", "kangaroo",
      "keyboard", "lamp", "lawn_mower", "leopard", "lion", "lizard", "lobster", "man", "maple_tree",
      "motorcycle", "mountain", "mouse", "mushroom", "oak_tree", "orange", "orchid", "otter", "palm_tree",
      "pear", "pickup_truck", "pine_tree", "plain", "plate", "poppy", "porcupine", "possum", "rabbit",
      "raccoon", "ray", "road", "rocket", "rose", "sea", "seal", "shark", "shrew", "skunk", "skyscraper",
      "snail", "snake", "spider", "squirrel", "streetcar", "sunflower", "sweet_pepper", "table", "tank",
      "telephone", "television", "tiger", "tractor", "train", "trout", "tulip", "turtle", "wardrobe",
      "whale", "willow_tree", "wolf", "woman", "worm",
    ],
    augmentation: { padding: 4, flip: true },
    origin: {
      kind: "cifar",
      url: "https://www.cs.toronto.edu/~kriz/cifar-100-binary.tar.gz",
      md5: "03b5dce01913d631647c71ecec9e9cb8",
      bytes: 168_513_733,
      folder: "cifar-100-binary",
      trainFiles: ["train.bin"],
      testFiles: ["test.bin"],
      labelBytes: 2,
    },
  },
  "tiny-imagenet": {
    id: "tiny-imagenet",
    title: "Tiny-ImageNet",
    image: { height: 64, width: 64, channels: 3 },
    classNames: Object.values(tinyImageNetClasses),
    augmentation: { padding: 8, flip: true },
    origin: {
      kind: "tiny-imagenet",
      url: "http://cs231n.stanford.edu/tiny-imagenet-200.zip",
      md5: "90528d7ca1a48142e341f4ef8d21d0de",
      bytes: 248_100_043,
      folder: "tiny-imagenet-200",
      wnids: Object.keys(tinyImageNetClasses),
    },
  },
} as const satisfies Record<string, DatasetDescription>;

export type DatasetId = keyof typeof datasets;

/** The ids of all data sets, in the order they are listed to people. */
export const datasetIds = Object.keys(datasets) as DatasetId[];

/**
 * Finds the data set a person named.
 *
 * @throws {InputError} if no data set has that name; the error lists the known ones.
 */
export function findDataset(name: string): DatasetDescription & { readonly id: DatasetId } {
  if (Object.hasOwn(datasets, name)) return datasets[name as DatasetId];
  throw new InputError(`there is no data set "${name}"${didYouMean(name, datasetIds)}`, {
    expected: datasetIds.join(", "),
    found: name,
    fix: `mtard data ${datasetIds[0] ?? "demo"}`,
  });
}

/** The input and output shape of a classifier for a data set; `name` is the data set's id. */
export function classifierShape({ id, image, classNames }: DatasetDescription): NetworkShape & {
  readonly name: string;
} {
  return { name: id, image, classes: classNames.length };
}
