import type { KeptRecord } from "../../evaluation/store.js";
import { type Share, shareOf } from "./share.js";

/** How often the images of a class are answered right, clean and under an attack. */
export interface ClassAccuracy {
  readonly label: number;
  readonly name: string;
  readonly clean: Share;
  readonly attacked: Share;
}

/** What a student takes the images of each class for, under an attack. */
export interface Confusion {
  /** The names of all classes, label 0 first. */
  readonly names: readonly string[];
  /** `[label][answer]`: on how many images. */
  readonly counts: readonly (readonly number[])[];
}

/** A class that is taken for another. */
export interface Mistake {
  readonly label: string;
  readonly answer: string;
  readonly share: Share;
}

/** The accuracy for each class that is among the images of a finished attack. */
export function classAccuracies({ record }: KeptRecord, names: readonly string[]): ClassAccuracy[] {
  const { labels, clean, attack } = record;
  return names.flatMap((name, label) => {
    const images = labels.flatMap((each, image) => (each === label ? [image] : []));
    if (images.length === 0) return [];
    const right = (answers: readonly number[]): Share =>
      shareOf(images.filter((image) => answers[image] === label).length, images.length);
    return [{ label, name, clean: right(clean), attacked: right(attack?.answers ?? clean) }];
  });
}

/** The confusion of all images under a finished attack; an image that it did not attack has its clean answer. */
export function confusionOf({ record }: KeptRecord, names: readonly string[]): Confusion {
  const counts = names.map(() => names.map(() => 0));
  const answers = record.attack?.answers ?? record.clean;
  for (const [image, label] of record.labels.entries()) {
    const row = counts[label];
    const answer = answers[image];
    if (row && answer !== undefined) row[answer] = (row[answer] ?? 0) + 1;
  }
  return { names, counts };
}

/** The most frequent mistakes, as shares of the images of their class, at most `most` of them. */
export function frequentMistakes({ names, counts }: Confusion, most: number): Mistake[] {
  return counts
    .flatMap((row, label) => {
      const total = row.reduce((sum, count) => sum + count, 0);
      return row.flatMap((count, answer) =>
        answer === label || count === 0
          ? []
          : [{ label: names[label] ?? "", answer: names[answer] ?? "", share: shareOf(count, total) }],
      );
    })
    .sort((one, other) => other.share.share - one.share.share || other.share.hits - one.share.hits)
    .slice(0, most);
}
