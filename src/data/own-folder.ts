import { InputError, oneLine } from "../errors.js";
import { readClassFolders, type LabelledFile, type TestShare } from "./class-folders.js";
import { MOST_SIDE } from "./datasets.js";
import { decodeInPieces, inParallel } from "./decode.js";
import { imageBytes } from "./images.js";
import { byCodePoints, openOwnFiles, type LeftOutFile, type OwnFiles } from "./own-files.js";
import { conversions, decodeImage, readImageSize, type ImageSize, type OwnImage } from "./own-image.js";
import { OwnAccount, requireEveryClass, type OwnReport } from "./own-report.js";
import type { SplitContents } from "./store.js";
import type { DecodeProgress } from "./tiny-imagenet.js";

/** What a user's own images are made into. */
export interface OwnFolderOptions {
  /** The size all images are brought to; null where they all have one size. */
  readonly size: ImageSize | null;
  readonly split: TestShare | null;
  /** Whether images that cannot be read are left out; else they are named and nothing is stored. */
  readonly skipBroken: boolean;
  readonly onProgress: (stage: "inspect" | "decode", progress: DecodeProgress) => void;
  readonly onLeftOut: (file: LeftOutFile) => void;
}

/** A user's own data set, opened; its images are read as they are stored. */
export interface OwnContents {
  readonly image: ImageSize & { readonly channels: number };
  readonly classNames: readonly string[];
  readonly train: SplitContents;
  readonly test: SplitContents;
  /** Whole once both splits were read. */
  readonly report: OwnReport;
  readonly close: () => void;
}

/**
 * Opens a folder of class folders, or a zip archive of one.
 *
 * @throws {InputError} if it has other folders than classes and splits, or images of several sizes without a `size`; reading the
 * splits throws it if images cannot be read, or a class is left with none.
 */
export async function openOwnFolder(from: string, options: OwnFolderOptions): Promise<OwnContents> {
  const files = await openOwnFiles(from);
  try {
    const account = new OwnAccount();
    const found = readClassFolders(files.names, options.split, from);
    account.notes.push(`test images: ${found.testFrom}`);
    for (const [what, { count, first }] of found.notUsed)
      account.notes.push(`${what} are not used: ${count}, the first is "${oneLine(first)}"`);
    if (files.empty.length > 0)
      account.notes.push(
        `empty folders are not used: ${files.empty.map((name) => `"${oneLine(name)}"`).join(", ")}`,
      );
    const notImages = [...files.refused, ...found.misplaced];
    account.leftOut.push(...notImages);
    const all = [...found.train, ...found.test];
    const size = options.size ?? (await commonSize(files, all, from, options));
    const image = { ...size, channels: 3 };
    const progress = progressOf(all.length, (so) => options.onProgress("decode", so));
    const broken: string[] = [];
    const contents = (list: readonly LabelledFile[], finish: () => Promise<void>): SplitContents => {
      const labels: number[] = [];
      const decode = async (file: LabelledFile): Promise<Uint8Array | null> => {
        const decoded = await decodeFile(files, file.name, options.size, size).catch(() => null);
        progress();
        if (decoded === null) broken.push(file.name);
        for (const kind of decoded?.converted ?? []) account.countConverted(conversions[kind]);
        return decoded?.pixels ?? null;
      };
      const read = async function* (): AsyncGenerator<Uint8Array> {
        for await (const { pixels, items } of decodeInPieces(list, imageBytes(image), decode)) {
          for (const { label } of items) labels.push(label);
          yield pixels;
        }
        await finish();
      };
      return {
        get count() {
          return labels.length;
        },
        get labels() {
          return Uint8Array.from(labels);
        },
        images: read(),
      };
    };
    const train = contents(found.train, () => Promise.resolve());
    const test = contents(found.test, async () => {
      // One after the other: libvips keeps its messages in one place, where those of images read at once mix.
      for (const name of broken)
        account.leftOut.push({ name, reason: await reasonOf(decodeFile(files, name, options.size, size)) });
      account.leftOut.sort((one, other) => byCodePoints(one.name, other.name));
      for (const file of account.leftOut) options.onLeftOut(file);
      account.requireWhole(all.length + notImages.length, from, options.skipBroken);
      requireEveryClass(train.labels, classNames, "train", from);
      requireEveryClass(test.labels, classNames, "test", from);
    });
    const { classNames } = found;
    return { image, classNames, train, test, report: account, close: files.close };
  } catch (error) {
    files.close();
    throw error;
  }
}

