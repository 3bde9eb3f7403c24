import { COMPUTED_VERSION } from "../corruptions/computed.js";
import { commonCorruptions, type CorruptionId, corruptionIds } from "../corruptions/corruptions.js";
import { severities } from "../corruptions/picture.js";
import type { MeasurementKey } from "../evaluation/key.js";
import { sha256Of } from "../files/sha256.js";
import { grouped, type Measurement } from "./leaderboard-records.js";

/* Which corrupted images accuracies are of, and which of them may stand in one column. */

/** A measurement on corrupted images. */
export type Corrupted = Measurement & {
  readonly key: { readonly corruption: NonNullable<MeasurementKey["corruption"]> };
};

/** Whether it is of corrupted images, so that no number in it is of clean ones. */
export function isCorrupted(measurement: Measurement): measurement is Corrupted {
  return measurement.key.corruption !== undefined;
}

/** Corruptions at severities, each from one source, on one number of images. */
export interface ImageSet {
  readonly isMean: boolean;
  readonly images: number;
  readonly source: string;
  readonly parts: readonly {
    readonly name: CorruptionId;
    readonly file: string | null;
    readonly at: number[];
  }[];
}

/** A set of corrupted images that accuracies are compared on. */
export interface CorruptionColumn {
  /** The corruption that it is of; null for the mean over several. */
  readonly corruption: CorruptionId | null;
  readonly title: string;
  /** What decides its images: corruptions, severities, how many images, and whether mtard computed them. */
  readonly details: readonly string[];
  readonly images: number;
  /** Whether it is all that RobustBench counts: each of the fifteen corruptions at each of the five severities. */
  readonly isWhole: boolean;
  /** How many models of the section have it. */
  readonly models: number;
}

/** The sets of images that a model's measurements are of: all common corruptions of one source and number of images, and each alone. */
export function setsOf(ofOne: readonly Corrupted[]): ImageSet[] {
  return grouped(ofOne, ({ key }) => `${key.images} ${sourceOf(key.corruption)}`).flatMap((ofSource) => {
    const [first] = ofSource;
    if (!first) return [];
    const common = { images: first.key.images, source: sourceOf(first.key.corruption) };
    const parts = grouped(ofSource, ({ key: { corruption } }) => `${corruption.name} ${corruption.file}`)
      .map((same) => {
        const at = [...new Set(same.map(({ key }) => key.corruption.severity))].sort();
        const { name, file } = (same[0] ?? first).key.corruption;
        return { name, file, at };
      })
      .sort((one, other) => placeOf(one.name) - placeOf(other.name) || other.at.length - one.at.length);
    // Of several published files of one corruption the fullest counts.
    const counted = commonCorruptions.flatMap((id) => parts.find(({ name }) => name === id) ?? []);
    return [
      ...(counted.length > 0 ? [{ isMean: true, ...common, parts: counted }] : []),
      ...parts.map((part) => ({ isMean: false, ...common, parts: [part] })),
    ];
  });
}

/** Where corrupted images are from: "published", or "computed" with the version where it is another. */
export function sourceOf({ file, version }: Corrupted["key"]["corruption"]): string {
  if (file !== null) return "published";
  return version === null || version === COMPUTED_VERSION ? "computed" : `computed, version ${version}`;
}

/** A column as people read it. */
export function describe({ set, models }: { readonly set: ImageSet; readonly models: number }): {
  readonly set: ImageSet;
  readonly column: CorruptionColumn;
} {
  const { isMean, images, source, parts } = set;
  const corruption = isMean ? null : (parts[0]?.name ?? null);
  const levels = new Set(parts.map(({ at }) => severitiesText(at)));
  const named = parts.length > 3 ? `${parts.length} corruptions` : parts.map(({ name }) => name).join(", ");
  const column = {
    ...{ corruption, title: corruption ?? "mean" },
    details: [
      ...(isMean ? [named] : []),
      levels.size === 1 ? [...levels].join("") : "some at fewer severities",
      `${images.toLocaleString("en")} image${images === 1 ? "" : "s"}`,
      source,
    ],
    ...{ images, models },
    isWhole:
      isMean &&
      parts.length === commonCorruptions.length &&
      parts.every(({ at }) => at.length === severities.length),
  };
  return { set, column };
}

function severitiesText(at: readonly number[]): string {
  const [first = 0, last = first] = [at[0], at.at(-1)];
  if (at.length === 1) return `severity ${first}`;
  return `severities ${at.length > 2 && last - first === at.length - 1 ? `${first}-${last}` : at.join(", ")}`;
}

/** Columns that would read alike get a checksum of what they are of: other corruptions or severities, or another published file. */
export function toldApart(
  described: readonly { readonly set: ImageSet; readonly column: CorruptionColumn }[],
): CorruptionColumn[] {
  const textOf = ({ title, details }: CorruptionColumn): string => JSON.stringify([title, details]);
  return described.map(({ set, column }) => {
    const alike = described.filter((other) => textOf(other.column) === textOf(column));
    if (alike.length === 1) return column;
    return { ...column, details: [...column.details, `set ${sha256Of(JSON.stringify(set)).slice(0, 8)}`] };
  });
}

function placeOf(name: CorruptionId): number {
  return corruptionIds.indexOf(name);
}

/** Means first, then corruptions in the benchmark's order; of these what is of more severities and images first. */
export function byPlace(one: ImageSet, other: ImageSet): number {
  const place = ({ isMean, parts: [first] }: ImageSet): number =>
    isMean || !first ? -1 : placeOf(first.name);
  const count = ({ parts }: ImageSet): number => parts.reduce((sum, { at }) => sum + at.length, 0);
  return (
    place(one) - place(other) ||
    count(other) - count(one) ||
    other.images - one.images ||
    // Published before computed.
    (one.source === other.source ? 0 : one.source < other.source ? 1 : -1)
  );
}
