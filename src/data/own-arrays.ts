import { readdirSync, statSync } from "node:fs";
import { join } from "node:path";
import { InputError, oneLine } from "../errors.js";
import { type NpzFile, isNpz, openNpy, openNpz } from "../weights/npz.js";
import { withSourceFile } from "../weights/source-file.js";
import { readZipMembers } from "../weights/zip.js";
import { type ArrayPart, NUMPY_FIX, readImages, readLabels } from "./array-values.js";
import { drawTest, shareText, type TestShare } from "./class-folders.js";
import { isClassName, MOST_CLASSES, MOST_SIDE } from "./datasets.js";
import { decodeInPieces } from "./decode.js";
import { imageBytes } from "./images.js";
import type { OwnContents } from "./own-folder.js";
import { resizeImage, type ImageSize } from "./own-image.js";
import { OwnAccount, requireEveryClass } from "./own-report.js";
import type { SplitContents } from "./store.js";

/** How a user's own arrays become a data set. */
export interface OwnArraysOptions {
  readonly size: ImageSize | null;
  readonly split: TestShare | null;
  /** One name per label; null takes the file's own, or else the numbers. */
  readonly classNames: readonly string[] | null;
}

type Part = "train" | "test" | "val" | "all";

/** What the images, and the labels, of a split are called: in Keras's files, MedMNIST's, and others'; case does not matter. */
const NAMES: Readonly<
  Record<Part, { readonly images: readonly RegExp[]; readonly labels: readonly RegExp[] }>
> = {
  train: namesOf("train(?:ing)?"),
  test: namesOf("test(?:ing)?"),
  val: namesOf("val(?:id(?:ation)?)?"),
  all: { images: [/^(x|images?|imgs|data)$/i], labels: [/^(y|labels?|targets?)$/i] },
};

function namesOf(split: string): { images: RegExp[]; labels: RegExp[] } {
  const either = (words: string): RegExp[] => [
    new RegExp(`^(?:${words})_?${split}$`, "i"),
    new RegExp(`^${split}_?(?:${words})$`, "i"),
  ];
  return { images: either("x|images?|imgs|data"), labels: either("y|labels?|targets?") };
}

const CLASS_NAMES = /^(class_?names|classes|label_?names)$/i;

/** Whether a path is an npz or npy file, or a folder of them without folders in it. */
export function holdsArrays(from: string): boolean {
  if (!statSync(from).isDirectory()) return /\.np[yz]$/i.test(from);
  const folders = readdirSync(from, { withFileTypes: true }).filter((entry) => entry.isDirectory());
  return folders.length === 0 && arrayFiles(from).length > 0;
}

function arrayFiles(folder: string): string[] {
  return readdirSync(folder)
    .filter((name) => /\.np[yz]$/i.test(name))
    .sort();
}

/**
 * Reads images and labels from an npz file, or a folder of npz and npy files: uint8 or floats in [0, 1], `[N, height, width]`,
 * `[N, height, width, channels]` or `[N, channels, height, width]`, grey or RGB; labels `[N]` or `[N, 1]`. Their order is kept.
 *
 * @throws {InputError} if an array is missing, or is of another type, shape or range.
 */
export async function openOwnArrays(from: string, options: OwnArraysOptions): Promise<OwnContents> {
  const account = new OwnAccount();
  const parts = await readParts(from, account);
  const { train, test } = options.split
    ? divided(parts, options.split, from, account)
    : bothOf(parts, from, account);
  const [one, other] = [train, test].map(({ image }) => `${image.height}x${image.width}x${image.channels}`);
  if (one !== other)
    throw new InputError(`the images of ${from} have two sizes`, {
      expected: "train and test images of one size",
      found: `height x width x channels: ${one} and ${other}`,
      fix: "resize the arrays before they are saved",
    });
  const classNames = classNamesOf([train, test], options.classNames ?? parts.classNames, from);
  requireEveryClass(train.labels, classNames, "train", from);
  requireEveryClass(test.labels, classNames, "test", from);
  const image = { ...(options.size ?? train.image), channels: train.image.channels };
  if (Math.max(image.height, image.width) > MOST_SIDE)
    throw new InputError(`the images of ${from} are too large`, {
      expected: `at most ${MOST_SIDE}x${MOST_SIDE} pixels, or --size`,
      found: `${image.height}x${image.width}`,
      fix: "--size 224",
    });
  return {
    image,
    classNames,
    train: resized(train, options.size),
    test: resized(test, options.size),
    report: account,
    close: () => undefined,
  };
}

type Parts = Partial<Record<Part, ArrayPart>> & { classNames: readonly string[] | null; found: string };

