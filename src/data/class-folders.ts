import { InputError, oneLine } from "../errors.js";
import { shellWord } from "../harmless.js";
import { Random } from "../runtime/random.js";
import { isClassName, MOST_CLASSES } from "./datasets.js";
import { byCodePoints, type LeftOutFile } from "./own-files.js";

/** An image file and its class, a position among the class names. */
export interface LabelledFile {
  readonly name: string;
  readonly label: number;
}

/** What a folder of class folders holds. */
export interface ClassFolders {
  /** The names of the class folders, in ascending order. */
  readonly classNames: readonly string[];
  readonly train: readonly LabelledFile[];
  readonly test: readonly LabelledFile[];
  /** Where the test images are from, in words. */
  readonly testFrom: string;
  /** Files that seem to be images, but lie in no class folder. */
  readonly misplaced: readonly LeftOutFile[];
  /** Files that no image is expected in, by what they are: how many, and the first one's name. */
  readonly notUsed: ReadonlyMap<string, { readonly count: number; readonly first: string }>;
}

/** The share of each class that becomes the test split, and the seed that chooses it. */
export interface TestShare {
  readonly share: number;
  readonly seed: number;
}

const TRAIN = /^train(ing)?$/i;
/** The folders of a test split, the first that is there counts. */
const TEST = [/^test(ing)?$/i, /^val(id(ation)?)?$/i];
const IMAGE_NAME = /\.(jpe?g|png|webp|gif|tiff?|avif|bmp)$/i;
/** What systems and programs leave in folders. */
const SYSTEM = /(^|\/)(\.[^/]*|__MACOSX|Thumbs\.db|desktop\.ini)(\/|$)/i;

/**
 * Tells classes and splits from the names of files: `train/` and `test/` (or `val/`) with class folders in them, or class folders
 * directly, of which `split` takes a share for the test split. A folder around all of it is looked through.
 *
 * Each split takes its classes in turn, in their shares, so that its first or last N images hold all classes alike.
 *
 * @param names Paths with `/` between, in ascending order.
 * @param from What the folder is called in errors.
 * @throws {InputError} if there are no class folders, one or too many classes, no test split and no share for it, or the classes of both
 * splits differ.
 */
export function readClassFolders(
  names: readonly string[],
  split: TestShare | null,
  from: string,
): ClassFolders {
  const notUsed = new Map<string, { count: number; first: string }>();
  const pass = (what: string, name: string): void => {
    const known = notUsed.get(what);
    notUsed.set(what, { count: (known?.count ?? 0) + 1, first: known?.first ?? name });
  };
  const wanted = names.filter((name) => {
    if (SYSTEM.test(name)) pass("hidden or system files", name);
    return !SYSTEM.test(name);
  });
  const around = folderAround(wanted);
  const parts = wanted.map((name) => ({ name, path: name.slice(around.length).split("/") }));
  const folders = [...new Set(parts.flatMap(({ path }) => (path.length > 1 ? [path[0] as string] : [])))];
  const trainFolder = folders.find((folder) => TRAIN.test(folder));
  const testFolder = TEST.map((pattern) => folders.find((folder) => pattern.test(folder))).find(Boolean);
  const isSplit = trainFolder !== undefined && (testFolder !== undefined || folders.length === 1);
  const half = trainFolder ?? testFolder;
  if (!isSplit && half !== undefined && parts.some(({ path }) => path[0] === half && path.length > 2))
    throw new InputError(`${from} holds ${half}/ and no other split`, {
      expected: "train/ beside test/ or val/, train/ alone with --split, or class folders directly",
      found: `folders ${folders.slice(0, 8).join(", ")}`,
      fix: `--from ${shellWord(`${from}/${half}`)} with --split 0.1, or take the other folders away`,
    });

  const misplaced: LeftOutFile[] = [];
  const found: Record<"train" | "test", { name: string; className: string }[]> = { train: [], test: [] };
  for (const { name, path } of parts) {
    const [top = ""] = path;
    const inSplit = isSplit && path.length > 1;
    const which = !inSplit || top === trainFolder ? "train" : top === testFolder ? "test" : null;
    const inner = inSplit ? path.slice(1) : path;
    if (which === null) pass(`files in "${oneLine(top)}"`, name);
    else if (inner.length > 1 && !(isSplit && !inSplit))
      found[which].push({ name, className: inner[0] as string });
    else if (IMAGE_NAME.test(name)) misplaced.push({ name, reason: "it lies in no class folder" });
    else pass("files outside the class folders", name);
  }

  const classNames = classesOf(found.train);
  requireClasses(classNames, from, isSplit ? `${trainFolder}/` : "");
  const labels = new Map(classNames.map((name, label) => [name, label]));
  const labelled = (files: readonly { name: string; className: string }[]): LabelledFile[] =>
    files.map(({ name, className }) => ({ name, label: labels.get(className) ?? -1 }));
  if (isSplit && testFolder !== undefined) {
    if (split)
      throw new InputError(`${from} has a test split of its own`, {
        expected: "no --split where there is a folder of test images",
        found: `${testFolder}/`,
      });
    requireSameClasses(classNames, classesOf(found.test), from, trainFolder, testFolder);
    return {
      classNames,
      train: inTurn(labelled(found.train)),
      test: inTurn(labelled(found.test)),
      testFrom: `${testFolder}/`,
      misplaced,
      notUsed,
    };
  }
  if (!split)
    throw new InputError(`${from} has no test images`, {
      expected: "folders train/ and test/ (or val/) with class folders in them, or --split",
      found: `${isSplit ? "train/ alone" : "class folders"}: ${listed(classNames)}`,
      fix: "--split 0.1 takes a tenth of each class for the test split",
    });
  const divided = divide(labelled(found.train), classNames, split, from);
  return {
    classNames,
    train: inTurn(divided.train),
    test: inTurn(divided.test),
    testFrom: shareText(split),
    misplaced,
    notUsed,
  };
}

