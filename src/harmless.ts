/*
 * Text that others wrote (names of teachers, tensors, nodes, classes and files, what servers answer) on its way out: one function for each
 * kind of output takes from it whatever would be more than text there.
 */

/**
 * What a terminal obeys or does not show: controls (C0, C1, and so every escape sequence), separators of lines, and format characters, which
 * turn the direction of text, join it or have no width.
 */
const HIDDEN = /[\p{Cc}\p{Cf}\p{Zl}\p{Zp}]/gu;

/** The longest line; a file may have a name of megabytes. */
const LONGEST = 10_000;

/** Text on one line of a terminal, a log or a report. */
export function oneLine(text: string): string {
  const line = text
    .split(/[\r\n\u0085\u2028\u2029]/)
    .map((part) => part.trim())
    .filter((part, index) => part !== "" || index === 0)
    .join(" ")
    .trim()
    .replace(HIDDEN, "?");
  return line.length <= LONGEST ? line : `${line.slice(0, LONGEST)}...`;
}

/** Text of several lines for a terminal: its own ends of lines and tabs stay. */
export function severalLines(text: string): string {
  return text.replace(HIDDEN, (character) => (character === "\n" || character === "\t" ? character : "?"));
}

/** A value as JSON that is plain on a terminal too: what JSON leaves as it is and a terminal obeys is escaped. */
export function harmlessJson(value: unknown): string {
  return JSON.stringify(value).replace(HIDDEN, escapedUnit);
}

/** Each UTF-16 unit as `\uXXXX`. */
function escapedUnit(character: string): string {
  return character
    .split("")
    .map((unit) => `\\u${unit.charCodeAt(0).toString(16).padStart(4, "0")}`)
    .join("");
}

/** Text within a line or cell of Markdown: no markup, link, picture, HTML or end of the cell. */
export function markdownText(text: string): string {
  return oneLine(text)
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replace(/[\\`*_[\]|~$]/g, "\\$&")
    .replace(/:\/\/|@|\bwww\./gi, (link) => (link.endsWith(".") ? `${link.slice(0, -1)}\\.` : `\\${link}`));
}

const entities: Readonly<Record<string, string>> = {
  "&": "&amp;",
  "<": "&lt;",
  ">": "&gt;",
  '"': "&quot;",
  "'": "&#39;",
  "`": "&#96;",
};

/** Text of HTML, XML or SVG, between tags or within a quoted attribute. */
export function htmlText(text: string): string {
  return text
    .replace(HIDDEN, (character) => (/\s/.test(character) ? " " : "?"))
    .replace(/[&<>"'`]/g, (character) => entities[character] ?? "");
}

/**
 * A cell of comma-separated values (RFC 4180). Text that a spreadsheet would take for a formula gets an apostrophe in front, with which
 * spreadsheets mark text; numbers stay what they are.
 */
export function csvCell(value: string | number | null | undefined): string {
  const text = oneLine(String(value ?? ""));
  const isNumber = typeof value === "number" || /^[-+]?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text);
  const safe = !isNumber && /^[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return /[",;]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

/** A word of a command as a shell takes it; what does not show is written as an escape, which bash and zsh read. */
export function shellWord(word: string): string {
  if (/^[\w@%+:,./-][\w@%+=:,./-]*$/.test(word)) return word;
  if (word.search(HIDDEN) < 0) return `'${word.replaceAll("'", "'\\''")}'`;
  const escaped = word
    .replace(/[\\']/g, "\\$&")
    .replace(HIDDEN, (character) => `\\U${(character.codePointAt(0) ?? 0).toString(16).padStart(8, "0")}`);
  return `$'${escaped}'`;
}
