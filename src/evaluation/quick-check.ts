import { imagesAt } from "../data/batches.js";
import type { Dataset } from "../data/store.js";
import type { Normalization } from "../graph/network.js";
import { openTeacher } from "../teacher/bridge.js";
import type { MeasuredAccuracy } from "../teacher/manifest.js";
import type { TeacherReference } from "../teacher/reference.js";

/** What a quick check found. */
export interface QuickCheck {
  /** On test images from all over the split. */
  readonly accuracy: MeasuredAccuracy;
  /** Whether guessing would do as well. */
  readonly nearChance: boolean;
  /** Ways to show the images that would mend it, the best first. */
  readonly remedies: readonly Remedy[];
}

/** Another way to show a model its images, and the accuracy that it gives, on fewer of them where time is short. */
export interface Remedy {
  /** What people call it. */
  readonly title: string;
  /** The normalisation that does it; null if none can. */
  readonly normalization: Normalization | null;
  readonly accuracy: MeasuredAccuracy;
}

/** How a check ends early, as an `AbortSignal` says it. */
export interface QuickCheckOptions {
  readonly signal?: { readonly aborted: boolean } | undefined;
  /** After how many seconds measuring, and then trying, begins nothing further; 30 by default. */
  readonly mostSeconds?: number | undefined;
  readonly onProgress?: ((doing: string, done: number, total: number) => void) | undefined;
}

/** Images that are measured, those that each way is tried on first, and how many at a time. */
const IMAGES = 400;
const TRIED_IMAGES = 100;
const BATCH = 50;
/** How many of the ways that are better are measured on all images. */
const LIKELIEST = 4;
/** After this long no further batch of the first measurement, and after as long again no further way, is begun. */
const MOST_SECONDS = 30;
/** A model above this has nothing to mend that shows on so few images. */
const FINE = 0.9;

const grey = (value: number): number[] => [value, value, value];

/** The constants that models are usually trained with, for images in [0, 1]; the same for all channels also fits grey images. */
const usual: readonly { readonly title: string; readonly normalization: Normalization }[] = [
  {
    title: "CIFAR-10's mean and deviation",
    normalization: { mean: [0.4914, 0.4822, 0.4465], std: [0.2471, 0.2435, 0.2616] },
  },
  {
    title: "ImageNet's mean and deviation",
    normalization: { mean: [0.485, 0.456, 0.406], std: [0.229, 0.224, 0.225] },
  },
  {
    title: "CIFAR-100's mean and deviation",
    normalization: { mean: [0.5071, 0.4865, 0.4409], std: [0.2673, 0.2564, 0.2762] },
  },
  { title: "images from -1 to 1", normalization: { mean: grey(0.5), std: grey(0.5) } },
  { title: "images from 0 to 255", normalization: { mean: grey(0), std: grey(1 / 255) } },
  {
    title: "CIFAR-10's mean and smaller deviation",
    normalization: { mean: [0.4914, 0.4822, 0.4465], std: [0.2023, 0.1994, 0.201] },
  },
  {
    title: "Tiny-ImageNet's mean and deviation",
    normalization: { mean: [0.4802, 0.4481, 0.3975], std: [0.2302, 0.2265, 0.2262] },
  },
  {
    title: "ImageNet's mean taken from images from 0 to 255",
    normalization: { mean: [0.485, 0.456, 0.406], std: grey(1 / 255) },
  },
];

/**
 * Measures the clean accuracy of a teacher on a few hundred packed test images and, where that is not high, looks whether it would be
 * much higher with another usual normalisation, or with blue before red. Nothing is changed.
 *
 * @param own The normalisation inside the teacher, as far as it is known; without it the images are shown as they are.
 * @throws {InputError} if the teacher does not fit the data set; {@link WorkError} if it cannot run.
 */
export async function quickCheck(
  reference: TeacherReference,
  own: Normalization | null,
  { description, test }: Dataset,
  { signal, onProgress, mostSeconds = MOST_SECONDS }: QuickCheckOptions = {},
): Promise<QuickCheck | null> {
  const { image, classNames } = description;
  const shape = { name: description.id, image, classes: classNames.length };
  const teacher = await openTeacher(reference, { device: "cpu", maxBatch: BATCH, dataset: shape });
  try {
    const rightOf = async (places: readonly number[], show: Show): Promise<readonly boolean[]> => {
      const images = imagesAt(test, image, places);
      const logits = await teacher.logits(show(images));
      return answers(logits, shape.classes).map((answer, row) => answer === test.labels[places[row] ?? 0]);
    };
    const order = spread(test.count);
    const right: boolean[] = [];
    const began = performance.now();
    const total = Math.min(IMAGES, test.count);
    for (let from = 0; from < total; from += BATCH) {
      if (signal?.aborted === true) return null;
      if (from > 0 && seconds(began) > mostSeconds) break;
      right.push(...(await rightOf(order(from, Math.min(from + BATCH, total)), asTheyAre)));
      onProgress?.("looking at test images", right.length, total);
    }
    const accuracy = counted(right);
    const begun = performance.now();
    const isOver = (): boolean => signal?.aborted === true || seconds(begun) > mostSeconds;
    const tryOn = async ({ show }: Way, from: number, to: number): Promise<boolean[]> => {
      const found: boolean[] = [];
      for (let at = from; at < to; at += BATCH)
        found.push(...(await rightOf(order(at, Math.min(at + BATCH, to)), show)));
      return found;
    };
    const ways = accuracy.correct < FINE * accuracy.total ? waysFor(image.channels, own) : [];
    const few = Math.min(TRIED_IMAGES, right.length);
    const better: { way: Way; found: readonly boolean[] }[] = [];
    for (const [index, way] of ways.entries()) {
      if (isOver()) break;
      const found = await tryOn(way, 0, few);
      onProgress?.("trying usual normalisations", index + 1, ways.length);
      if (isMuchBetter(found, right)) better.push({ way, found });
    }
    const remedies: Remedy[] = [];
    // The best are told apart on all images.
    for (const { way, found } of better
      .sort((a, b) => rightIn(b.found) - rightIn(a.found))
      .slice(0, LIKELIEST)) {
      const all = isOver() ? found : [...found, ...(await tryOn(way, few, right.length))];
      remedies.push({ title: way.title, normalization: way.normalization, accuracy: counted(all) });
    }
    const share = ({ accuracy: { correct, total: of } }: Remedy): number => correct / of;
    return {
      accuracy,
      nearChance: isNearChance(accuracy, shape.classes),
      remedies: remedies.sort((a, b) => share(b) - share(a)),
    };
  } finally {
    await teacher.close();
  }
}

