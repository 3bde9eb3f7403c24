import { wrongWhenClean, uniformStarts } from "../attacks/conventions.js";
import { columnTitle } from "./leaderboard-columns.js";
import type { CorruptionSection } from "./leaderboard-corruptions.js";
import type { BoardDataset } from "./leaderboard-models.js";
import { FEW_IMAGES } from "./leaderboard-shares.js";
import type { BoardSection, Leaderboard } from "./leaderboard.js";
import { CONFIDENCE } from "./statistics.js";

/* What a leaderboard says in words. */

/** What there is, in sentences. */
export function boardFacts({ models, measurements, corrupted, unfinished }: Leaderboard): string[] {
  const further = corrupted === 0 ? "" : `, ${corrupted.toLocaleString("en")} on corrupted images`;
  return [
    `${counted(models, "model")}, ${counted(measurements, "measurement")}${further}.`,
    ...(unfinished === 0 ? [] : [`${counted(unfinished, "unfinished measurement")} left out.`]),
  ];
}

/** The title of a section: its data set and threat model. */
export function sectionTitle({ dataset, threat: { title } }: BoardSection): string {
  return `${datasetTitle(dataset)}: ${title ?? "clean accuracy alone"}`;
}

/** What stands for a threat model where images are corrupted. */
export const CORRUPTIONS = "common corruptions";

/** The title of a section of corrupted images. */
export function corruptionTitle({ dataset }: CorruptionSection): string {
  return `${datasetTitle(dataset)}: ${CORRUPTIONS}`;
}

function datasetTitle({ id, data }: BoardDataset): string {
  return id ?? `an unknown data set (${data.slice(0, 8)})`;
}

/** What ranks a section, and why. */
export function sectionFacts({ columns, ranking, asked, rows, dataset }: BoardSection): string[] {
  const ranked = columns[ranking ?? -1];
  if (!ranked) return ["Nobody attacked these models: they stand in the order of their clean accuracy."];
  const share = `${ranked.models} of ${counted(rows.length, "model")}`;
  const choice = asked
    ? `which was asked for (${share} have it)`
    : 2 * ranked.models > rows.length
      ? `the strongest attack that most models here have (${share})`
      : `which more models here have than any other (${share})`;
  return [
    `Ranked by W-Robust, the mean of clean and robust accuracy in percent, under ${columnTitle(ranked)}, ${choice}.${testText(dataset)}`,
    ...leftText(rows.length - ranked.models),
  ];
}

/** What ranks a section of corrupted images, and why. */
export function corruptionFacts({ columns, ranking, rows, dataset }: CorruptionSection): string[] {
  const ranked = columns[ranking ?? -1];
  if (!ranked)
    return ["Nothing ranks these models: they were measured on corruptions alone that no mean counts."];
  const share = `${ranked.models} of ${counted(rows.length, "model")}`;
  const choice =
    2 * ranked.models > rows.length
      ? `the most corruptions and severities that most models here have (${share})`
      : `which more models here have than any other (${share})`;
  return [
    `Ranked by the mean accuracy in percent over corruptions, each the mean of its severities: ${ranked.details.join(", ")}, ${choice}.${testText(dataset)}`,
    ...leftText(rows.length - ranked.models),
  ];
}

function testText({ test }: BoardDataset): string {
  return test === null ? "" : ` The data set has ${test.toLocaleString("en")} test images.`;
}

function leftText(left: number): string[] {
  if (left === 0) return [];
  const [stands, was] = left === 1 ? ["stands", "it was"] : ["stand", "they were"];
  return [`${counted(left, "model")} ${stands} below without a rank, as ${was} not measured that way.`];
}

/** How the tables are to be read. */
export function readingRules({ sections, corruptions }: Leaderboard): string[] {
  const details = new Set(sections.flatMap(({ columns }) => columns.flatMap((column) => column.details)));
  const percent = `${100 * CONFIDENCE}%`;
  return [
    "A column is one attack on one number of images, with one choice of steps, step size, queries, restarts, conventions and surrogate. Measurements that differ in any of these stand in different columns, which name the difference; only numbers of one column can be compared. Data sets, norms and epsilons have sections of their own.",
    "W-Robust and clean accuracy are of the images of the column that ranks. A model without a number there has no rank, and its clean accuracy is of the most images it was measured on.",
    `Below each accuracy is its ${percent} interval (Wilson's), for so few images; that of W-Robust has the means of both intervals' ends and is at least as wide as it has to be. Models whose intervals overlap may well stand the other way round.`,
    `Rows on fewer than ${FEW_IMAGES.toLocaleString("en")} images are marked as few: an accuracy of 50% then has an interval that reaches further than 3.1 points.`,
    "Among measurements of a model that differ in the seed or the size of the batches alone, the lowest seed counts, then the latest; all are in the CSV file.",
    "An attack that finds no more shows that it found no more: a stronger one may. AutoAttack is the strongest here; RobustBench's files have its number alone.",
    ...(details.has("final answers count")
      ? [
          `"final answers count": an image that is wrong when clean is ${wrongWhenClean["final-answer"]}. Elsewhere it is ${wrongWhenClean["not-robust"]}.`,
        ]
      : []),
    ...(details.has("clamped start")
      ? [
          `"clamped start": the first gradient is taken at ${uniformStarts.unclamped.replace(", wherever that is, as in TRADES", "")}, clamped to [0, 1], as in the scripts of MTARD. Elsewhere it may lie outside.`,
        ]
      : []),
    ...(corruptions.length === 0
      ? []
      : [
          "Under common corruptions a column is one set of corruptions, severities and images; those that mtard computed and published ones are never in one, as they are not the same images. The mean is over those of the fifteen common corruptions that were measured; the four others have columns alone. A model that was measured on more than a column's set is in it with what belongs there. Its interval has the means of the ends of all intervals. Clean accuracy is of clean images, as many as the row's where such were measured.",
        ]),
    "Settings are the checksum of a run's settings, data and teachers, by which mtard table finds runs; the identity is that of layers and weights, so that a student, its ONNX export and the teacher made of that are one model. A date is when the record was last written.",
  ];
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}
