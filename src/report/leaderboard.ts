import { attacks, type AttackId } from "../attacks/attacks.js";
import { USUAL_SEED } from "../evaluation/settings.js";
import {
  type BoardColumn,
  byStrength,
  columnOf,
  describeColumn,
  placeOf,
  sectionOf,
  type Threat,
  threatOf,
} from "./leaderboard-columns.js";
import { isCorrupted } from "./leaderboard-corruption-sets.js";
import { corruptionSections, type CorruptionSection } from "./leaderboard-corruptions.js";
import { type BoardDataset, type BoardModel, namelessModel } from "./leaderboard-models.js";
import { grouped, type Measurement, type Measurements } from "./leaderboard-records.js";
import { FEW_IMAGES, meanOf, type MeanShare, type Share, shareOf } from "./leaderboard-shares.js";

/** What one attack did to a model. */
export interface BoardCell {
  readonly robust: Share;
  readonly measurement: Measurement;
  /** How many more measurements there are that differ in seed or batches alone; they are in the CSV file. */
  readonly others: number;
}

/** A model in a section. */
export interface BoardRow {
  /** Its place by W-Robust under the attack that ranks; null if it was not measured under that. Equal numbers share one. */
  readonly rank: number | null;
  readonly model: BoardModel;
  /** On the images of the attack that ranks, or where that is missing on the most images. */
  readonly clean: Share;
  /**
   * The mean of clean and robust accuracy under the attack that ranks, on its images; the ends of its interval are the means of theirs, which
   * is at least as wide as it has to be.
   */
  readonly wRobust: MeanShare | null;
  /** Without that: W-Robust under the strongest attack it was measured under, and the place of that one's column. It ranks nothing. */
  readonly elsewhere: { readonly value: number; readonly column: number } | null;
  /** One for each column. */
  readonly cells: readonly (BoardCell | null)[];
  /** How many images the row's accuracies are of, and whether these are few. */
  readonly images: number;
  readonly few: boolean;
  readonly measured: Date;
  /** All measurements of it in this section, for lists of every number. */
  readonly measurements: readonly Measurement[];
}

/** The models that were measured on one data set within one threat model. */
export interface BoardSection {
  readonly dataset: BoardDataset;
  readonly threat: Threat;
  readonly columns: readonly BoardColumn[];
  /** The column that ranks; null where there is none, and rows stand in the order of their clean accuracy. */
  readonly ranking: number | null;
  /** Whether it was asked for, rather than found. */
  readonly asked: boolean;
  readonly rows: readonly BoardRow[];
  /** What makes numbers of it doubtful, one sentence each. */
  readonly warnings: readonly string[];
}

/** Every model that was measured below a folder. */
export interface Leaderboard {
  readonly folder: string;
  readonly models: number;
  /** How many there are on images as they are, attacked or not. */
  readonly measurements: number;
  /** How many there are on corrupted images. */
  readonly corrupted: number;
  readonly unfinished: number;
  readonly sections: readonly BoardSection[];
  /** Accuracies on corrupted images. */
  readonly corruptions: readonly CorruptionSection[];
  /** What could not be read, one sentence each. */
  readonly problems: readonly string[];
}

export interface LeaderboardOptions {
  /** The attack that ranks, in sections that have it. */
  readonly rankBy?: AttackId | undefined;
  /** The only attacks that are shown; all by default, and corruptions. */
  readonly attacks?: readonly AttackId[] | undefined;
  /** The id of the only data set that is shown. */
  readonly dataset?: string | undefined;
}