/** Says where the images of a drawn test split are from. */
export function shareText({ share, seed }: TestShare): string {
  return `a share of ${share} of each class, drawn with seed ${seed}`;
}

/** The folders, each alone in the one before, that all files lie in: `""`, or a path that ends with `/`. */
function folderAround(names: readonly string[]): string {
  let around = "";
  for (;;) {
    const rest = names.map((name) => name.slice(around.length));
    const [top = "", ...inner] = rest[0]?.split("/") ?? [];
    const isSplitName = TRAIN.test(top) || TEST.some((pattern) => pattern.test(top));
    // A folder of files alone is a class.
    const goesOn = inner.length > 1 && !isSplitName && rest.every((name) => name.startsWith(`${top}/`));
    if (!goesOn) return around;
    around += `${top}/`;
  }
}

function classesOf(files: readonly { readonly className: string }[]): string[] {
  return [...new Set(files.map(({ className }) => className))].sort(byCodePoints);
}

function requireClasses(classNames: readonly string[], from: string, inner: string): void {
  const control = classNames.find((name) => !isClassName(name));
  if (control !== undefined)
    throw new InputError(`${from} has a class folder whose name cannot be a class's`, {
      expected: "names of at most 200 characters, without control characters",
      found: JSON.stringify(control),
      fix: "rename the folder",
    });
  if (classNames.length >= 2 && classNames.length <= MOST_CLASSES) return;
  throw new InputError(`${from} does not hold the class folders of a classifier`, {
    expected: `a folder for each of 2 to ${MOST_CLASSES} classes${inner === "" ? "" : ` in ${inner}`}, with its images in it`,
    found: classNames.length === 0 ? "no folder with files" : `${classNames.length}: ${listed(classNames)}`,
    fix: "the folder that has train/ and test/, or the class folders, in it",
  });
}

function requireSameClasses(
  train: readonly string[],
  test: readonly string[],
  from: string,
  trainFolder: string,
  testFolder: string,
): void {
  const onlyTrain = train.filter((name) => !test.includes(name));
  const onlyTest = test.filter((name) => !train.includes(name));
  if (onlyTrain.length + onlyTest.length === 0) return;
  const found = [
    ...(onlyTrain.length > 0 ? [`in ${trainFolder}/ alone: ${listed(onlyTrain)}`] : []),
    ...(onlyTest.length > 0 ? [`in ${testFolder}/ alone: ${listed(onlyTest)}`] : []),
  ];
  throw new InputError(`the classes of ${from} differ between ${trainFolder}/ and ${testFolder}/`, {
    expected: "the same class folders in both, each with images",
    found: found.join("; "),
    fix: `complete them, or give ${trainFolder}/ alone with --split 0.1`,
  });
}

function listed(names: readonly string[]): string {
  return `${names.slice(0, 8).join(", ")}${names.length > 8 ? `, ... (${names.length})` : ""}`;
}

/** Draws a share of each class, one image at the least, for the test split; both keep the order of the files. */
function divide(
  files: readonly LabelledFile[],
  classNames: readonly string[],
  { share, seed }: TestShare,
  from: string,
): { train: LabelledFile[]; test: LabelledFile[] } {
  const labels = Uint8Array.from(files, ({ label }) => label);
  const isTest = drawTest(labels, classNames, { share, seed }, from);
  return {
    train: files.filter((_, index) => !isTest[index]),
    test: files.filter((_, index) => isTest[index]),
  };
}

/**
 * Draws which images become the test split: a share of each class, rounded, at least one and not all of them.
 *
 * @throws {InputError} if a class has less than two images.
 */
export function drawTest(
  labels: Uint8Array,
  classNames: readonly string[],
  { share, seed }: TestShare,
  from: string,
): boolean[] {
  const random = Random.fromSeed(seed);
  const isTest = Array.from(labels, () => false);
  const places = classNames.map((): number[] => []);
  for (const [index, label] of labels.entries()) places[label]?.push(index);
  for (const [label, own] of places.entries()) {
    if (own.length < 2)
      throw new InputError(`class ${classNames[label] ?? ""} of ${from} cannot be divided`, {
        expected: "two images of each class or more",
        found: String(own.length),
        fix: "add images, or take the class out",
      });
    const count = Math.min(own.length - 1, Math.max(1, Math.round(share * own.length)));
    for (const turn of random.permutation(own.length).subarray(0, count)) isTest[own[turn] as number] = true;
  }
  return isTest;
}

/** Orders files so that every stretch of them holds the classes in their shares; those of one class keep their order. */
function inTurn(files: readonly LabelledFile[]): LabelledFile[] {
  const counts = new Map<number, number>();
  for (const { label } of files) counts.set(label, (counts.get(label) ?? 0) + 1);
  const seen = new Map<number, number>();
  return files
    .map((file) => {
      const turn = seen.get(file.label) ?? 0;
      seen.set(file.label, turn + 1);
      return { file, at: (turn + 0.5) / (counts.get(file.label) ?? 1) };
    })
    .toSorted((one, other) => one.at - other.at || one.file.label - other.file.label)
    .map(({ file }) => file);
}
