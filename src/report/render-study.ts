import { csvCell, markdownText } from "../harmless.js";
import { CONFIDENCE, type Interval } from "./statistics.js";
import { markdownTable } from "./markdown.js";
import { epochsText, type StudyMeasure } from "./measures.js";
import type { StudyReport, StudyTest, StudyValue } from "./study.js";
import { NOTHING, signed as signedTo } from "./render-table.js";
import type { Sample } from "./table.js";

/** A table of a study as cells of text. */
export interface StudyTable {
  readonly title: string;
  readonly heading: readonly string[];
  readonly rows: readonly (readonly string[])[];
}

/** Decimals of a number. */
const DIGITS = 2;
const PERCENT = `${100 * CONFIDENCE}%`;

/** The tables of a study in the order in which they are read. */
export function studyTables(study: StudyReport): StudyTable[] {
  const { measures, sections, teachers, against, seeds } = study;
  const titles = measures.map(({ title }) => title);
  const accuracies = sections.map(({ title, student, rows }, index): StudyTable => ({
    title: `${title}: accuracy (%)`,
    heading: [student, ...titles],
    rows: [
      ...(index > 0
        ? []
        : teachers.map(({ label, values }) => [
            label,
            ...measures.map(({ id }) => values[id]?.value.toFixed(2) ?? NOTHING),
          ])),
      ...rows.map(({ label, values }) => [
        label,
        ...measures.map(({ id }) => sampleText(values[id]?.sample)),
      ]),
    ],
  }));
  const differences =
    against === null
      ? []
      : sections.flatMap(({ title, rows }): StudyTable[] => [
          {
            title: `${title}: difference from ${against} (points, ${PERCENT} interval)`,
            heading: ["method", ...titles],
            rows: rows
              .filter(({ label }) => label !== against)
              .map(({ label, values }) => [label, ...measures.map(({ id }) => differenceText(values[id]))]),
          },
          {
            title: `${title}: images that only one of both answers right, this method / ${against}${seeds.length > 1 ? ", summed over seeds" : ""}, and McNemar's test`,
            heading: ["method", ...ofImages(measures).map((measure) => measure.title)],
            rows: rows
              .filter(({ label }) => label !== against)
              .map(({ label, values }) => [
                label,
                ...ofImages(measures).map(({ id }) => testsText(values[id]?.tests ?? [])),
              ]),
          },
        ]);
  return [...accuracies, ...differences, ...averagingTables(study), ...settledTable(study)];
}

function averagingTables({ averaging, measures }: StudyReport): StudyTable[] {
  return (["best", "last"] as const).flatMap((student): StudyTable[] => {
    const rows = averaging.filter((row) => row.student === student);
    if (rows.length === 0) return [];
    return [
      {
        title: `${student === "best" ? "Best" : "Last"} student: what averaged weights change (points, ${PERCENT} interval)`,
        heading: ["method", ...measures.map(({ title }) => title)],
        rows: rows.map(({ label, values }) => [
          label,
          ...measures.map(({ id }) => {
            const found = values[id];
            return found ? changeText(found.mean, found.interval) : NOTHING;
          }),
        ]),
      },
    ];
  });
}

function settledTable({ settled }: StudyReport): StudyTable[] {
  const parts = ["lastQuarter", "lastEighth"] as const;
  const known = settled.filter((each) =>
    parts.some((part) => each[part].wRobust !== null || each[part].loss !== null),
  );
  if (known.length === 0) return [];
  return [
    {
      title:
        "What still moved: the last quarter of the training minus the quarter before, and eighths likewise",
      heading: [
        "method",
        ...["quarters", "eighths"].flatMap((part) => [`${part}: W-Robust (points)`, `${part}: loss (%)`]),
      ],
      rows: known.map((each) => [
        each.label,
        ...parts.flatMap((part) => {
          const { wRobust, loss } = each[part];
          return [sampleText(wRobust, signed), sampleText(loss && scaled(loss, 100), signed)];
        }),
      ]),
    },
  ];
}

