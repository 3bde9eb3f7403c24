import { statSync } from "node:fs";
import { InputError } from "../errors.js";
import type { DatasetDescription, TinyImageNetOrigin } from "./datasets.js";
import { decodeJpegs } from "./decode.js";
import { openFolder, type SourceFiles } from "./source-files.js";
import type { SplitContents } from "./store.js";
import { openZip } from "./zip.js";

const CLASSES = "wnids.txt";
const ANNOTATIONS = "val/val_annotations.txt";
const JPEG = /\.jpe?g$/i;
const TRAIN_IMAGE = /^train\/(n\d{8})\/images\/\1_(\d{1,9})\.JPEG$/;
const VAL_IMAGE = /^val\/images\/(val_(\d{1,9})\.JPEG)$/;

/**
 * Opens the archive or its unpacked folder, without `test/`, which has no labels, and without boxes and `words.txt`.
 *
 * @param folder The folder inside the archive.
 * @throws {InputError} if `from` is neither, or is damaged.
 */
export async function openTinyImageNet(from: string, folder: string): Promise<SourceFiles> {
  return statSync(from).isDirectory()
    ? openFolder(from, folder, CLASSES, isWanted, MOST_FILE_BYTES)
    : openZip(from, folder, isWanted, MOST_FILE_BYTES);
}

function isWanted(name: string): boolean {
  return name === CLASSES || name === ANNOTATIONS || (/^(train|val)\//.test(name) && JPEG.test(name));
}

/** The most bytes of one file; the longest in the archive, `val_annotations.txt`, has about 350,000. */
const MOST_FILE_BYTES = 2 ** 20;

/** How far decoding is; the rate is in images a second. */
export interface DecodeProgress {
  readonly done: number;
  readonly total: number;
  readonly rate: number;
}

/**
 * Reads both splits of Tiny-ImageNet, with `val` as the test split; JPEGs are decoded as the splits are read.
 *
 * A label is the position of the class's WordNet id in ascending order. Training images take each class in turn, so that the first or
 * last N hold all classes alike; within a class, and in `val`, they are sorted by the number in their names.
 *
 * @throws {InputError} if the lists and the images do not fit together, or a class has no training image.
 */
export async function readTinyImageNet(
  files: SourceFiles,
  { image }: DatasetDescription,
  { wnids }: TinyImageNetOrigin,
  onProgress: (progress: DecodeProgress) => void,
): Promise<{ train: SplitContents; test: SplitContents }> {
  await checkClasses(files, wnids);
  const names = files.names.filter((name) => JPEG.test(name));
  const labels = new Map(wnids.map((wnid, label) => [wnid, label]));
  const train = trainImages(names, labels);
  const test = valImages(names, labels, await readText(files, ANNOTATIONS));

  const total = train.length + test.length;
  const began = performance.now();
  let done = 0;
  const decoded = (): void => {
    done++;
    onProgress({ done, total, rate: (1000 * done) / (performance.now() - began) });
  };
  const contents = (images: readonly LabelledImage[]): SplitContents => ({
    count: images.length,
    images: decodeJpegs(
      images.map(({ name }) => name),
      (name) => files.read(name),
      image,
      decoded,
    ),
    labels: Uint8Array.from(images, ({ label }) => label),
  });
  return { train: contents(train), test: contents(test) };
}

interface LabelledImage {
  readonly name: string;
  readonly label: number;
}

function trainImages(names: readonly string[], labels: ReadonlyMap<string, number>): LabelledImage[] {
  const classes = Array.from(labels.keys(), (): { name: string; number: number }[] => []);
  for (const name of names) {
    if (!name.startsWith("train/")) continue;
    const [, wnid = "", number = ""] = TRAIN_IMAGE.exec(name) ?? [];
    const label = labels.get(wnid);
    if (label === undefined)
      throw new InputError(`${JSON.stringify(name)} is not a training image of a known class`, {
        expected: "train/WNID/images/WNID_NUMBER.JPEG, WNID one of wnids.txt",
        fix: "give the archive as it is published",
      });
    classes[label]?.push({ name, number: Number(number) });
  }
  const empty = [...labels].filter(([, label]) => classes[label]?.length === 0).map(([wnid]) => wnid);
  if (empty.length > 0)
    throw new InputError(`${empty.length} classes of Tiny-ImageNet have no training image`, {
      expected: `images in the folders of all ${labels.size} classes`,
      found: `none in train/${empty.slice(0, 3).join(", train/")}${empty.length > 3 ? ", ..." : ""}`,
      fix: "fetch the archive again, or cut it down so that each class keeps some",
    });
  return classes
    .flatMap((images, label) =>
      images
        .toSorted((one, other) => one.number - other.number)
        .map(({ name }, turn) => ({ name, label, turn })),
    )
    .toSorted((one, other) => one.turn - other.turn);
}

function valImages(
  names: readonly string[],
  labels: ReadonlyMap<string, number>,
  annotations: string,
): LabelledImage[] {
  const annotated = new Map<string, number>();
  for (const [index, line] of annotations.trimEnd().split(/\r?\n/).entries()) {
    const [file = "", wnid = ""] = line.split("\t");
    const name = `val/images/${file}`;
    const label = labels.get(wnid);
    if (label === undefined || !VAL_IMAGE.test(name) || annotated.has(name))
      throw new InputError(`line ${index + 1} of ${ANNOTATIONS} is wrong`, {
        expected: "val_NUMBER.JPEG, a tab and one of wnids.txt, each image once",
        found: JSON.stringify(line.slice(0, 80)),
        fix: "fetch the archive again",
      });
    annotated.set(name, label);
  }
  const present = names.filter((name) => name.startsWith("val/"));
  const unlabelled = present.filter((name) => !annotated.has(name));
  if (unlabelled.length > 0)
    throw contradiction(`${unlabelled.length} images are not in ${ANNOTATIONS}`, unlabelled);
  const there = new Set(present);
  const absent = [...annotated.keys()].filter((name) => !there.has(name));
  if (absent.length > 0)
    throw contradiction(`${ANNOTATIONS} names ${absent.length} images that are not there`, absent);
  const number = (name: string): number => Number(VAL_IMAGE.exec(name)?.[2]);
  return Array.from(annotated, ([name, label]) => ({ name, label })).toSorted(
    (one, other) => number(one.name) - number(other.name),
  );
}

function contradiction(message: string, names: readonly string[]): InputError {
  return new InputError(message, {
    expected: "a line for every image of val/images, and an image for every line",
    found: `${names.slice(0, 3).join(", ")}${names.length > 3 ? ", ..." : ""}`,
    fix: "fetch the archive again",
  });
}

async function checkClasses(files: SourceFiles, wnids: readonly string[]): Promise<void> {
  const found = (await readText(files, CLASSES)).split(/\s+/).filter((wnid) => wnid !== "");
  if (found.toSorted().join() === wnids.join()) return;
  throw new InputError(`${CLASSES} does not name the classes of Tiny-ImageNet`, {
    expected: `${wnids.length} WordNet ids, ${wnids[0] ?? ""} to ${wnids.at(-1) ?? ""}`,
    found: `${found.length} names`,
    fix: "give the archive as it is published",
  });
}

async function readText(files: SourceFiles, name: string): Promise<string> {
  if (!files.names.includes(name))
    throw new InputError(`this is not Tiny-ImageNet's archive: it lacks ${name}`, {
      fix: "give the archive as it is published, or its unpacked folder",
    });
  return Buffer.from(await files.read(name)).toString("utf8");
}