/** @throws An error that says why the image cannot be read. */
async function decodeFile(
  files: OwnFiles,
  name: string,
  asked: ImageSize | null,
  size: ImageSize,
): Promise<OwnImage> {
  const decoded = await decodeImage(await files.read(name), asked);
  if (decoded.height === size.height && decoded.width === size.width) return decoded;
  throw new Error(`it has ${sizeText(decoded)} pixels`);
}

/** Why an image cannot be read, on one line: what libvips says has several. */
async function reasonOf(decoding: Promise<unknown>): Promise<string> {
  try {
    await decoding;
    return "it could not be read at first; try again";
  } catch (error) {
    const text =
      error instanceof InputError ? (error.detail.found ?? error.message) : (error as Error).message;
    return oneLine(text);
  }
}

/** The size that all images have. */
async function commonSize(
  files: OwnFiles,
  all: readonly LabelledFile[],
  from: string,
  { onProgress }: OwnFolderOptions,
): Promise<ImageSize> {
  const counts = new Map<string, { readonly size: ImageSize; count: number }>();
  const progress = progressOf(all.length, (so) => onProgress("inspect", so));
  await inParallel(all, async ({ name }) => {
    const size = await files
      .read(name)
      .then(readImageSize)
      // It is named when it is decoded.
      .catch(() => null);
    progress();
    if (size === null) return;
    const key = sizeText(size);
    const known = counts.get(key) ?? { size, count: 0 };
    known.count++;
    counts.set(key, known);
  });
  const sizes = [...counts.values()].sort(
    (one, other) => other.count - one.count || compareSizes(one.size, other.size),
  );
  const [most] = sizes;
  const isLarge = most !== undefined && Math.max(most.size.height, most.size.width) > MOST_SIDE;
  if (most !== undefined && sizes.length === 1 && !isLarge) return most.size;
  // Where nothing can be read, decoding says so of each file.
  if (most === undefined) return { height: 1, width: 1 };
  const named = sizes.slice(0, NAMED_SIZES).map(({ size, count }) => `${sizeText(size)} (${count})`);
  throw new InputError(
    sizes.length === 1
      ? `the images of ${from} are too large`
      : `the images of ${from} have ${sizes.length} sizes`,
    {
      expected: `one size of at most ${MOST_SIDE}x${MOST_SIDE} pixels, or --size`,
      found: `height x width: ${named.join(", ")}${sizes.length > NAMED_SIZES ? ", ..." : ""}`,
      fix: `--size ${proposedSize(sizes)}: the shorter side is brought to it, then the centre is cropped`,
    },
  );
}

/** How many sizes an error names. */
const NAMED_SIZES = 6;

/** Sizes that small classifiers are trained on. */
const USUAL_SIZES = [224, 128, 96, 64, 48, 32];

/** The largest usual size that half of the images need not be enlarged for. */
function proposedSize(sizes: readonly { readonly size: ImageSize; readonly count: number }[]): number {
  const sides = sizes
    .flatMap(({ size: { height, width }, count }) =>
      Array.from({ length: count }, () => Math.min(height, width)),
    )
    .sort((one, other) => one - other);
  const middle = sides[Math.floor(sides.length / 2)] ?? 32;
  return USUAL_SIZES.find((size) => size <= middle) ?? 32;
}

/** A size as `--size` takes it: rows, then columns. */
export function sizeText({ height, width }: ImageSize): string {
  return `${height}x${width}`;
}

function compareSizes(one: ImageSize, other: ImageSize): number {
  return other.height * other.width - one.height * one.width || other.height - one.height;
}

function progressOf(total: number, onProgress: (progress: DecodeProgress) => void): () => void {
  const began = performance.now();
  let done = 0;
  return () => {
    done++;
    onProgress({ done, total, rate: (1000 * done) / (performance.now() - began) });
  };
}
