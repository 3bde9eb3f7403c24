import type { HtmlCell } from "./html.js";
import { type BoardColumn, columnTitle } from "./leaderboard-columns.js";
import type { CorruptionRow, CorruptionSection } from "./leaderboard-corruptions.js";
import { corruptionFacts, corruptionTitle, sectionFacts, sectionTitle } from "./leaderboard-facts.js";
import type { BoardDataset, BoardModel } from "./leaderboard-models.js";
import type { MeanShare } from "./leaderboard-shares.js";
import type { BoardRow, BoardSection, Leaderboard } from "./leaderboard.js";
import { NOTHING } from "./render-table.js";

/* The tables of a leaderboard, whatever they are written as. */

/** A section as a table. */
export interface BoardTable {
  readonly title: string;
  /** What ranks it, in sentences. */
  readonly facts: readonly string[];
  readonly heading: readonly HtmlCell[];
  readonly rows: readonly (readonly HtmlCell[])[];
  /** The columns with numbers. */
  readonly numbers: readonly number[];
  readonly warnings: readonly string[];
  /** The columns that a terminal has room for. */
  readonly printed: readonly number[];
}

/** Of a longer name so many characters are shown; the CSV and JSON files have the whole. */
const SHOWN_CHARACTERS = 80;
/** Of a checksum so many are shown, as in the names of runs. */
const SHOWN_CHECKSUM = 10;

const nothing: HtmlCell = { text: NOTHING, value: null };

/** All tables of a leaderboard, those of corrupted images last. */
export function boardTables({ sections, corruptions }: Leaderboard): BoardTable[] {
  return [...sections.map(sectionTable), ...corruptions.map(corruptionTable)];
}

function sectionTable(section: BoardSection): BoardTable {
  const { columns, ranking } = section;
  const ranked = columns[ranking ?? -1];
  const heading: HtmlCell[] = [
    { text: "#" },
    { text: "model" },
    ...(ranked ? [{ text: "W-Robust", detail: ranked.title }] : []),
    { text: "clean" },
    ...columns.map((column) => ({ text: column.title, detail: column.details.join(", ") })),
    ...LAST_HEADING,
  ];
  // All between the model's name and the date.
  const numbers = heading.flatMap((_, index) => (index > 1 && index < heading.length - 3 ? [index] : []));
  // The other attacks, dates and checksums are in the files.
  const last = ranking === null ? 3 : 5;
  const images = columns.length + last - (ranking === null ? 0 : 1);
  return {
    ...{ title: sectionTitle(section), facts: sectionFacts(section), heading, numbers: [0, ...numbers] },
    rows: section.rows.map((row) => cellsOf(section, row)),
    warnings: section.warnings,
    printed: [...Array(last).keys(), images],
  };
}

function cellsOf({ columns, ranking, dataset }: BoardSection, row: BoardRow): HtmlCell[] {
  const { rank, model, wRobust, elsewhere, clean, cells } = row;
  return [
    rankCell(rank),
    modelCell(model),
    ...(ranking === null
      ? []
      : [wRobust ? { ...numberCell(wRobust), bar: wRobust } : elsewhereCell(columns, elsewhere)]),
    numberCell(clean),
    ...columns.map((_, index) => {
      const cell = cells[index];
      return cell ? numberCell(cell.robust) : nothing;
    }),
    ...lastCells(row, dataset),
  ];
}

/** A number that ranks nothing, as it is of another attack or of other images than those of the rows above. */
function elsewhereCell(columns: readonly BoardColumn[], elsewhere: BoardRow["elsewhere"]): HtmlCell {
  const column = columns[elsewhere?.column ?? -1];
  if (!elsewhere || !column) return nothing;
  return {
    text: (100 * elsewhere.value).toFixed(2),
    detail: `not ranked: ${columnTitle(column)}`,
    value: null,
  };
}

