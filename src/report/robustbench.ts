import { fileName } from "../evaluation/model-store.js";
import { sha256Of } from "../files/sha256.js";
import { version } from "../version.js";
import { columnTitle, isStandardAutoAttack } from "./leaderboard-columns.js";
import type { CorruptionColumn } from "./leaderboard-corruption-sets.js";
import type { CorruptionRow, CorruptionSection } from "./leaderboard-corruptions.js";
import type { BoardDataset, BoardModel } from "./leaderboard-models.js";
import type { Leaderboard, BoardRow, BoardSection } from "./leaderboard.js";
import type { Measurement } from "./leaderboard-records.js";
import { distanceText } from "./run-report/share.js";

/**
 * A model as RobustBench describes those of its leaderboard: percentages and epsilon are texts, and what is not known is null.
 *
 * @see RobustBench/robustbench, model_info/ and `ModelInfo` in robustbench/utils.py.
 */
export interface RobustBenchInfo {
  readonly link: null;
  readonly name: string;
  readonly authors: null;
  readonly additional_data: false | null;
  readonly number_forward_passes: 1 | null;
  readonly dataset: string | null;
  readonly venue: null;
  readonly architecture: string | null;
  /** Null for common corruptions. */
  readonly eps: string | null;
  /** Null where only corrupted images were measured. */
  readonly clean_acc: string | null;
  readonly reported: null;
  /** Of AutoAttack as its authors publish it; RobustBench counts no other attack, so the field is absent without it. */
  readonly autoattack_acc?: string;
  /** The mean over the fifteen common corruptions at all five severities; absent if any of these is missing. */
  readonly corruptions_acc?: string;
  readonly footnote: string;
}

/** How a file says that mtard wrote it. */
export const FOOTNOTE_START = "Measured by mtard ";

/** The longest part of a model's name in the name of a file. */
const KEPT_CHARACTERS = 100;

/**
 * The files of a leaderboard in RobustBench's form, by their paths `DATASET/THREAT/NAME.json`, which are those of its `model_info` folder.
 * The threat is a norm or `corruptions`; models that nobody measured under any of these have none.
 */
export function robustBenchFiles({ sections, corruptions }: Leaderboard): Map<string, RobustBenchInfo> {
  const files = new Map<string, RobustBenchInfo>();
  for (const section of sections) {
    const { norm, epsilon } = section.threat;
    if (norm === null || epsilon === null) continue;
    const folder = `${datasetFolder(section.dataset)}/${norm}`;
    for (const row of section.rows) {
      const name = `${folder}/${shortName(row)}`;
      const path = [name, `${name}-eps-${fileName(epsilonText(section))}`, `${name}-${row.model.identity}`]
        .map((each) => `${each}.json`)
        .find((each) => !files.has(each));
      if (path !== undefined) files.set(path, robustBenchInfo(section, row));
    }
  }
  for (const section of corruptions)
    for (const row of section.rows) {
      const name = `${datasetFolder(section.dataset)}/corruptions/${shortName(row)}`;
      const path = files.has(`${name}.json`) ? `${name}-${row.model.identity}` : name;
      files.set(`${path}.json`, corruptionInfo(section, row));
    }
  return files;
}

function datasetFolder({ id, data }: BoardDataset): string {
  return fileName(id ?? data.slice(0, 12));
}

/** What RobustBench would say of a row of common corruptions. */
function corruptionInfo(section: CorruptionSection, row: CorruptionRow): RobustBenchInfo {
  const { columns, dataset } = section;
  const of = (isShown: (column: CorruptionColumn) => boolean): number =>
    columns.findIndex((column, index) => row.cells[index] != null && isShown(column));
  const whole = of(({ isWhole }) => isWhole);
  // What a file without RobustBench's number is about is said in its footnote.
  const column = columns[whole < 0 ? of(() => true) : whole];
  const { clean } = row;
  const percent = (share: number): string => (100 * share).toFixed(2);
  const acc = row.cells[whole];
  return {
    ...aboutModel(row.model, dataset),
    eps: null,
    clean_acc: clean ? percent(clean.value) : null,
    reported: null,
    ...(acc ? { corruptions_acc: percent(acc.value) } : {}),
    footnote: [
      `${FOOTNOTE_START}${version} on corrupted copies of test images (${column ? columnTitle(column) : "none"})`,
      ...(acc ? [] : [", not the fifteen corruptions at five severities that RobustBench counts"]),
      clean ? `; clean accuracy on ${clean.total} images` : "",
      modelText(row.model),
    ].join(""),
  };
}

function aboutModel(
  model: BoardModel,
  { id }: BoardDataset,
): Omit<RobustBenchInfo, "eps" | "clean_acc" | "reported" | "footnote"> {
  return {
    link: null,
    name: model.name,
    authors: null,
    additional_data: model.ownDataOnly === true ? false : null,
    // A network of mtard's is asked once; what a foreign graph does inside is not known.
    number_forward_passes: model.network === null ? null : 1,
    dataset: id,
    venue: null,
    architecture: model.network,
  };
}

function modelText({ identity, settings }: BoardModel): string {
  return `. Model ${identity}${settings === null ? "" : `, settings ${settings}`}.`;
}

/** What RobustBench would say of a row. */
export function robustBenchInfo(section: BoardSection, { model, measurements }: BoardRow): RobustBenchInfo {
  const auto = mostImages(measurements.filter(({ key }) => isStandardAutoAttack(key)));
  const shown = auto ?? mostImages(measurements);
  if (!shown) throw new Error("a row of nothing");
  const { images } = shown.key;
  const { test } = section.dataset;
  const percent = (count: number): string => ((100 * count) / images).toFixed(2);
  return {
    ...aboutModel(model, section.dataset),
    eps: epsilonText(section),
    clean_acc: percent(shown.clean),
    reported: null,
    ...(auto?.robust == null ? {} : { autoattack_acc: percent(auto.robust) }),
    footnote: [
      `${FOOTNOTE_START}${version} on ${images === test ? "all" : "the first"} ${images} test images`,
      ...(auto ? [] : [", not by AutoAttack"]),
      modelText(model),
    ].join(""),
  };
}

function epsilonText({ threat: { norm, epsilon } }: BoardSection): string {
  if (epsilon === null) throw new Error("a threat without an epsilon");
  return norm === "L2" ? String(epsilon) : distanceText(epsilon);
}

function mostImages(measurements: readonly Measurement[]): Measurement | undefined {
  return [...measurements].sort((one, other) => other.key.images - one.key.images)[0];
}

/** A model's name as a part of a path: of its run, and which student of it. */
function shortName({ model: { name, student, identity } }: Pick<BoardRow, "model">): string {
  const which = student === null || student === "best" ? "" : `-${student}`;
  const whole =
    fileName(name.replaceAll("/", "_")) + (student === "replaced" ? `-${identity.slice(0, 8)}` : which);
  if (whole.length <= KEPT_CHARACTERS) return whole;
  return `${whole.slice(0, KEPT_CHARACTERS)}-${sha256Of(whole).slice(0, 8)}`;
}
