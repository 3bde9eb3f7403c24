import { oneLine } from "../harmless.js";
import { results } from "./channels.js";
import { styled } from "./output.js";
import { wrapped } from "./wrap.js";

type Rows = readonly (readonly string[])[];

const GAP = "  ";

/**
 * Formats rows as a table with aligned columns; the first row is the heading. Where it is wider than the terminal, cells are wrapped
 * between words; where that is not enough, each row becomes a list of its own.
 *
 * @param width Columns of the terminal; without one nothing is wrapped.
 */
export function formatTable(rows: Rows, width = terminalWidth()): string {
  const plain = plainRows(rows);
  const [heading = [], ...others] = plain;
  const widths = fittingWidths(plain, width);
  if (!widths)
    return [styled("bold", heading[0] ?? ""), ...others.map((row) => asList(heading, row))].join("\n");
  return [styled("bold", linesOf(heading, widths)), ...others.map((row) => linesOf(row, widths))].join("\n");
}

/** Formats rows without a heading, such as names with what is known of them; wrapped as a table is. */
export function formatRows(rows: Rows, width = terminalWidth()): string {
  const plain = plainRows(rows);
  const widths = fittingWidths(plain, width) ?? naturalWidths(plain);
  return plain.map((row) => linesOf(row, widths)).join("\n");
}

/** Cells may hold what files say; spaces before them are kept, which indent. */
function plainRows(rows: Rows): string[][] {
  return rows.map((row) => row.map((cell) => (/^ */.exec(cell)?.[0] ?? "") + oneLine(cell)));
}

/** Columns of the terminal that stdout is; infinite if it is none. */
function terminalWidth(): number {
  return results.isTTY ? results.columns || Infinity : Infinity;
}

function naturalWidths(rows: Rows): number[] {
  return widest(rows, (cell) => cell.length);
}

/** The columns' widths in a terminal: the widest give way first, none below its longest word; null if they cannot fit. */
function fittingWidths(rows: Rows, width: number): number[] | null {
  const widths = naturalWidths(rows);
  const least = widest(rows, (cell) => Math.max(...cell.split(" ").map(({ length }) => length)));
  const gaps = GAP.length * (widths.length - 1);
  for (let over = sum(widths) + gaps - width; over > 0; over--) {
    const column = widths.reduce(
      (best, size, index) =>
        size > (least[index] ?? 0) && (best < 0 || size > (widths[best] ?? 0)) ? index : best,
      -1,
    );
    if (column < 0) return null;
    widths[column] = (widths[column] ?? 0) - 1;
  }
  return widths;
}

function widest(rows: Rows, lengthOf: (cell: string) => number): number[] {
  return rows.reduce<number[]>(
    (before, row) => [
      ...row.map((cell, column) => Math.max(lengthOf(cell), before[column] ?? 0)),
      ...before.slice(row.length),
    ],
    [],
  );
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((left, right) => left + right, 0);
}

/** A row in columns: one line, or as many as its longest cell takes. */
function linesOf(row: readonly string[], widths: readonly number[]): string {
  const cells = row.map((cell, column) => wrapped(cell, widths[column] ?? 0));
  const height = Math.max(1, ...cells.map(({ length }) => length));
  return Array.from({ length: height }, (_, line) =>
    cells
      .map((lines, column) => (lines[line] ?? "").padEnd(widths[column] ?? 0))
      .join(GAP)
      .trimEnd(),
  ).join("\n");
}

/** A row as a list: its first cell, then a line for each of the others that says something. */
function asList(heading: readonly string[], [first = "", ...others]: readonly string[]): string {
  const names = heading.slice(1);
  const longest = Math.max(...names.map(({ length }) => length));
  const lines = others.flatMap((cell, index) =>
    cell.trim() === "" ? [] : [`${GAP}${(names[index] ?? "").padEnd(longest)}${GAP}${cell.trim()}`],
  );
  return [styled("bold", first.trim()), ...lines].join("\n");
}
