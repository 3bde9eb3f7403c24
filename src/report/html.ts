import { createHash } from "node:crypto";
import { readFileSync } from "node:fs";
import { htmlText } from "../harmless.js";

/** An SVG document and what it shows, for whoever cannot see it. */
export interface Picture {
  readonly title: string;
  readonly svg: string;
}

/** The style of every page: light or dark as the reader's system is, for screens from a phone's width on. */
export const pageStyle = `
:root { color-scheme: light dark; --text: #111; --soft: #555; --page: #fff; --card: #f4f4f6; --line: #d4d4d8; --accent: #0061a8; --good: #006b4f; --bad: #a33c00; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8ea; --soft: #b0b0b6; --page: #16171a; --card: #222428; --line: #3c3f45; --accent: #6cb8f0; --good: #5fd3ae; --bad: #f2a273; }
}
* { box-sizing: border-box; }
body { font: 16px/1.5 sans-serif; color: var(--text); background: var(--page); max-width: 1200px; margin: 2em auto; padding: 0 1em; }
a { color: var(--accent); }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: 0.2em 0.9em 0.2em 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
th button { font: inherit; font-weight: bold; color: inherit; background: none; border: 0; padding: 0.3em 0; cursor: pointer; text-align: inherit; }
th button { white-space: nowrap; }
th button::after { content: " \\2195"; content: " \\2195" / ""; color: var(--soft); }
th[aria-sort="ascending"] button::after { content: " \\2191"; content: " \\2191" / ""; }
th[aria-sort="descending"] button::after { content: " \\2193"; content: " \\2193" / ""; }
th.number button::after { content: none; }
th.number button::before { content: "\\2195 "; content: "\\2195 " / ""; color: var(--soft); }
th.number[aria-sort="ascending"] button::before { content: "\\2191 "; content: "\\2191 " / ""; }
th.number[aria-sort="descending"] button::before { content: "\\2193 "; content: "\\2193 " / ""; }
th small { min-width: 8em; white-space: normal; }
td.number small { min-width: 7em; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
input, select, button { font: inherit; }
td small, th small { display: block; color: var(--soft); font-size: 0.8em; font-weight: normal; line-height: 1.35; }
.bar { display: block; position: relative; height: 6px; min-width: 72px; margin: 0.35em 0 0.2em; border-radius: 3px; background: var(--card); }
.bar::before, .bar::after { content: ""; position: absolute; top: 0; bottom: 0; border-radius: 3px; background: var(--accent); }
.bar::before { left: var(--low); right: calc(100% - var(--high)); opacity: 0.35; }
.bar::after { left: calc(var(--value) - 1.5px); width: 3px; }
.pinned { position: sticky; left: 0; background: var(--page); min-width: min(20em, 44vw); overflow-wrap: anywhere; }
.filter { display: block; margin: 1em 0 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(440px, 100%), 1fr)); gap: 1em; }
.pictures img, .wide img { width: 100%; background: #fff; border-radius: 4px; }
.wide, .scroll { overflow-x: auto; }
code { font-size: 0.85em; word-break: break-all; }
@media (max-width: 480px) { body { margin: 1em auto; } h1 { font-size: 1.5em; overflow-wrap: anywhere; } }
`;

/** What a page may have besides. */
export interface PageOptions {
  /** Style after that of every page. */
  readonly style?: string;
  /** Whether its script may compile WebAssembly. */
  readonly wasm?: boolean;
}

/**
 * Formats a page as HTML that loads nothing from elsewhere; `body` is HTML after the heading.
 *
 * @param script A module that runs in the page, and the only one that may; without it none runs.
 */
