import { markdownText } from "../harmless.js";
import { type Finding, sections } from "./check.js";
import type { SelfCheck } from "./self-check.js";

const HEADING = ["check", "found", "expected", "verdict"] as const;

/** The result as text for a terminal or a letter: one page. */
export function pageText(
  result: SelfCheck,
  rows: (rows: readonly (readonly string[])[]) => string,
  table: (rows: readonly (readonly string[])[]) => string,
): string {
  const parts = filledSections(result).map(({ title, lines }) => `${title}\n${table([HEADING, ...lines])}`);
  return [titleOf(result), rows(Object.entries(result.machine)), ...parts].join("\n\n");
}

/** The same as Markdown. */
export function pageMarkdown(result: SelfCheck): string {
  const line = (cells: readonly string[]): string => `| ${cells.map(markdownText).join(" | ")} |`;
  const parts = filledSections(result).flatMap(({ title, lines }) => [
    "",
    `## ${title}`,
    "",
    line(HEADING),
    "| --- | --- | --- | --- |",
    ...lines.map(line),
  ]);
  const facts = Object.entries(result.machine).map(([name, fact]) => `- ${name}: ${markdownText(fact)}`);
  return [`# ${titleOf(result)}`, "", ...facts, ...parts, ""].join("\n");
}

function titleOf({ ok, date, seconds, findings }: SelfCheck): string {
  const failed = findings.filter(({ verdict }) => verdict === "failed").length;
  const outcome = ok ? `all ${findings.length} lines good` : `${failed} of ${findings.length} lines failed`;
  return `mtard doctor --thorough, ${date.slice(0, 16).replace("T", " ")} UTC, ${seconds.toFixed(0)} s: ${outcome}`;
}

function filledSections({ findings }: SelfCheck): { title: string; lines: string[][] }[] {
  return (Object.keys(sections) as (keyof typeof sections)[]).flatMap((section) => {
    const lines = findings.filter((finding) => finding.section === section).map(cells);
    return lines.length === 0 ? [] : [{ title: sections[section], lines }];
  });
}

function cells({ subject, found, expected, verdict }: Finding): string[] {
  return [subject, found, expected, verdict];
}