function numberCell({ value, low, high }: MeanShare): HtmlCell {
  const percent = (share: number, digits: number): string => (100 * share).toFixed(digits);
  return { text: percent(value, 2), detail: `${percent(low, 1)} to ${percent(high, 1)}`, value };
}

function checksum(text: string): HtmlCell {
  return { text: text.slice(0, SHOWN_CHECKSUM), title: text, value: `sha ${text}` };
}

const WHAT = {
  teacher: "teacher",
  replaced: "another model than the teacher of this name is now",
  other: "model without a manifest here",
};

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
    kind === "student" ? (method ?? "") : WHAT[kind],
    network ?? "",
    seed === null ? "" : `seed ${seed}`,
    also.length === 0 ? "" : `also ${also.join(", ")}`,
  ];
  return parts.filter((part) => part !== "").join(", ");
}

function corruptionTable(section: CorruptionSection): BoardTable {
  const { columns } = section;
  const means = columns.filter(({ corruption }) => corruption === null).length;
  const headingOf = ({ title, details }: (typeof columns)[number]): HtmlCell => ({
    text: title,
    detail: details.join(", "),
  });
  const heading: HtmlCell[] = [
    { text: "#" },
    { text: "model" },
    ...columns.slice(0, means).map(headingOf),
    { text: "clean" },
    ...columns.slice(means).map(headingOf),
    ...LAST_HEADING,
  ];
  const isRanked = section.ranking !== null;
  return {
    ...{ title: corruptionTitle(section), facts: corruptionFacts(section), heading },
    rows: section.rows.map((row) => corruptionCells(section, row, means)),
    numbers: [0, ...heading.keys()].filter((at) => at !== 1 && at < heading.length - 3),
    warnings: section.warnings,
    printed: [0, 1, ...(isRanked ? [2] : []), means + 2, heading.length - LAST_HEADING.length],
  };
}

function corruptionCells(
  { columns, ranking, dataset }: CorruptionSection,
  row: CorruptionRow,
  means: number,
): HtmlCell[] {
  const cells = columns.map((_, index) => {
    const cell = row.cells[index];
    if (!cell) return nothing;
    return { ...numberCell(cell), ...(index === ranking ? { bar: cell } : {}) };
  });
  const { clean } = row;
  // Said where it is not as many as the row's.
  const images = clean && clean.total !== row.images ? `, ${clean.total.toLocaleString("en")} images` : "";
  const shown = clean ? numberCell(clean) : nothing;
  return [
    rankCell(row.rank),
    modelCell(row.model),
    ...cells.slice(0, means),
    clean ? { ...shown, detail: `${shown.detail}${images}` } : shown,
    ...cells.slice(means),
    ...lastCells(row, dataset),
  ];
}

const LAST_HEADING: readonly HtmlCell[] = [
  { text: "images" },
  { text: "measured" },
  { text: "settings" },
  { text: "identity" },
];

/** What every row ends with. */
function lastCells(
  { images, few, measured, model }: BoardRow | CorruptionRow,
  { test }: BoardDataset,
): HtmlCell[] {
  return [
    {
      text: images.toLocaleString("en"),
      value: images,
      ...(few ? { detail: "few" } : images === test ? { detail: "all" } : {}),
    },
    { text: measured.toISOString().slice(0, 10) },
    model.settings === null ? nothing : checksum(model.settings),
    checksum(model.identity),
  ];
}

function rankCell(rank: number | null): HtmlCell {
  return rank === null ? nothing : { text: String(rank) };
}

function modelCell(model: BoardModel): HtmlCell {
  const title = model.name.length > SHOWN_CHARACTERS ? { title: model.name } : {};
  return { text: shortened(model.name), detail: shortened(descriptionOf(model)), ...title };
}

/** A name that is cut short where it is long. */
export function shortened(text: string): string {
  return text.length <= SHOWN_CHARACTERS ? text : `${text.slice(0, SHOWN_CHARACTERS)}...`;
}