export function pageHtml(
  title: string,
  body: string,
  script?: string,
  { style = "", wasm = false }: PageOptions = {},
): string {
  const policy = [
    "default-src 'none'",
    "img-src data:",
    "style-src 'unsafe-inline'",
    ...(script === undefined
      ? []
      : [`script-src '${integrityOf(script)}'${wasm ? " 'wasm-unsafe-eval'" : ""}`]),
  ];
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<meta http-equiv="Content-Security-Policy" content="${policy.join("; ")}">
<title>${htmlText(title)}</title>
<style>${pageStyle}${style}</style>
</head>
<body>
<main>
<h1>${htmlText(title)}</h1>
${body}
</main>
${script === undefined ? "" : `<script type="module">${script}</script>\n`}</body>
</html>
`;
}

/** The script of `src/browser/NAME.ts`, to stand inside of a page; `call` is one more line after it, such as the call of what it exports. */
export function browserScript(name: "sortable", call: string): string {
  const code = readFileSync(new URL(`../browser/${name}.js`, import.meta.url), "utf8");
  const script = `\n${code}\n${call}\n`;
  // Text that would end the element can only come from our own code.
  if (/<\/script|<!--/i.test(script)) throw new Error(`${name} cannot stand inside of a page`);
  return script;
}

function integrityOf(script: string): string {
  return `sha256-${createHash("sha256").update(script).digest("base64")}`;
}

/** Small pictures beside each other. */
export function picturesHtml(pictures: readonly Picture[]): string {
  return `<div class="pictures">\n${pictures.map(pictureHtml).join("\n")}\n</div>`;
}

/** A picture inside of the page. */
export function pictureHtml({ title, svg }: Picture): string {
  const data = Buffer.from(svg).toString("base64");
  return `<img alt="${htmlText(title)}" src="data:image/svg+xml;base64,${data}">`;
}

/** A cell with more than its text. */
export interface HtmlCell {
  readonly text: string;
  /** A second, smaller line. */
  readonly detail?: string | undefined;
  /** What its column is sorted by in place of the text; null for nothing, which comes last. */
  readonly value?: number | string | null | undefined;
  /** The whole of a text that is cut short. */
  readonly title?: string | undefined;
  /** A bar below the text, from 0 to 1: a value and its interval. */
  readonly bar?: { readonly low: number; readonly value: number; readonly high: number } | undefined;
}

/** What a table may have beside its cells. */
export interface TableOptions {
  readonly sortable?: boolean;
  readonly filter?: string;
  /** What the table shows, for whoever cannot see what stands around it. */
  readonly label?: string;
  /** The column that names the rows; it stays in sight while the others scroll. */
  readonly pinned?: number;
}

/** Formats a table, which scrolls by itself where the screen is narrow; `numbers` are the columns that hold numbers. */
export function htmlTable(
  heading: readonly (string | HtmlCell)[],
  rows: readonly (readonly (string | HtmlCell)[])[],
  numbers: readonly number[],
  options: TableOptions = {},
): string {
  const line = (cells: readonly (string | HtmlCell)[], tag: "th" | "td"): string =>
    `<tr>${cells
      .map((cell, column) => {
        const isPinned = options.pinned === column;
        const kinds = [...(numbers.includes(column) ? ["number"] : []), ...(isPinned ? ["pinned"] : [])];
        const kind = kinds.length === 0 ? "" : ` class="${kinds.join(" ")}"`;
        return cellHtml(cell, tag, `${tag === "th" ? ' scope="col"' : ""}${kind}`);
      })
      .join("")}</tr>`;
  const filter = options.filter === undefined ? "" : ` data-filter="${htmlText(options.filter)}"`;
  const sortable = options.sortable ? ` class="sortable"${filter}` : "";
  const label = options.label === undefined ? "" : ` role="region" aria-label="${htmlText(options.label)}"`;
  const body = rows.map((row) => line(row, "td")).join("\n");
  return `<div class="scroll" tabindex="0"${label}><table${sortable}>\n<thead>${line(heading, "th")}</thead>\n<tbody>\n${body}\n</tbody>\n</table></div>`;
}

function cellHtml(cell: string | HtmlCell, tag: "th" | "td", attributes: string): string {
  if (typeof cell === "string") return `<${tag}${attributes}>${htmlText(cell)}</${tag}>`;
  const { text, detail, value, title, bar } = cell;
  const sorted = value === undefined ? "" : ` data-value="${htmlText(String(value ?? ""))}"`;
  const whole = title === undefined ? "" : ` title="${htmlText(title)}"`;
  const second = detail === undefined ? "" : `<small>${htmlText(detail)}</small>`;
  return `<${tag}${attributes}${sorted}${whole}>${htmlText(text)}${second}${bar ? barHtml(bar) : ""}</${tag}>`;
}

function barHtml({ low, value, high }: NonNullable<HtmlCell["bar"]>): string {
  const places = { low, value, high };
  const style = Object.entries(places).map(([name, place]) => `--${name}:${(100 * place).toFixed(2)}%`);
  return `<span class="bar" aria-hidden="true" style="${style.join(";")}"></span>`;
}
