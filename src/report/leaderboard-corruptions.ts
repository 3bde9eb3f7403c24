import { USUAL_SEED } from "../evaluation/settings.js";
import {
  byPlace,
  type Corrupted,
  type CorruptionColumn,
  describe,
  type ImageSet,
  setsOf,
  sourceOf,
  toldApart,
} from "./leaderboard-corruption-sets.js";
import { type BoardDataset, type BoardModel, namelessModel } from "./leaderboard-models.js";
import { grouped, type Measurement } from "./leaderboard-records.js";
import { FEW_IMAGES, type MeanShare, type Share, shareOf } from "./leaderboard-shares.js";

/* Accuracies on corrupted images, which are no clean accuracies: one section for each data set, ranked by the mean over corruptions. */

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
