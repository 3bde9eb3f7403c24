import { COMPUTED_VERSION } from "../corruptions/computed.js";
import { commonCorruptions, type CorruptionId, corruptionIds } from "../corruptions/corruptions.js";
import { severities } from "../corruptions/picture.js";
import type { MeasurementKey } from "../evaluation/key.js";
import { USUAL_SEED } from "../evaluation/settings.js";
import { sha256Of } from "../files/sha256.js";
import { type BoardDataset, type BoardModel, namelessModel } from "./leaderboard-models.js";
import { grouped, type Measurement } from "./leaderboard-records.js";
import { FEW_IMAGES, type MeanShare, type Share, shareOf } from "./leaderboard-shares.js";

/* Accuracies on corrupted images, which are no clean accuracies: one section for each data set, ranked by the mean over corruptions. */

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

/** The accuracy of a model on a column's images: the mean over its corruptions, each the mean of its severities. */
export interface CorruptionCell extends MeanShare {
  readonly measurements: readonly Corrupted[];
}

/** A model in a section of common corruptions. */
export interface CorruptionRow {
  /** Its place by the mean that ranks; null if it was not measured on those images. Equal numbers share one. */
  readonly rank: number | null;
  readonly model: BoardModel;
  /** On clean images, of as many as the row's where there are such; null if it was not measured on any. */
  readonly clean: Share | null;
  /** One for each column. */
  readonly cells: readonly (CorruptionCell | null)[];
  /** How many images of each corruption and severity, and whether these are few. */
  readonly images: number;
  readonly few: boolean;
  readonly measured: Date;
  /** All measurements of it in this section. */
  readonly measurements: readonly Corrupted[];
}

/** The models that were measured on the corrupted images of one data set. */
export interface CorruptionSection {
  readonly dataset: BoardDataset;
  /** The means first, and of them that which ranks. */
  readonly columns: readonly CorruptionColumn[];
  /** The column that ranks; null where only corruptions were measured that no mean counts. */
  readonly ranking: number | null;
  readonly rows: readonly CorruptionRow[];
  /** What makes numbers of it doubtful, one sentence each. */
  readonly warnings: readonly string[];
}

/** Corruptions at severities, each from one source, on one number of images. */
interface ImageSet {
  readonly isMean: boolean;
  readonly images: number;
  readonly source: string;
  readonly parts: readonly {
    readonly name: CorruptionId;
    readonly file: string | null;
    readonly at: number[];
  }[];
}

/** A measurement on corrupted images. */
export type Corrupted = Measurement & {
  readonly key: { readonly corruption: NonNullable<MeasurementKey["corruption"]> };
};

/** Whether it is of corrupted images, so that no number in it is of clean ones. */
export function isCorrupted(measurement: Measurement): measurement is Corrupted {
  return measurement.key.corruption !== undefined;
}

/**
 * Puts measurements on corrupted images into a section for each data set.
 *
 * @param usual The measurements on images as they are, which say how accurate models are on those.
 */
export function corruptionSections(
  corrupted: readonly Corrupted[],
  usual: readonly Measurement[],
  models: ReadonlyMap<string, BoardModel>,
  datasets: ReadonlyMap<string, BoardDataset>,
): CorruptionSection[] {
  return grouped(corrupted, ({ key }) => key.data)
    .map((ofOne) => sectionFrom(ofOne, usual, models, datasets))
    .sort((one, other) => other.rows.length - one.rows.length);
}

function sectionFrom(
  corrupted: readonly Corrupted[],
  usual: readonly Measurement[],
  models: ReadonlyMap<string, BoardModel>,
  datasets: ReadonlyMap<string, BoardDataset>,
): CorruptionSection {
  const data = corrupted[0]?.key.data ?? "";
  const ofModel = grouped(corrupted, ({ key }) => key.model);
  const chosen = ofModel.map(chosenOf);
  const sets = new Map(ofModel.flatMap((ofOne) => setsOf(ofOne).map((set) => [JSON.stringify(set), set])));
  const found = [...sets.values()].map((set) => {
    const cells = chosen.map((ofOne) => cellOf(set, ofOne));
    return { set, cells, models: cells.filter((cell) => cell !== null).length };
  });
  const means = found.filter(({ set }) => set.isMean);
  const usualMeans = means.filter((each) => 2 * each.models > ofModel.length);
  const most = Math.max(0, ...means.map((each) => each.models));
  const candidates = usualMeans.length > 0 ? usualMeans : means.filter((each) => each.models === most);
  const ranking = [...candidates].sort((one, other) => byPlace(one.set, other.set))[0];
  const columns = [...found].sort(
    (one, other) => Number(other === ranking) - Number(one === ranking) || byPlace(one.set, other.set),
  );
  const rows = ofModel.map((ofOne, index): Omit<CorruptionRow, "rank"> => {
    const cells = columns.map((column) => column.cells[index] ?? null);
    const identity = ofOne[0]?.key.model ?? "";
    const shown = cells.find((cell) => cell !== null)?.measurements ?? ofOne;
    const images = shown[0]?.key.images ?? 0;
    return {
      model: models.get(identity) ?? namelessModel(identity),
      clean: cleanOf(
        usual.filter(({ key }) => key.model === identity && key.data === data),
        images,
      ),
      ...{ cells, images, few: images < FEW_IMAGES },
      measured: new Date(Math.max(...shown.map(({ written }) => written.getTime()))),
      measurements: ofOne,
    };
  });
  return {
    dataset: datasets.get(data) ?? { data, id: null, test: null },
    columns: toldApart(columns.map(describe)),
    ranking: ranking ? 0 : null,
    rows: inOrder(rows, ranking !== undefined),
    warnings: warningsOf(rows),
  };
}

