import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { z } from "zod";
import { isThere } from "../files/kind.js";
import { readTextFile } from "../files/read-text.js";
import { InputError, WorkError } from "../errors.js";
import { tidyPlace, tidyPlaces } from "../files/folder.js";
import type { ImageShape, NetworkShape } from "../graph/network.js";
import { didYouMean } from "../nearest.js";

/** What is known of a data set before any image is read: what it shows, where it comes from, how it is augmented. */
export interface DatasetDescription {
  /** The data set's id on the command line; also the name of its folder in the data store. */
  readonly id: string;
  readonly title: string;
  readonly image: ImageShape;
  /** One name per label, label 0 first. */
  readonly classNames: readonly string[];
  readonly augmentation: Augmentation;
  readonly origin: DemoOrigin | CifarOrigin | TinyImageNetOrigin | OwnOrigin;
}

/** The project's own `data/` folder, wherever the store is. */
const PROJECT_FOLDER = fileURLToPath(new URL("../../data/", import.meta.url));

/** The file beside the packed images of a user's own data set that describes it, as `data/NAME.json` describes a built-in one. */
export const DESCRIPTION_FILE = "dataset.json";

/** A label is a byte in the store. */
export const MOST_CLASSES = 256;
/** The longest side of an image that the store takes. */
export const MOST_SIDE = 1024;

const side = z.int().min(1).max(MOST_SIDE);
const md5 = z.string().regex(/^[0-9a-f]{32}$/);
const fileName = z.string().regex(/^[A-Za-z0-9][A-Za-z0-9._-]*$/);

const augmentation = z.strictObject({ padding: z.int().min(0).max(MOST_SIDE), flip: z.boolean() }).readonly();
/** A random crop after zero padding of `padding` pixels on each side, then a horizontal flip half the time. */
export interface Augmentation extends z.infer<typeof augmentation> {}

/** The program makes the images itself; the same seed gives the same bytes. */
const demoOrigin = z
  .strictObject({
    kind: z.literal("demo"),
    seed: z.int().min(0),
    train: z.int().min(1),
    test: z.int().min(1),
  })
  .readonly();
export type DemoOrigin = z.infer<typeof demoOrigin>;

/** What is published: its address, and the checksum and size its authors state; and the folder inside the archive. */
const published = { url: z.url(), md5, bytes: z.int().min(1), folder: fileName };

/** An archive of fixed-length binary records: label bytes, then the red, green and blue planes. */
const cifarOrigin = z
  .strictObject({
    kind: z.literal("cifar"),
    ...published,
    trainFiles: z.array(fileName).min(1).readonly(),
    testFiles: z.array(fileName).min(1).readonly(),
    /** Label bytes before the pixels of a record; the last one is the label used (CIFAR-100: coarse, then fine). */
    labelBytes: z.int().min(1),
  })
  .readonly();
export type CifarOrigin = z.infer<typeof cifarOrigin>;

/** A zip archive of JPEGs: `train/` has a folder per class, and `val_annotations.txt` gives the classes of `val/`. */
const tinyImageNetOrigin = z
  .strictObject({
    kind: z.literal("tiny-imagenet"),
    ...published,
    /** The WordNet id of each class, label 0 first. They ascend, as PyTorch's `ImageFolder` numbers the folders of `train/`. */
    wnids: z.array(fileName).min(1).readonly(),
  })
  .readonly();
export type TinyImageNetOrigin = z.infer<typeof tinyImageNetOrigin>;

/** Images or arrays of the user's own. */
const ownOrigin = z.strictObject({ kind: z.literal("own") }).readonly();
export type OwnOrigin = z.infer<typeof ownOrigin>;

/** It appears in tables, in pictures and on terminals. */
const className = z
  .string()
  .min(1)
  .max(200)
  .regex(/^\P{Cc}*$/u, "a control character");

/** Whether a text can name a class: not too long, and without control characters. */
export function isClassName(text: string): boolean {
  return className.safeParse(text).success;
}

const common = {
  title: z.string().min(1).max(200),
  image: z.strictObject({ height: side, width: side, channels: z.int().min(1).max(4) }).readonly(),
  classNames: z.array(className).min(2).max(MOST_CLASSES).readonly(),
  augmentation,
};

const ownSchema = z.strictObject({ ...common, origin: ownOrigin });

/** Reads a description of `data/`, once. */
function described<const Id extends string, Origin>(
  id: Id,
  origin: z.ZodType<Origin>,
): Omit<DatasetDescription, "id" | "origin"> & { readonly id: Id; readonly origin: Origin } {
  const path = join(PROJECT_FOLDER, `${id}.json`);
  const known = read.get(id) as ReturnType<typeof described<Id, Origin>> | undefined;
  if (known) return known;
  try {
    const content = z.strictObject({ ...common, origin }).parse(JSON.parse(readFileSync(path, "utf8")));
    const description = { id, ...content };
    read.set(id, description);
    return description;
  } catch (cause) {
    throw new WorkError(`${path} is not a usable description of a data set`, {
      found: cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause),
      fix: "restore the file: git checkout data, or install mtard again",
      cause,
    });
  }
}