/** How images in [0, 1], NHWC, are changed before the teacher sees them. */
type Show = (images: Float32Array) => Float32Array;
const asTheyAre: Show = (images) => images;

interface Way {
  readonly title: string;
  readonly normalization: Normalization | null;
  readonly show: Show;
}

function waysFor(channels: number, own: Normalization | null): Way[] {
  const plain = {
    mean: Array.from({ length: channels }, () => 0),
    std: Array.from({ length: channels }, () => 1),
  };
  const inside = own ?? plain;
  const normalizations = [
    ...(own ? [{ title: "images as they are, without a normalisation", normalization: plain }] : []),
    ...usual.flatMap(({ title, normalization: { mean, std } }) => {
      if (channels === 3) return [{ title, normalization: { mean, std } }];
      const isGrey = new Set(mean).size === 1 && new Set(std).size === 1;
      const all = (values: readonly number[]): number[] =>
        Array.from({ length: channels }, () => values[0] ?? 0);
      return isGrey ? [{ title, normalization: { mean: all(mean), std: all(std) } }] : [];
    }),
  ];
  return [
    ...normalizations
      .filter(({ normalization }) => !isSame(normalization, inside))
      .map((way): Way => ({ ...way, show: instead(inside, way.normalization) })),
    ...(channels === 3 ? [{ title: "blue before red (BGR)", normalization: null, show: turned }] : []),
  ];
}

/** Undoes the normalisation inside a model beforehand, and does another: `inside` of what comes out is `wanted` of what goes in. */
function instead(inside: Normalization, wanted: Normalization): Show {
  const channels = inside.mean.length;
  const scale = inside.std.map((std, channel) => std / (wanted.std[channel] ?? 1));
  const shift = inside.mean.map(
    (mean, channel) => mean - (wanted.mean[channel] ?? 0) * (scale[channel] ?? 1),
  );
  return (images) =>
    images.map((value, index) => value * (scale[index % channels] ?? 1) + (shift[index % channels] ?? 0));
}

const turned: Show = (images) =>
  images.map((_, index) => images[index - (index % 3) + 2 - (index % 3)] as number);

function isSame(one: Normalization, other: Normalization): boolean {
  const close = (left: readonly number[], right: readonly number[]): boolean =>
    left.every((value, index) => Math.abs(value - (right[index] ?? NaN)) < 5e-3);
  return (
    close(one.mean, other.mean) &&
    one.std.every((std, index) => Math.abs(std / (other.std[index] ?? NaN) - 1) < 0.03)
  );
}

/** The class of the largest logit in each row. */
function answers(logits: Float32Array, classes: number): number[] {
  return Array.from({ length: logits.length / classes }, (_, row) => {
    const own = logits.subarray(row * classes, (row + 1) * classes);
    return own.indexOf(Math.max(...own));
  });
}

function rightIn(right: readonly boolean[]): number {
  return right.filter(Boolean).length;
}

function counted(right: readonly boolean[]): MeasuredAccuracy {
  return { split: "test", correct: rightIn(right), total: right.length };
}

/** Whether chance explains an accuracy: within three standard deviations above guessing. */
function isNearChance({ correct, total }: MeasuredAccuracy, classes: number): boolean {
  const guess = 1 / classes;
  return correct / total <= guess + 3 * Math.sqrt((guess * (1 - guess)) / total);
}

/** Whether the same images are answered right so much more often that chance does not explain it, and by five points at least. */
function isMuchBetter(found: readonly boolean[], before: readonly boolean[]): boolean {
  const won = found.filter((right, index) => right && before[index] === false).length;
  const lost = found.filter((right, index) => !right && before[index] === true).length;
  return won - lost >= Math.max(0.05 * found.length, 3 * Math.sqrt(won + lost));
}

/** An order of `count` images of which any part from the first on is spread evenly over all: they may be sorted by class. */
function spread(count: number): (from: number, to: number) => number[] {
  const divides = (divisor: number): boolean => count % divisor === 0;
  let step = Math.max(1, Math.round(count * 0.618));
  const sharesDivisor = (): boolean => {
    for (let divisor = 2; divisor <= step; divisor++)
      if (step % divisor === 0 && divides(divisor)) return true;
    return false;
  };
  while (sharesDivisor()) step++;
  return (from, to) => Array.from({ length: to - from }, (_, index) => ((from + index) * step) % count);
}

function seconds(since: number): number {
  return (performance.now() - since) / 1000;
}
