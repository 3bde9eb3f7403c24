import { csvCell, markdownText } from "../harmless.js";
import { markdownTable } from "./markdown.js";
import type { Cell, ReportRow, ReportTable } from "./table.js";
import type { Section } from "../paper/plan.js";

/** Decimals of a number, as the paper prints them. */
const DIGITS = { "%": 2, nats: 4 } as const;
/** What stands for a number that there is none of. */
export const NOTHING = "–";
const PAPERS_BUDGET = "the paper's budget";

/** Formats a table as Markdown; in each section that has a number of ours, a row has the paper's numbers, ours and the differences. */
export function tableMarkdown(table: ReportTable): string {
  const sections = filledSections(table).flatMap(({ section, index: at }) => {
    const [heading = [], ...rows] = sectionRows(table, at);
    const numbers = section.measures.flatMap((_, index) => [3 * index + 1, 3 * index + 2, 3 * index + 3]);
    return [`## ${markdownText(sectionTitle(section))}`, "", markdownTable(heading, rows, numbers), ""];
  });
  const notes = notesOf(table).map((note) => `- ${markdownText(note)}`);
  return [`# Table ${table.number}: ${markdownText(table.title)}`, "", ...sections, ...notes, ""].join("\n");
}

/** Formats a table as aligned text for a terminal. */
export function tableText(
  table: ReportTable,
  align: (rows: readonly (readonly string[])[]) => string,
): string {
  const sections = filledSections(table).map(
    ({ section, index }) => `${sectionTitle(section)}\n${align(sectionRows(table, index))}`,
  );
  return [`Table ${table.number}: ${table.title}`, ...sections, notesOf(table).join("\n")]
    .filter((part) => part !== "")
    .join("\n\n");
}

/** Formats a table as comma-separated values (RFC 4180), one line per number, without rounding. */
export function tableCsv(table: ReportTable): string {
  const heading = [
    "table",
    "budget",
    table.rowHeading,
    "section",
    "measure",
    "unit",
    "paper",
    "paper (clean + robust) / 2",
    "ours",
    "deviation",
    "runs",
    "difference",
    "run on",
    "warnings",
  ];
  const lines = table.rows.flatMap((row) =>
    table.sections.flatMap((section, at) =>
      section.measures.map((measure, index) => {
        const cell = row.cells[at]?.[index];
        return [
          table.number,
          table.budget,
          row.label,
          section.title,
          measure,
          section.unit,
          cell?.paper,
          cell?.paperMean,
          cell?.ours?.mean,
          cell?.ours?.deviation,
          cell?.ours?.runs,
          cell?.difference,
          [row.shortfall?.brief, row.shortfall?.others].filter((part) => part != null).join(", ") ||
            PAPERS_BUDGET,
          row.warnings.join("; "),
        ];
      }),
    ),
  );
  return [heading, ...lines].map((cells) => `${cells.map(csvCell).join(",")}\r\n`).join("");
}

/** Formats a table as JSON. */
export function tableJson(table: ReportTable): string {
  return `${JSON.stringify(table, null, 2)}\n`;
}

/** The sections that have a number of ours, with their places in the table. */
function filledSections({ sections, rows }: ReportTable): { section: Section; index: number }[] {
  return sections
    .map((section, index) => ({ section, index }))
    .filter(({ index }) => rows.some(({ cells }) => cells[index]?.some(({ ours }) => ours !== null)));
}

/** A section's heading and rows: the label, then paper, ours and difference of each measure, then what it was run on. */
function sectionRows(table: ReportTable, index: number): string[][] {
  const section = table.sections[index];
  if (!section) throw new Error(`the table has no section ${index}`);
  const digits = DIGITS[section.unit];
  const heading = [
    table.rowHeading,
    ...section.measures.flatMap((measure) => [`${measure}: paper`, "ours", "difference"]),
    "run on",
  ];
  const rows = table.rows.map((row) => [
    row.label,
    ...(row.cells[index] ?? []).flatMap((cell) => [
      paperText(cell, digits),
      oursText(cell, digits),
      cell.difference === null ? NOTHING : signed(cell.difference, digits),
    ]),
    row.shortfall?.brief ?? PAPERS_BUDGET,
  ]);
  return [heading, ...rows];
}

function sectionTitle({ title, unit }: Section): string {
  return `${title} (${unit})`;
}

function paperText({ paper, paperMean }: Cell, digits: number): string {
  if (paper === null) return NOTHING;
  return paperMean === null ? paper.toFixed(digits) : `${paper.toFixed(digits)}* (${thirds(paperMean)})`;
}

/** The mean of two numbers with two decimals, in full. */
function thirds(value: number): string {
  return String(Number(value.toFixed(3)));
}

function oursText({ ours }: Cell, digits: number): string {
  if (ours === null) return NOTHING;
  const deviation = ours.deviation === null ? "" : ` ± ${ours.deviation.toFixed(digits)}`;
  return ours.mean.toFixed(digits) + deviation;
}

/** A difference with its sign, which a rounded zero does not have. */
export function signed(value: number, digits: number): string {
  const text = Math.abs(value).toFixed(digits);
  if (Number(text) === 0) return text;
  return `${value < 0 ? "−" : "+"}${text}`;
}

function notesOf({ rows, notes }: ReportTable): string[] {
  const cells = rows.flatMap((row) => row.cells.flat());
  return [
    ...(cells.some((cell) => cell.paperMean !== null)
      ? ["* as the paper prints it; in parentheses (clean + robust) / 2 of its own numbers."]
      : []),
    ...(cells.some((cell) => cell.ours?.deviation != null)
      ? ["Mean ± sample standard deviation over seeds."]
      : []),
    ...otherSettings(rows),
    ...notes,
    ...rows.flatMap(({ label, warnings }) => warnings.map((warning) => `Warning, ${label}: ${warning}.`)),
  ];
}

/** Notes on what rows do not say themselves about differences from the paper; rows with the same differences share one. */
function otherSettings(rows: readonly ReportRow[]): string[] {
  const labels = new Map<string, string[]>();
  for (const { label, shortfall } of rows) {
    const others = shortfall?.others;
    if (others != null) labels.set(others, [...(labels.get(others) ?? []), label]);
  }
  return [...labels].map(([others, rowsOf]) => {
    const which = rowsOf.length === rows.length ? "All rows" : rowsOf.join(", ");
    return `${which}: ${others}.`;
  });
}