const read = new Map<string, unknown>();

/** Every built-in data set, by id; each is read from `data/ID.json` when it is first asked for. */
export const datasets = {
  get demo() {
    return described("demo", demoOrigin);
  },
  get cifar10() {
    return described("cifar10", cifarOrigin);
  },
  get cifar100() {
    return described("cifar100", cifarOrigin);
  },
  get "tiny-imagenet"() {
    return described("tiny-imagenet", tinyImageNetOrigin);
  },
} satisfies Record<string, DatasetDescription>;

/** The id of a built-in data set. */
export type DatasetId = keyof typeof datasets;

/** The ids of the built-in data sets, in the order they are listed to people. */
export const datasetIds = Object.keys(datasets) as DatasetId[];

/** Whether a data set of this name is built in. */
export function isBuiltIn(name: string): name is DatasetId {
  return Object.hasOwn(datasets, name);
}

/** The name of an own data set is a folder in the store: no path, nothing hidden, nothing that looks like an option. */
const OWN_NAME = /^[A-Za-z0-9][A-Za-z0-9._-]{0,63}$/;

/**
 * The name of a user's own data set, checked.
 *
 * @throws {InputError} if it could be a path, or is a built-in data set's but for the case of letters.
 */
export function requireOwnName(name: string): string {
  const taken = datasetIds.find((id) => id === name.toLowerCase());
  if (taken !== undefined)
    throw new InputError(`"${name}" cannot be the name of an own data set`, {
      expected: `a name other than the built-in ${datasetIds.join(", ")}`,
      found: name,
    });
  if (OWN_NAME.test(name) && !/\.(json|onnx)$/i.test(name)) return name;
  throw new InputError(`"${name}" cannot be the name of a data set`, {
    expected: "letters, digits, '.', '_' and '-', at most 64, no path and no .json or .onnx at the end",
    found: name,
  });
}

/**
 * Finds the data set a person named: a built-in one, or one of the user's own in the store.
 *
 * @throws {InputError} if no data set has that name; the error lists the known ones.
 */
export function findDataset(name: string, dataDir: string): DatasetDescription {
  if (isBuiltIn(name)) return datasets[name];
  if (OWN_NAME.test(name)) tidyPlace(join(dataDir, name));
  if (OWN_NAME.test(name) && isThere(descriptionPath(name, dataDir))) return readOwn(name, dataDir);
  const own = ownDatasetIds(dataDir);
  throw new InputError(`there is no data set "${name}"${didYouMean(name, [...datasetIds, ...own])}`, {
    expected: `${datasetIds.join(", ")}${own.length === 0 ? "" : `; of your own: ${own.join(", ")}`}`,
    found: name,
    fix: OWN_NAME.test(name) ? `mtard data ${name} --from DIR makes one of your images` : "mtard data demo",
  });
}

/** The names of the user's own data sets in the store, in ascending order. */
export function ownDatasetIds(dataDir: string): string[] {
  if (!existsSync(dataDir)) return [];
  tidyPlaces(dataDir);
  return readdirSync(dataDir)
    .filter((name) => OWN_NAME.test(name) && !isBuiltIn(name) && existsSync(descriptionPath(name, dataDir)))
    .sort();
}

/** The names of a data set's classes take most of it. */
const MOST_BYTES = 2 ** 24;

function descriptionPath(name: string, dataDir: string): string {
  return join(dataDir, name, DESCRIPTION_FILE);
}

function readOwn(id: string, dataDir: string): DatasetDescription {
  const path = descriptionPath(id, dataDir);
  try {
    return { id, ...ownSchema.parse(JSON.parse(readTextFile(path, MOST_BYTES))) };
  } catch (cause) {
    if (cause instanceof WorkError) throw cause;
    throw new InputError(`the stored data set ${id} is damaged`, {
      expected: `${path} as mtard wrote it`,
      found: cause instanceof z.ZodError ? z.prettifyError(cause) : String(cause),
      fix: `mtard data ${id} --from DIR --force`,
      cause,
    });
  }
}

/** What the description file of a user's own data set holds. */
export function formatDescription({
  title,
  image,
  classNames,
  augmentation,
  origin,
}: DatasetDescription): string {
  const content = ownSchema.parse({ title, image, classNames, augmentation, origin });
  return `${JSON.stringify(content, null, 2)}\n`;
}

/** The input and output shape of a classifier for a data set; `name` is the data set's id. */
export function classifierShape({ id, image, classNames }: DatasetDescription): NetworkShape & {
  readonly name: string;
} {
  return { name: id, image, classes: classNames.length };
}

/** Checks what a program says of a data set of its own. @throws {InputError} naming the part that is wrong. */
export function requireDescribed({ id, ...content }: DatasetDescription): void {
  const parsed = ownSchema.safeParse(content);
  if (parsed.success) return;
  const [issue] = parsed.error.issues;
  throw new InputError(`the description of data set ${id} is wrong`, {
    expected: "image { height, width, channels }, class names, augmentation { padding, flip }",
    found: issue ? `${issue.path.join(".")}: ${issue.message}` : "something else",
  });
}