/** Puts measurements into sections of what can be compared, and ranks the models of each. */
export function buildLeaderboard(
  folder: string,
  { finished, unfinished, problems }: Measurements,
  { models, datasets }: { models: readonly BoardModel[]; datasets: readonly BoardDataset[] },
  options: LeaderboardOptions = {},
): Leaderboard {
  const { attacks: shown, dataset: wanted } = options;
  const datasetOf = new Map(datasets.map((dataset) => [dataset.data, dataset]));
  const known = new Map(models.map((model) => [model.identity, model]));
  const isWanted = ({ key: { attack, data } }: Measurement): boolean =>
    (attack === null || (shown?.includes(attack) ?? true)) &&
    (wanted === undefined || datasetOf.get(data)?.id === wanted);
  const wantedOnes = onceEach(finished.filter(isWanted));
  const measurements = wantedOnes.filter((each) => !isCorrupted(each));
  const corrupted = shown === undefined ? wantedOnes.filter(isCorrupted) : [];
  const attacked = measurements.filter(({ key }) => key.attack !== null);
  const isAttacked = new Set(attacked.map(({ key }) => `${key.data} ${key.model}`));
  // A model that was not attacked has a place in the section of its data set where nobody was.
  const alone = measurements.filter(({ key }) => !isAttacked.has(`${key.data} ${key.model}`));
  const groups = grouped([...attacked, ...(shown === undefined ? alone : [])], ({ key }) => sectionOf(key));
  const sections = groups.map((group) => sectionFrom(group, known, datasetOf, options.rankBy));
  return {
    folder,
    models: new Set([...measurements, ...corrupted].map(({ key }) => key.model)).size,
    measurements: measurements.length,
    corrupted: corrupted.length,
    unfinished,
    sections: sections.sort(bySize),
    corruptions: corruptionSections(corrupted, measurements, known, datasetOf),
    problems,
  };
}

function sectionFrom(
  measurements: readonly Measurement[],
  models: ReadonlyMap<string, BoardModel>,
  datasets: ReadonlyMap<string, BoardDataset>,
  rankBy: AttackId | undefined,
): BoardSection {
  const [first] = measurements;
  if (!first) throw new Error("a section of nothing");
  const groups = grouped(
    measurements.filter(({ key }) => key.attack !== null),
    ({ key }) => columnOf(key),
  ).map((ofColumn) => ({ ofColumn, cells: cellsOf(ofColumn) }));
  const ofModel = grouped(measurements, ({ key }) => key.model);
  const ranking = rankingOf(groups, ofModel.length, rankBy);
  const columns = [...groups].sort((one, other) => {
    const [left, right] = [keyOf(one.ofColumn), keyOf(other.ofColumn)];
    return (
      Number(other === ranking) - Number(one === ranking) ||
      placeOf(left) - placeOf(right) ||
      right.images - left.images ||
      other.cells.size - one.cells.size
    );
  });
  const rows = ofModel.map((ofOne): Omit<BoardRow, "rank"> => {
    const identity = keyOf(ofOne).model;
    const cells = columns.map(({ cells: ofColumn }) => ofColumn.get(identity) ?? null);
    const ranked = ranking === null ? undefined : ranking.cells.get(identity);
    const most = [...ofOne].sort((one, other) => other.key.images - one.key.images)[0] ?? first;
    const { key, clean: right, written } = ranked?.measurement ?? most;
    const clean = shareOf(right, key.images);
    return {
      model: models.get(identity) ?? namelessModel(identity),
      clean,
      wRobust: ranked ? meanOf(clean, ranked.robust) : null,
      elsewhere: ranked ? null : strongestOf(cells),
      cells,
      images: key.images,
      few: key.images < FEW_IMAGES,
      measured: written,
      measurements: ofOne,
    };
  });
  return {
    dataset: datasets.get(first.key.data) ?? { data: first.key.data, id: null, test: null },
    threat: threatOf(first.key),
    columns: columns.map(({ ofColumn, cells }) => {
      const { attack, ...others } = keyOf(ofColumn);
      if (attack === null) throw new Error("a column without an attack");
      return describeColumn({ ...others, attack }, cells.size, models);
    }),
    ranking: ranking === null ? null : 0,
    asked: ranking !== null && keyOf(ranking.ofColumn).attack === rankBy,
    rows: inOrder(rows),
    warnings: warningsOf(rows),
  };
}

interface Group {
  readonly ofColumn: readonly Measurement[];
  readonly cells: ReadonlyMap<string, BoardCell>;
}

