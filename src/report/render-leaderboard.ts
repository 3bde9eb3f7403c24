import { csvCell, htmlText, markdownText } from "../harmless.js";
import { browserScript, htmlTable, pageHtml, type HtmlCell } from "./html.js";
import { type BoardColumn, columnOf, columnTitle } from "./leaderboard-columns.js";
import type { BoardModel } from "./leaderboard-models.js";
import {
  type BoardCell,
  type BoardRow,
  type BoardSection,
  type Leaderboard,
  shareOf,
} from "./leaderboard.js";
import { boardFacts, readingRules, sectionFacts, sectionTitle } from "./leaderboard-facts.js";
import { markdownTable } from "./markdown.js";
import { NOTHING } from "./render-table.js";
import type { Interval } from "./statistics.js";

/** Of a longer name so many characters are shown; the CSV and JSON files have the whole. */
const SHOWN_CHARACTERS = 80;
/** Of a checksum so many are shown, as in the names of runs. */
const SHOWN_CHECKSUM = 10;
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
  const sections = board.sections.map((section, index) => {
    const title = sectionTitle(section);
    const { heading, numbers } = headingOf(section);
    const rows = section.rows.map((row) => cellsOf(section, row));
    const table = htmlTable(heading, rows, numbers, {
      sortable: true,
      filter: "Filter",
      label: title,
      pinned: 1,
    });
    const facts = sectionFacts(section).map((fact) => `<p>${htmlText(fact)}</p>`);
    const warnings = foldedHtml(section.warnings.map((text) => `Warning, ${text}.`));
    return `<section id="section-${index}">\n<h2>${htmlText(title)}</h2>\n${facts.join("\n")}\n${table}\n${warnings}\n</section>`;
  });
  const links = board.sections.map(
    (section, index) =>
      `<li><a href="#section-${index}">${htmlText(sectionTitle(section))}</a> (${models(section)})</li>`,
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
  const sections = board.sections.flatMap((section) => {
    const { heading, numbers } = headingOf(section);
    const rows = section.rows.map((row) => cellsOf(section, row).map(plainText));
    return [
      `## ${markdownText(sectionTitle(section))}`,
      "",
      ...sectionFacts(section).flatMap((fact) => [markdownText(fact), ""]),
      markdownTable(heading.map(plainText), rows, numbers),
      "",
      ...section.warnings.map((warning) => `- ${markdownText(`Warning, ${warning}.`)}`),
      "",
    ];
  });
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
  const sections = board.sections.map((section) => {
    const shown = section.rows.slice(0, PRINTED_ROWS);
    // The other attacks, dates and checksums are in the files.
    const last = section.ranking === null ? 3 : 5;
    const images = section.columns.length + last - (section.ranking === null ? 0 : 1);
    const cells = [headingOf(section).heading, ...shown.map((row) => cellsOf(section, row))].map((row) =>
      [...row.slice(0, last), ...row.slice(images, images + 1)].map(plainText),
    );
    const left = section.rows.length - shown.length;
    const more = left > 0 ? [`and ${left} more, in the files`] : [];
    const warnings = section.warnings.map((warning) => `Warning, ${warning}.`);
    return [sectionTitle(section), ...sectionFacts(section), "", align(cells), ...more, ...warnings].join(
      "\n",
    );
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
    ...["seed", "batch size", "device", "measured", "record"],
  ];
  const lines = board.sections.flatMap((section) =>
    section.rows.flatMap((row) =>
      row.measurements.map((measurement) => {
        const { key, clean, robust, device, written, file } = measurement;
        const { model } = row;
        const column = section.columns.find(({ id }) => id === columnOf(key));
        const ranks = row.cells[section.ranking ?? -1]?.measurement === measurement;
        const right = shareOf(clean, key.images);
        const withstood = robust === null ? null : shareOf(robust, key.images);
        return [
          ...[section.dataset.id, section.dataset.data, section.threat.title, section.threat.epsilon],
          ...[model.name, model.student, model.also.join("; "), model.kind, model.method, model.network],
          ...[model.seed, model.settings, model.identity, row.rank],
          ranks ? "yes" : "",
          ...[key.attack ?? "clean", column?.details.join("; "), key.images],
          ...[right.value, right.low, right.high, withstood?.value, withstood?.low, withstood?.high],
          robust === null ? null : (clean + robust) / (2 * key.images),
          ...[key.seed, key.batchSize, device, written.toISOString(), file],
        ];
      }),
    ),
  );
  return [heading, ...lines].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
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

function headingOf({ columns, ranking }: BoardSection): { heading: HtmlCell[]; numbers: number[] } {
  const ranked = columns[ranking ?? -1];
  const heading: HtmlCell[] = [
    { text: "#" },
    { text: "model" },
    ...(ranked ? [{ text: "W-Robust", detail: ranked.title }] : []),
    { text: "clean" },
    ...columns.map((column) => ({ text: column.title, detail: column.details.join(", ") })),
    { text: "images" },
    { text: "measured" },
    { text: "settings" },
    { text: "identity" },
  ];
  // All between the model's name and the date.
  const numbers = heading.flatMap((_, index) => (index > 1 && index < heading.length - 3 ? [index] : []));
  return { heading, numbers: [0, ...numbers] };
}

function cellsOf({ columns, ranking, dataset }: BoardSection, row: BoardRow): HtmlCell[] {
  const { rank, model, wRobust, elsewhere, clean, cells, images, few, measured } = row;
  const nothing: HtmlCell = { text: NOTHING, value: null };
  return [
    rank === null ? nothing : { text: String(rank) },
    { text: shortened(model.name), detail: shortened(descriptionOf(model)), ...whole(model.name) },
    ...(ranking === null
      ? []
      : [wRobust ? { ...numberCell(wRobust), bar: wRobust } : elsewhereCell(columns, elsewhere)]),
    numberCell(clean),
    ...columns.map((_, index) => {
      const cell = cells[index];
      return cell ? numberCell(cell.robust) : nothing;
    }),
    {
      text: images.toLocaleString("en"),
      value: images,
      ...(few ? { detail: "few" } : images === dataset.test ? { detail: "all" } : {}),
    },
    { text: measured.toISOString().slice(0, 10) },
    model.settings === null ? nothing : checksum(model.settings),
    checksum(model.identity),
  ];
}

/** A number that ranks nothing, as it is of another attack or of other images than those of the rows above. */
function elsewhereCell(columns: readonly BoardColumn[], elsewhere: BoardRow["elsewhere"]): HtmlCell {
  const column = columns[elsewhere?.column ?? -1];
  if (!elsewhere || !column) return { text: NOTHING, value: null };
  return {
    text: (100 * elsewhere.value).toFixed(2),
    detail: `not ranked: ${columnTitle(column)}`,
    value: null,
  };
}

function numberCell({ value, low, high }: { readonly value: number } & Interval): HtmlCell {
  const percent = (share: number, digits: number): string => (100 * share).toFixed(digits);
  return { text: percent(value, 2), detail: `${percent(low, 1)} to ${percent(high, 1)}`, value };
}

function checksum(text: string): HtmlCell {
  return { text: text.slice(0, SHOWN_CHECKSUM), title: text, value: `sha ${text}` };
}

/** What a model is, in a few words. */
export function descriptionOf({ kind, student, method, network, seed, also }: BoardModel): string {
  const which = {
    best: "",
    last: "last student",
    "best-averaged": "best student of averaged weights",
    "last-averaged": "last student of averaged weights",
    replaced: "a student that its run no longer has",
  };
  const parts = [
    student === null ? "" : which[student],
    kind === "student" ? (method ?? "") : kind === "teacher" ? "teacher" : "model without a manifest here",
    network ?? "",
    seed === null ? "" : `seed ${seed}`,
    also.length === 0 ? "" : `also ${also.join(", ")}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function plainText({ text, detail }: HtmlCell): string {
  return detail === undefined ? text : `${text} (${detail})`;
}

function whole(name: string): Pick<HtmlCell, "title"> {
  return name.length > SHOWN_CHARACTERS ? { title: name } : {};
}

function shortened(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}...`;
}

function shortProblems({ problems }: Leaderboard): string[] {
  const shown = problems.slice(0, PRINTED_ROWS);
  return [
    ...shown,
    ...(problems.length > shown.length ? [`and ${problems.length - shown.length} more`] : []),
  ];
}

function models({ rows }: BoardSection): string {
  return rows.length === 1 ? "1 model" : `${rows.length} models`;
}
