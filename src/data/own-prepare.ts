import { basename, resolve } from "node:path";
import { InputError } from "../errors.js";
import type { TestShare } from "./class-folders.js";
import { type DatasetDescription, MOST_SIDE } from "./datasets.js";
import { holdsArrays, openOwnArrays } from "./own-arrays.js";
import type { LeftOutFile } from "./own-files.js";
import { openOwnFolder, sizeText, type OwnFolderOptions } from "./own-folder.js";
import type { ImageSize } from "./own-image.js";
import type { OwnReport } from "./own-report.js";
import type { SplitContents, StoreRecord } from "./store.js";

/** How a user's own images become a data set. */
export interface OwnOptions {
  /** The size that all images are brought to: the shorter side, then a crop around the centre. */
  readonly size?: ImageSize | undefined;
  /** The share of each class that becomes the test split, where the source has none. */
  readonly split?: number | undefined;
  /** Seeds the choice of that share; 0 by default. */
  readonly seed?: number | undefined;
  /** Leaves images out that cannot be read, and counts them. */
  readonly skipBroken?: boolean | undefined;
  /** One name per label, for arrays. */
  readonly classNames?: readonly string[] | undefined;
  /** The padding of the random crop; an eighth of the shorter side by default. */
  readonly padding?: number | undefined;
  /** Whether training mirrors images half the time; true by default. */
  readonly flip?: boolean | undefined;
  /** Told of every file that cannot be read, in order, once all were looked at. */
  readonly onLeftOut?: ((file: LeftOutFile) => void) | undefined;
}

/** A user's own data set, ready to be stored. */
export interface OwnDataset {
  readonly description: DatasetDescription;
  readonly train: SplitContents;
  readonly test: SplitContents;
  readonly facts: () => Pick<StoreRecord, "source" | "images">;
  readonly report: OwnReport;
  readonly close: () => void;
}

/**
 * Opens a user's own images: a folder of class folders, a zip archive of one, or arrays.
 *
 * @param name A checked name.
 * @throws {InputError} if they are none of these, or contradict themselves or the options; reading the splits throws it, too.
 */
export async function openOwn(
  name: string,
  from: string,
  options: OwnOptions,
  onProgress: OwnFolderOptions["onProgress"],
): Promise<OwnDataset> {
  const { size = null, split: share, seed = 0, skipBroken = false, classNames, flip = true } = options;
  requireOptions(options);
  const split: TestShare | null = share === undefined ? null : { share, seed };
  const arrays = holdsArrays(from);
  if (!arrays && classNames)
    throw new InputError("--classes names the classes of arrays", {
      expected: "class folders named as the classes are called",
      found: `--classes ${classNames.join(",")}`,
    });
  if (!arrays) requireArchiveKind(from);
  const onLeftOut = options.onLeftOut ?? (() => undefined);
  const opened = arrays
    ? await openOwnArrays(from, { size, split, classNames: classNames ?? null })
    : await openOwnFolder(from, { size, split, skipBroken, onProgress, onLeftOut });
  const { image, train, test, report, close } = opened;
  const description: DatasetDescription = {
    id: name,
    title: titleOf(from),
    image,
    classNames: opened.classNames,
    augmentation: { padding: options.padding ?? usualPadding(image), flip },
    origin: { kind: "own" },
  };
  const facts = (): Pick<StoreRecord, "source" | "images"> => ({
    source: {
      from: basename(resolve(from)),
      ...(size ? { size: sizeText(size) } : {}),
      ...(split ? { split: split.share, seed: split.seed } : {}),
    },
    images: { converted: report.converted, leftOut: report.leftOut.length },
  });
  return { description, train, test, facts, report, close };
}

/** @throws {InputError} naming the option that is out of bounds. */
function requireOptions({ size, split, seed, padding }: OwnOptions): void {
  const check = (
    name: string,
    value: number | undefined,
    good: (value: number) => boolean,
    expected: string,
  ): void => {
    if (value === undefined || good(value)) return;
    throw new InputError(`${name} is wrong`, { expected, found: String(value) });
  };
  const within =
    (least: number, most: number) =>
    (value: number): boolean =>
      Number.isInteger(value) && value >= least && value <= most;
  for (const side of ["height", "width"] as const)
    check(`the ${side} of size`, size?.[side], within(1, MOST_SIDE), `a whole number from 1 to ${MOST_SIDE}`);
  check("split", split, (value) => value > 0 && value < 1, "a share above 0 and below 1, such as 0.1");
  check("seed", seed, within(0, 2 ** 32 - 1), "a whole number from 0 to 4294967295");
  check("padding", padding, within(0, MOST_SIDE), `a whole number from 0 to ${MOST_SIDE}`);
}

/** The padding of the random crop that a data set gets where none is named: CIFAR's 4 at 32 pixels, in proportion. */
export function usualPadding({ height, width }: ImageSize): number {
  return Math.round(Math.min(height, width) / 8);
}

function titleOf(from: string): string {
  const name = basename(resolve(from)).replace(/\p{Cc}/gu, "?");
  return `own images, from ${name.slice(0, 150)}`;
}

function requireArchiveKind(from: string): void {
  if (/\.(tar|tgz|tar\.\w+|7z|rar)$/i.test(from))
    throw new InputError(`${from} is an archive of a kind that is not read for own images`, {
      expected: "a folder of class folders, a .zip archive of one, or an .npz file",
      found: basename(from),
      fix: `unpack it first, then --from FOLDER`,
    });
}