/** The sets of images that a model's measurements are of: all common corruptions of one source and number of images, and each alone. */
function setsOf(ofOne: readonly Corrupted[]): ImageSet[] {
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

/** A model's measurements by what they are of: of several that differ in seed or batches alone, the lowest seed counts, then the latest. */
function chosenOf(ofOne: readonly Corrupted[]): Map<string, Corrupted> {
  const seedOf = ({ key: { corruption } }: Corrupted): number => corruption.seed ?? USUAL_SEED;
  const sorted = [...ofOne].sort(
    (one, other) => seedOf(other) - seedOf(one) || one.written.getTime() - other.written.getTime(),
  );
  return new Map(
    sorted.map((each) => {
      const { name, file, severity } = each.key.corruption;
      return [placeName(each.key.images, sourceOf(each.key.corruption), name, file, severity), each];
    }),
  );
}

function placeName(...parts: readonly (string | number | null)[]): string {
  return JSON.stringify(parts);
}

/** What a model has on a set of images; null unless it has all of it. */
function cellOf(
  { images, source, parts }: ImageSet,
  chosen: ReadonlyMap<string, Corrupted>,
): CorruptionCell | null {
  const measurements: Corrupted[] = [];
  const sum = { correct: 0, low: 0, high: 0 };
  for (const { name, file, at } of parts)
    for (const severity of at) {
      const measurement = chosen.get(placeName(images, source, name, file, severity));
      if (!measurement) return null;
      const share = shareOf(measurement.clean, images);
      // Whole numbers, so that equal means are equal to the bit.
      const weight = WEIGHTS / at.length;
      sum.correct += weight * share.correct;
      sum.low += weight * share.low;
      sum.high += weight * share.high;
      measurements.push(measurement);
    }
  const whole = WEIGHTS * parts.length;
  return {
    value: sum.correct / (whole * images),
    low: sum.low / whole,
    high: sum.high / whole,
    measurements,
  };
}

/** Can be divided by each number of severities. */
const WEIGHTS = 60;

/** Accuracy on clean images, of as many as are asked for where there are such, else of the most. */
function cleanOf(usual: readonly Measurement[], images: number): Share | null {
  const [best] = [...usual].sort(
    (one, other) =>
      Number(other.key.images === images) - Number(one.key.images === images) ||
      other.key.images - one.key.images ||
      Number(one.key.attack !== null) - Number(other.key.attack !== null) ||
      other.written.getTime() - one.written.getTime(),
  );
  return best ? shareOf(best.clean, best.key.images) : null;
}

function describe({ set, models }: { readonly set: ImageSet; readonly models: number }): {
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
function toldApart(
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
function byPlace(one: ImageSet, other: ImageSet): number {
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

function inOrder(rows: readonly Omit<CorruptionRow, "rank">[], isRanked: boolean): CorruptionRow[] {
  const valueOf = ({ cells }: Omit<CorruptionRow, "rank">): number | null =>
    isRanked ? (cells[0]?.value ?? null) : null;
  const sorted = [...rows].sort(
    (one, other) =>
      (valueOf(other) ?? -1) - (valueOf(one) ?? -1) ||
      (other.clean?.value ?? -1) - (one.clean?.value ?? -1) ||
      (one.model.name < other.model.name ? -1 : 1),
  );
  return sorted.map((row) => {
    const value = valueOf(row);
    return { rank: value === null ? null : sorted.findIndex((each) => valueOf(each) === value) + 1, ...row };
  });
}

function warningsOf(rows: readonly Omit<CorruptionRow, "rank">[]): string[] {
  return rows.flatMap(({ model, measurements }) => [
    ...new Set(
      measurements.flatMap(({ warnings }) =>
        warnings.map((warning) => `${model.name}, on corrupted images: ${warning}`),
      ),
    ),
  ]);
}
