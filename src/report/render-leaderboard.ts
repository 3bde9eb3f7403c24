import { csvCell, htmlText, markdownText } from "../harmless.js";
import { browserScript, htmlTable, pageHtml, type HtmlCell } from "./html.js";
import { columnOf } from "./leaderboard-columns.js";
import { sourceOf } from "./leaderboard-corruption-sets.js";
import type { CorruptionRow } from "./leaderboard-corruptions.js";
import { boardFacts, CORRUPTIONS, readingRules } from "./leaderboard-facts.js";
import type { Measurement } from "./leaderboard-records.js";
import { shareOf } from "./leaderboard-shares.js";
import { boardTables, shortened } from "./leaderboard-tables.js";
import type { BoardCell, BoardRow, Leaderboard } from "./leaderboard.js";
import { markdownTable } from "./markdown.js";

/** So many warnings of a section are shown without being asked for. */
const MOST_OPEN = 3;
/** So many rows of a section are printed on a terminal. */
const PRINTED_ROWS = 20;

/** The title of a leaderboard. */
export function leaderboardTitle({ folder }: Leaderboard): string {
  return `Leaderboard: ${shortened(folder)}`;
}

/** Formats a leaderboard as a page with tables that sort and filter. */
export function leaderboardHtml(board: Leaderboard): string {
  const tables = boardTables(board);
  const sections = tables.map(({ title, facts, heading, rows, numbers, warnings }, index) => {
    const table = htmlTable(heading, rows, numbers, {
      sortable: true,
      filter: "Filter",
      label: title,
      pinned: 1,
    });
    const sentences = facts.map((fact) => `<p>${htmlText(fact)}</p>`);
    const doubts = foldedHtml(warnings.map((text) => `Warning, ${text}.`));
    return `<section id="section-${index}">\n<h2>${htmlText(title)}</h2>\n${sentences.join("\n")}\n${table}\n${doubts}\n</section>`;
  });
  const links = tables.map(
    ({ title, rows }, index) =>
      `<li><a href="#section-${index}">${htmlText(title)}</a> (${rows.length} model${rows.length === 1 ? "" : "s"})</li>`,
  );
  const contents =
    links.length < 2 ? "" : `<nav aria-label="Sections"><ul>\n${links.join("\n")}\n</ul></nav>`;
  const body = [
    `<p>${boardFacts(board).map(htmlText).join(" ")}</p>`,
    contents,
    ...sections,
    ...(board.problems.length === 0
      ? []
      : ["<h2>What could not be read</h2>", listHtml(shortProblems(board))]),
    "<h2>How to read it</h2>",
    listHtml(readingRules(board)),
  ];
  return pageHtml(
    leaderboardTitle(board),
    body.filter((part) => part !== "").join("\n"),
    browserScript("sortable", "enhanceTables();"),
  );
}

/** A list of warnings, folded away where there are many. */
function foldedHtml(warnings: readonly string[]): string {
  if (warnings.length <= MOST_OPEN) return listHtml(warnings);
  return `<details><summary>${warnings.length} warnings</summary>\n${listHtml(warnings)}\n</details>`;
}

function listHtml(lines: readonly string[]): string {
  if (lines.length === 0) return "";
  return `<ul>\n${lines.map((line) => `<li>${htmlText(line)}</li>`).join("\n")}\n</ul>`;
}

/** Formats a leaderboard as Markdown. */
export function leaderboardMarkdown(board: Leaderboard): string {
  const sections = boardTables(board).flatMap(({ title, facts, heading, rows, numbers, warnings }) => [
    `## ${markdownText(title)}`,
    "",
    ...facts.flatMap((fact) => [markdownText(fact), ""]),
    markdownTable(
      heading.map(plainText),
      rows.map((row) => row.map(plainText)),
      numbers,
    ),
    "",
    ...warnings.map((warning) => `- ${markdownText(`Warning, ${warning}.`)}`),
    "",
  ]);
  const list = (lines: readonly string[]): string[] => lines.map((line) => `- ${markdownText(line)}`);
  return [
    `# ${markdownText(leaderboardTitle(board))}`,
    "",
    markdownText(boardFacts(board).join(" ")),
    "",
    ...sections,
    ...(board.problems.length === 0
      ? []
      : ["## What could not be read", "", ...list(shortProblems(board)), ""]),
    "## How to read it",
    "",
    ...list(readingRules(board)),
    "",
  ].join("\n");
}

/** Formats a leaderboard as aligned text for a terminal: the first rows of each section. */
export function leaderboardText(
  board: Leaderboard,
  align: (rows: readonly (readonly string[])[]) => string,
): string {
  const sections = boardTables(board).map(({ title, facts, heading, rows, warnings, printed }) => {
    const shown = rows.slice(0, PRINTED_ROWS);
    const cells = [heading, ...shown].map((row) => printed.flatMap((at) => row[at] ?? []).map(plainText));
    const left = rows.length - shown.length;
    const more = left > 0 ? [`and ${left} more, in the files`] : [];
    const doubts = warnings.map((warning) => `Warning, ${warning}.`);
    return [title, ...facts, "", align(cells), ...more, ...doubts].join("\n");
  });
  return [boardFacts(board).join(" "), ...sections].join("\n\n");
}