/**
 * The column that ranks: of the attack that is asked for, the one that most models have; else the strongest that most models have, or where no
 * column has more than half of them, the one that has the most.
 */
function rankingOf(groups: readonly Group[], models: number, rankBy: AttackId | undefined): Group | null {
  const asked = groups.filter(({ ofColumn }) => keyOf(ofColumn).attack === rankBy);
  const usual = groups.filter(({ cells }) => 2 * cells.size > models);
  const byCount = [...(asked.length > 0 ? asked : groups)].sort(
    (one, other) => other.cells.size - one.cells.size,
  );
  const most = byCount.filter(({ cells }) => cells.size === byCount[0]?.cells.size);
  const candidates = asked.length === 0 && usual.length > 0 ? usual : most;
  return (
    [...candidates].sort(
      (one, other) =>
        byStrength(keyOf(one.ofColumn), keyOf(other.ofColumn)) || other.cells.size - one.cells.size,
    )[0] ?? null
  );
}

/** What each model has in a column: of the usual seed if there are several, else of the lowest, and then the latest. */
function cellsOf(ofColumn: readonly Measurement[]): Map<string, BoardCell> {
  const seedOf = ({ key: { seed } }: Measurement): number => seed ?? USUAL_SEED;
  const cells = grouped(ofColumn, ({ key }) => key.model).map((ofOne): [string, BoardCell] => {
    const [measurement] = [...ofOne].sort(
      (one, other) => seedOf(one) - seedOf(other) || other.written.getTime() - one.written.getTime(),
    );
    if (measurement?.robust == null) throw new Error("an attack without an outcome");
    const { key, robust } = measurement;
    return [key.model, { robust: shareOf(robust, key.images), measurement, others: ofOne.length - 1 }];
  });
  return new Map(cells);
}

function strongestOf(cells: readonly (BoardCell | null)[]): BoardRow["elsewhere"] {
  const [strongest] = cells
    .flatMap((cell, column) => (cell ? [{ ...cell, column }] : []))
    .sort((one, other) => byStrength(one.measurement.key, other.measurement.key));
  if (!strongest) return null;
  const { clean, key } = strongest.measurement;
  return { value: meanOf(shareOf(clean, key.images), strongest.robust).value, column: strongest.column };
}

/** The best W-Robust first, then what has none, by clean accuracy. */
function inOrder(rows: readonly Omit<BoardRow, "rank">[]): BoardRow[] {
  const sorted = [...rows].sort(
    (one, other) =>
      (other.wRobust?.value ?? -1) - (one.wRobust?.value ?? -1) ||
      other.clean.value - one.clean.value ||
      (one.model.name < other.model.name ? -1 : 1),
  );
  return sorted.map((row) => {
    const before = sorted.findIndex(({ wRobust }) => wRobust?.value === row.wRobust?.value);
    return { rank: row.wRobust === null ? null : before + 1, ...row };
  });
}

function warningsOf(rows: readonly Omit<BoardRow, "rank">[]): string[] {
  return rows.flatMap(({ model, measurements }) => {
    const found = measurements.flatMap(({ key: { attack }, warnings }) =>
      warnings.map(
        (warning) => `${model.name}${attack === null ? "" : `, ${attacks[attack].title}`}: ${warning}`,
      ),
    );
    return [...new Set(found)];
  });
}

function keyOf([first]: readonly Measurement[]): Measurement["key"] {
  if (!first) throw new Error("a group of nothing");
  return first.key;
}

/** Each measurement once: a record may have been copied, with its run or as a teacher's. */
function onceEach(measurements: readonly Measurement[]): Measurement[] {
  return grouped(measurements, ({ key }) => JSON.stringify(key)).flatMap((same) => same.slice(0, 1));
}

/** Sections with more models first; what nobody attacked at the end. */
function bySize(one: BoardSection, other: BoardSection): number {
  return Number(one.ranking === null) - Number(other.ranking === null) || other.rows.length - one.rows.length;
}
