import { wrongWhenClean, uniformStarts } from "../attacks/conventions.js";
import { columnTitle } from "./leaderboard-columns.js";
import { type BoardSection, FEW_IMAGES, type Leaderboard } from "./leaderboard.js";
import { CONFIDENCE } from "./statistics.js";

/* What a leaderboard says in words. */

/** What there is, in sentences. */
export function boardFacts({ models, measurements, unfinished }: Leaderboard): string[] {
  return [
    `${counted(models, "model")}, ${counted(measurements, "measurement")}.`,
    ...(unfinished === 0 ? [] : [`${counted(unfinished, "unfinished measurement")} left out.`]),
  ];
}

/** The title of a section: its data set and threat model. */
export function sectionTitle({ dataset: { id, data }, threat: { title } }: BoardSection): string {
  const name = id ?? `an unknown data set (${data.slice(0, 8)})`;
  return `${name}: ${title ?? "clean accuracy alone"}`;
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
  const left = rows.length - ranked.models;
  const { test } = dataset;
  const images = test === null ? "" : ` The data set has ${test.toLocaleString("en")} test images.`;
  return [
    `Ranked by W-Robust, the mean of clean and robust accuracy in percent, under ${columnTitle(ranked)}, ${choice}.${images}`,
    ...(left === 0
      ? []
      : [
          `${counted(left, "model")} ${left === 1 ? "stands" : "stand"} below without a rank, as ${left === 1 ? "it was" : "they were"} not measured that way.`,
        ]),
  ];
}

/** How the tables are to be read. */
export function readingRules({ sections }: Leaderboard): string[] {
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
    "Settings are the checksum of a run's settings, data and teachers, by which mtard table finds runs; the identity is that of layers and weights, so that a student, its ONNX export and the teacher made of that are one model. A date is when the record was last written.",
  ];
}

function counted(count: number, what: string): string {
  return `${count.toLocaleString("en")} ${what}${count === 1 ? "" : "s"}`;
}