/** Formats a leaderboard as comma-separated values (RFC 4180): a line for each measurement, without rounding. */
export function leaderboardCsv(board: Leaderboard): string {
  const heading = [
    ...[
      "data set",
      "data",
      "threat model",
      "epsilon",
      "model",
      "student",
      "also",
      "kind",
      "method",
      "network",
    ],
    ...["seed of the run", "settings", "identity", "rank", "ranks", "attack", "protocol", "images"],
    ...["clean", "clean low", "clean high", "robust", "robust low", "robust high", "W-Robust"],
    ...["seed", "batch size", "device", "measured", "record", "severity"],
  ];
  const lines = board.sections.flatMap((section) =>
    section.rows.flatMap((row) =>
      row.measurements.map((measurement) => {
        const { key, clean, robust } = measurement;
        const column = section.columns.find(({ id }) => id === columnOf(key));
        const ranks = row.cells[section.ranking ?? -1]?.measurement === measurement;
        const right = shareOf(clean, key.images);
        const withstood = robust === null ? null : shareOf(robust, key.images);
        return [
          ...[section.dataset.id, section.dataset.data, section.threat.title, section.threat.epsilon],
          ...rowValues(row),
          ranks ? "yes" : "",
          ...[key.attack ?? "clean", column?.details.join("; "), key.images],
          ...[right.value, right.low, right.high, withstood?.value, withstood?.low, withstood?.high],
          robust === null ? null : (clean + robust) / (2 * key.images),
          ...[key.seed, ...recordValues(measurement), null],
        ];
      }),
    ),
  );
  return [heading, ...lines, ...corruptedLines(board)]
    .map((cells) => `${cells.map(csvCell).join(",")}\r\n`)
    .join("");
}

/** Accuracies on corrupted images, as robust ones: no clean accuracy is known of these. */
function corruptedLines({ corruptions }: Leaderboard): (string | number | null)[][] {
  return corruptions.flatMap(({ dataset, rows, ranking }) =>
    rows.flatMap((row) =>
      row.measurements.map((measurement) => {
        const { images, corruption } = measurement.key;
        const { value, low, high } = shareOf(measurement.clean, images);
        const ranks = row.cells[ranking ?? -1]?.measurements.includes(measurement) ?? false;
        return [
          ...[dataset.id, dataset.data, CORRUPTIONS, null],
          ...rowValues(row),
          ranks ? "yes" : "",
          ...[corruption.name, [`${images} images`, sourceOf(corruption)].join("; "), images],
          ...[null, null, null, value, low, high, null],
          ...[corruption.seed, ...recordValues(measurement), corruption.severity],
        ];
      }),
    ),
  );
}

/** What the lines of a row have in common, its rank last. */
function rowValues({ model, rank }: BoardRow | CorruptionRow): (string | number | null)[] {
  return [
    ...[model.name, model.student, model.also.join("; "), model.kind, model.method, model.network],
    ...[model.seed, model.settings, model.identity, rank],
  ];
}

function recordValues({ key: { batchSize }, device, written, file }: Measurement): (string | number)[] {
  return [batchSize, device, written.toISOString(), file];
}

/** Formats a leaderboard as JSON. */
export function leaderboardJson(board: Leaderboard): string {
  return `${JSON.stringify(leaderboardValues(board), null, 2)}\n`;
}

/** What the JSON of a leaderboard holds: its rows with their numbers; what else was measured of them is in the CSV file. */
export function leaderboardValues(board: Leaderboard): object {
  return {
    ...board,
    sections: board.sections.map((section) => ({
      ...section,
      columns: section.columns.map((column) => ({ ...column, id: undefined })),
      rows: section.rows.map(({ measurements, cells, ...row }) => ({
        ...row,
        measurements: measurements.length,
        cells: cells.map((cell) => cell && cellValues(cell)),
      })),
    })),
    corruptions: board.corruptions.map((section) => ({
      ...section,
      rows: section.rows.map(({ measurements, cells, ...row }) => ({
        ...row,
        measurements: measurements.length,
        cells: cells.map((cell) => cell && { ...cell, measurements: cell.measurements.length }),
      })),
    })),
  };
}

function cellValues({
  robust,
  others,
  measurement: { key, device, written, file, clean },
}: BoardCell): object {
  // The model and the data are said of the row and the section.
  const measured = Object.fromEntries(
    Object.entries(key).filter(([name]) => name !== "model" && name !== "data"),
  );
  return { robust, clean: shareOf(clean, key.images), others, key: measured, device, written, file };
}

function plainText({ text, detail }: HtmlCell): string {
  return detail === undefined ? text : `${text} (${detail})`;
}

function shortProblems({ problems }: Leaderboard): string[] {
  const shown = problems.slice(0, PRINTED_ROWS);
  return [
    ...shown,
    ...(problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : []),
  ];
}
