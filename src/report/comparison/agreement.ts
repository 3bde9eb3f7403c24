import type { AttackId } from "../../attacks/attacks.js";
import { nameOfKey } from "../../evaluation/key.js";
import type { KeptRecord } from "../../evaluation/store.js";
import { holm, mcNemar } from "../statistics.js";

/** On which images two models are right, clean or under one attack. */
export interface Agreement {
  /** The places of the two among those compared. */
  readonly first: number;
  readonly second: number;
  /** Null for clean images. */
  readonly attack: AttackId | null;
  /** What is measured, with what is unusual about it. */
  readonly label: string;
  /** The images that both were measured on, of which the four others are the parts. */
  readonly images: number;
  readonly both: number;
  readonly onlyFirst: number;
  readonly onlySecond: number;
  readonly neither: number;
  /** McNemar's p, and the same adjusted by Holm for all pairs under this measurement. */
  readonly p: number;
  readonly adjusted: number;
}

/** A measurement of a model with what it is called. */
export interface LabelledRecord {
  readonly label: string;
  readonly kept: KeptRecord;
}

/** More models than these are compared with the first one alone: pairs would be too many to read. */
export const MOST_PAIRED = 4;

/**
 * Compares models image by image: under every attack that two of them were measured with in the same way, and on the clean images that both
 * saw. Where one was measured on more images, on the first ones, which both have.
 *
 * @param measured The measurements of each model, of one attack the one on the most images first.
 */
export function agreementsOf(measured: readonly (readonly LabelledRecord[])[]): Agreement[] {
  const pairs = pairsOf(measured.length);
  const kinds = new Map<string, LabelledRecord>();
  // The first of a kind is the one on the most images, and its label speaks of no fewer.
  for (const each of measured.flat()) {
    const kind = kindOf(each.kept);
    if (!kinds.has(kind)) kinds.set(kind, each);
  }
  const clean = withHolm(
    pairs.flatMap(([first, second]) => {
      const [one, other] = [first, second].map((place) => most(measured[place] ?? []));
      return one && other ? compare(one, other, { first, second, attack: null, label: "clean" }) : [];
    }),
  );
  const attacked = [...kinds].flatMap(([kind, { label, kept }]) =>
    withHolm(
      pairs.flatMap(([first, second]) => {
        const [one, other] = [first, second].map(
          (place) => measured[place]?.find((each) => kindOf(each.kept) === kind)?.kept,
        );
        const { attack } = kept.key;
        return one && other ? compare(one, other, { first, second, attack, label }) : [];
      }),
    ),
  );
  return [...clean, ...attacked];
}

function pairsOf(count: number): [number, number][] {
  const all = Array.from({ length: count }, (_, place) => place);
  return all.flatMap((first) =>
    all
      .filter((second) => second > first && (count <= MOST_PAIRED || first === 0))
      .map((second): [number, number] => [first, second]),
  );
}

/** The same for measurements that differ in the model and the number of images alone. */
function kindOf({ key }: KeptRecord): string {
  return nameOfKey({ ...key, model: "", images: 1 });
}

function most(records: readonly LabelledRecord[]): KeptRecord | undefined {
  return records.map(({ kept }) => kept).sort((one, other) => other.key.images - one.key.images)[0];
}

type Unadjusted = Omit<Agreement, "adjusted">;

function compare(
  one: KeptRecord,
  other: KeptRecord,
  facts: Pick<Agreement, "first" | "second" | "attack" | "label">,
): Unadjusted[] {
  const images = Math.min(one.key.images, other.key.images);
  const isSame = one.record.labels
    .slice(0, images)
    .every((label, image) => label === other.record.labels[image]);
  if (one.key.data !== other.key.data || !isSame) return [];
  const [left, right] = [one, other].map((kept) => rightOf(kept, facts.attack !== null)) as [
    boolean[],
    boolean[],
  ];
  const count = (first: boolean, second: boolean): number =>
    left.slice(0, images).filter((is, image) => is === first && right[image] === second).length;
  const [onlyFirst, onlySecond] = [count(true, false), count(false, true)];
  return [
    {
      ...facts,
      ...{ images, onlyFirst, onlySecond },
      both: count(true, true),
      neither: count(false, false),
      p: mcNemar(onlyFirst, onlySecond),
    },
  ];
}

/** For each image, whether it is answered right: clean, or under the attack. */
function rightOf({ record: { labels, clean, attack } }: KeptRecord, attacked: boolean): boolean[] {
  const answers = attacked ? attack?.answers : clean;
  return labels.map((label, image) => answers?.[image] === label);
}

function withHolm(agreements: readonly Unadjusted[]): Agreement[] {
  const adjusted = holm(agreements.map(({ p }) => p));
  return agreements.map((agreement, index) => ({ ...agreement, adjusted: adjusted[index] ?? 1 }));
}