async function readParts(from: string, account: OwnAccount): Promise<Parts> {
  const files = statSync(from).isDirectory() ? arrayFiles(from).map((name) => join(from, name)) : [from];
  const parts: Parts = { classNames: null, found: "" };
  const images = new Map<Part, ReturnType<typeof readImages>>();
  const labels = new Map<Part, Uint8Array>();
  const found: string[] = [];
  for (const path of files)
    await withSourceFile(path, async (file) => {
      const arrays = /\.npy$/i.test(path)
        ? openNpy(file, path.replace(/^.*\//, "").slice(0, -".npy".length))
        : await membersOf(path, file);
      for (const name of [...arrays.tensors.keys(), ...arrays.others]) {
        const tensor = arrays.tensors.get(name) ?? arrays.integers.get(name);
        found.push(`${name}${tensor ? ` [${tensor.shape.join(", ")}]` : ""}`);
        const what = meaningOf(name);
        if (CLASS_NAMES.test(name) && arrays.texts.has(name))
          parts.classNames = arrays.texts.get(name)?.read() ?? null;
        else if (what === null || !tensor) account.notes.push(`array "${oneLine(name)}" is not used`);
        else {
          const taken = what.kind === "images" ? images : labels;
          if (taken.has(what.part))
            throw new InputError(`${from} holds the ${what.part} ${what.kind} twice`, {
              found: found.join("; "),
            });
          if (what.kind === "images") images.set(what.part, readImages(tensor, name, account));
          else labels.set(what.part, readLabels(tensor, name));
        }
      }
    });
  parts.found = found.length === 0 ? "no arrays" : found.join("; ");
  for (const [part, { image, pixels }] of images) {
    const own = labels.get(part);
    const count = pixels.length / imageBytes(image);
    if (!own || own.length !== count)
      throw new InputError(
        `${from} holds ${count} ${part === "all" ? "" : `${part} `}images and ${own?.length ?? 0} labels for them`,
        {
          expected: "a label for every image",
          found: parts.found,
          fix: NUMPY_FIX,
        },
      );
    parts[part] = { image, pixels, labels: own };
  }
  return parts;
}

async function membersOf(path: string, file: Parameters<typeof readZipMembers>[0]): Promise<NpzFile> {
  const members = await readZipMembers(file);
  if (isNpz(members)) return openNpz(file, members);
  throw new InputError(`${path} is not an npz file`, {
    expected: "arrays as numpy.savez writes them",
    fix: NUMPY_FIX,
  });
}

function meaningOf(name: string): { part: Part; kind: "images" | "labels" } | null {
  for (const part of Object.keys(NAMES) as Part[])
    for (const kind of ["images", "labels"] as const)
      if (NAMES[part][kind].some((pattern) => pattern.test(name))) return { part, kind };
  return null;
}

function bothOf(
  { train, test, val, found }: Parts,
  from: string,
  account: OwnAccount,
): { train: ArrayPart; test: ArrayPart } {
  const chosen = test ?? val;
  if (train && chosen) {
    account.notes.push(`test images: those of the ${test ? "test" : "validation"} arrays`);
    if (test && val) account.notes.push(`validation images are not used: ${val.labels.length}`);
    return { train, test: chosen };
  }
  throw new InputError(`${from} does not hold the arrays of a data set`, {
    expected: "x_train, y_train, x_test and y_test, or MedMNIST's names, or x and y with --split 0.1",
    found,
    fix: NUMPY_FIX,
  });
}

function divided(
  parts: Parts,
  split: TestShare,
  from: string,
  account: OwnAccount,
): { train: ArrayPart; test: ArrayPart } {
  const whole = parts.all ?? parts.train;
  if (!whole || parts.test || parts.val)
    throw new InputError(`--split does not fit ${from}`, {
      expected: "x and y, or x_train and y_train, without test or validation arrays",
      found: parts.found,
    });
  account.notes.push(`test images: ${shareText(split)}`);
  const names = Array.from({ length: Math.max(...unique(whole.labels)) + 1 }, (_, label) => String(label));
  const isTest = drawTest(whole.labels, names, split, from);
  const size = imageBytes(whole.image);
  const part = (wanted: boolean): ArrayPart => {
    const places = [...isTest.keys()].filter((index) => isTest[index] === wanted);
    const pixels = new Uint8Array(places.length * size);
    for (const [row, index] of places.entries())
      pixels.set(whole.pixels.subarray(index * size, (index + 1) * size), row * size);
    return {
      image: whole.image,
      pixels,
      labels: Uint8Array.from(places, (index) => whole.labels[index] as number),
    };
  };
  return { train: part(false), test: part(true) };
}

function unique(labels: Uint8Array): number[] {
  return [...new Set(labels)];
}

function classNamesOf(
  parts: readonly ArrayPart[],
  names: readonly string[] | null,
  from: string,
): readonly string[] {
  const classes = Math.max(...parts.flatMap(({ labels }) => unique(labels))) + 1;
  if (classes < 2)
    throw new InputError(`all images of ${from} are of one class`, {
      expected: "labels from 0, of two classes or more",
      found: "label 0 alone",
    });
  if (names === null) return Array.from({ length: classes }, (_, label) => String(label));
  const fit = names.length >= classes && names.length <= MOST_CLASSES && new Set(names).size === names.length;
  if (fit && names.every(isClassName)) return names;
  throw new InputError(`the class names do not fit ${from}`, {
    expected: `${classes} different names without control characters, label 0 first`,
    found: `${names.length}: ${names.join(", ")}`,
    fix: "--classes A,B,C",
  });
}

function resized({ image, pixels, labels }: ArrayPart, size: ImageSize | null): SplitContents {
  const count = labels.length;
  if (!size || (size.height === image.height && size.width === image.width))
    return { count, images: pixels, labels };
  const { channels } = image;
  const [from, to] = [imageBytes(image), imageBytes({ ...size, channels })];
  const read = async function* (): AsyncGenerator<Uint8Array> {
    const decode = (index: number): Promise<Uint8Array> =>
      resizeImage(pixels.subarray(index * from, (index + 1) * from), image, channels, size);
    for await (const piece of decodeInPieces([...labels.keys()], to, decode)) yield piece.pixels;
  };
  return { count, images: read(), labels };
}
