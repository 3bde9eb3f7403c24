import { markdownText } from "../harmless.js";

/** Formats a table as Markdown, its cells made harmless; `numbers` are the columns that hold numbers, which stand to the right. */
export function markdownTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly number[],
): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(markdownText).join(" | ")} |`;
  const aligned = heading.map((_, column) => (numbers.includes(column) ? "---:" : "---"));
  return [line(heading), `| ${aligned.join(" | ")} |`, ...rows.map(line)].join("\n");
}
