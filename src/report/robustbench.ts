import { fileName } from "../evaluation/model-store.js";
import { sha256Of } from "../files/sha256.js";
import { version } from "../version.js";
import { isStandardAutoAttack } from "./leaderboard-columns.js";
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
  readonly eps: string;
  readonly clean_acc: string;
  readonly reported: null;
  /** Of AutoAttack as its authors publish it; RobustBench counts no other attack, so the field is absent without it. */
  readonly autoattack_acc?: string;
  readonly footnote: string;
}

/** The longest part of a model's name in the name of a file. */
const KEPT_CHARACTERS = 100;

/**
 * The files of a leaderboard in RobustBench's form, by their paths `DATASET/THREAT/NAME.json`, which are those of its `model_info` folder.
 * Models that nobody attacked in L-infinity or L2 have none.
 */
export function robustBenchFiles({ sections }: Leaderboard): Map<string, RobustBenchInfo> {
  const files = new Map<string, RobustBenchInfo>();
  for (const section of sections) {
    const { norm, epsilon } = section.threat;
    if (norm === null || epsilon === null) continue;
    const folder = `${fileName(section.dataset.id ?? section.dataset.data.slice(0, 12))}/${norm}`;
    for (const row of section.rows) {
      const name = `${folder}/${shortName(row)}`;
      const path = [name, `${name}-eps-${fileName(epsilonText(section))}`, `${name}-${row.model.identity}`]
        .map((each) => `${each}.json`)
        .find((each) => !files.has(each));
      if (path !== undefined) files.set(path, robustBenchInfo(section, row));
    }
  }
  return files;
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
    link: null,
    name: model.name,
    authors: null,
    additional_data: model.ownDataOnly === true ? false : null,
    // A network of mtard's is asked once; what a foreign graph does inside is not known.
    number_forward_passes: model.network === null ? null : 1,
    dataset: section.dataset.id,
    venue: null,
    architecture: model.network,
    eps: epsilonText(section),
    clean_acc: percent(shown.clean),
    reported: null,
    ...(auto?.robust == null ? {} : { autoattack_acc: percent(auto.robust) }),
    footnote: [
      `Measured by mtard ${version} on ${images === test ? "all" : "the first"} ${images} test images`,
      ...(auto ? [] : [", not by AutoAttack"]),
      `. Model ${model.identity}${model.settings === null ? "" : `, settings ${model.settings}`}.`,
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
function shortName({ model: { name, student, identity } }: BoardRow): string {
  const which = student === null || student === "best" ? "" : `-${student}`;
  const whole =
    fileName(name.replaceAll("/", "_")) + (student === "replaced" ? `-${identity.slice(0, 8)}` : which);
  if (whole.length <= KEPT_CHARACTERS) return whole;
  return `${whole.slice(0, KEPT_CHARACTERS)}-${sha256Of(whole).slice(0, 8)}`;
}