/** The lines that say what a study is. */
export function studyFacts(study: StudyReport): string[] {
  const { dataset, student, epochs, seeds, trainImages, measures } = study;
  const images = new Map<number, string[]>();
  for (const { images: count, title, kind } of measures)
    if (kind !== "wRobust") images.set(count, [...(images.get(count) ?? []), title]);
  const tested = [...images].map(([count, titles]) => `${titles.join(", ")} on ${count}`).join("; ");
  const trained = trainImages === null ? "" : `, trained on up to ${trainImages} images`;
  return [
    `${student} on ${dataset}, ${epochsText(epochs)}${trained}, seed${seeds.length > 1 ? "s" : ""} ${seeds.join(", ")}; test images: ${tested}.`,
    ...(seeds.length > 1
      ? [
          `Mean ± sample standard deviation over seeds; intervals of differences are Student's over the seeds' paired differences (${PERCENT})${seeds.length === 2 ? ", of which two say little" : ""}.`,
        ]
      : []),
    `Best students were chosen by W-Robust under PGD-trades on ${study.selections.join(" or ")}.`,
    ...(study.against === null
      ? []
      : [
          "McNemar's exact test looks at the test images of one seed; p is adjusted by Holm for all methods of a column. A star for each seed with p below 0.05.",
        ]),
    ...study.conditions.map((text) => `Note, ${text}.`),
    ...study.warnings.map((warning) => `Warning, ${warning}.`),
  ];
}

/** Formats a study as Markdown. */
export function studyMarkdown(study: StudyReport): string {
  const tables = studyTables(study).flatMap(({ title, heading, rows }) => [
    `## ${markdownText(title)}`,
    "",
    markdownTable(heading, rows, heading.map((_, column) => column).slice(1)),
    "",
  ]);
  const facts = studyFacts(study).map((fact) => `- ${markdownText(fact)}`);
  return [`# ${markdownText(study.title)}`, "", ...facts, "", ...tables].join("\n");
}

/** Formats a study as aligned text for a terminal: its accuracies, and their differences. */
export function studyText(
  study: StudyReport,
  align: (rows: readonly (readonly string[])[]) => string,
): string {
  const tables = studyTables(study).map(
    ({ title, heading, rows }) => `${title}\n${align([heading, ...rows])}`,
  );
  return [study.title, ...tables, studyFacts(study).join("\n")].join("\n\n");
}

/** Formats a study as comma-separated values (RFC 4180), one line for each number of each run, without rounding. */
export function studyCsv(study: StudyReport): string {
  const heading = ["study", "student", "method", "seed", "measure", "images", "value", "run"];
  const lines = study.sections.flatMap(({ student, rows }) =>
    rows.flatMap(({ label, values, runs }) =>
      study.measures.flatMap(({ id, images }) =>
        (values[id]?.values ?? []).map((value, index) => [
          study.study,
          student,
          label,
          study.seeds[index],
          id,
          images,
          value,
          runs[index],
        ]),
      ),
    ),
  );
  const teachers = study.teachers.flatMap(({ label, values }) =>
    study.measures.map(({ id, images }) => [study.study, "", label, "", id, images, values[id]?.value, ""]),
  );
  return [heading, ...teachers, ...lines].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

/** Formats a study as JSON. */
export function studyJson(study: StudyReport): string {
  return `${JSON.stringify(study, null, 2)}\n`;
}

function ofImages(measures: readonly StudyMeasure[]): StudyMeasure[] {
  return measures.filter(({ kind }) => kind !== "wRobust");
}

/** The mean of a sample, with its deviation where there is one. */
export function sampleText(
  sample: Sample | null | undefined,
  format: (value: number) => string = plain,
): string {
  if (!sample) return NOTHING;
  return format(sample.mean) + (sample.deviation === null ? "" : ` ± ${plain(sample.deviation)}`);
}

function scaled({ mean, deviation, runs }: Sample, factor: number): Sample {
  return { mean: mean * factor, deviation: deviation === null ? null : deviation * factor, runs };
}

function differenceText(value: StudyValue | undefined): string {
  return value?.difference ? changeText(value.difference.mean, value.difference.interval) : NOTHING;
}

function changeText(mean: number, interval: Interval | null): string {
  return signed(mean) + (interval ? ` (${signed(interval.low)} to ${signed(interval.high)})` : "");
}

/** Counts over all seeds, and a star for each seed in which the difference is significant. */
function testsText(tests: readonly StudyTest[]): string {
  if (tests.length === 0) return NOTHING;
  const total = (count: (test: StudyTest) => number): number =>
    tests.reduce((sum, test) => sum + count(test), 0);
  const stars = "*".repeat(tests.filter(({ adjusted }) => adjusted < 0.05).length);
  return `${total(({ onlyThis }) => onlyThis)} / ${total(({ onlyOther }) => onlyOther)}${stars === "" ? "" : ` ${stars}`}`;
}

function plain(value: number): string {
  return value.toFixed(DIGITS);
}

function signed(value: number): string {
  return signedTo(value, DIGITS);
}
