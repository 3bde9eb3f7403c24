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
:root { color-scheme: light dark; --text: #111; --soft: #555; --page: #fff; --card: #f4f4f6; --line: #d4d4d8; --accent: #0061a8; }
@media (prefers-color-scheme: dark) {
  :root { --text: #e8e8ea; --soft: #b0b0b6; --page: #16171a; --card: #222428; --line: #3c3f45; --accent: #6cb8f0; }
}
* { box-sizing: border-box; }
body { font: 16px/1.5 sans-serif; color: var(--text); background: var(--page); max-width: 1200px; margin: 2em auto; padding: 0 1em; }
a { color: var(--accent); }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: 0.2em 0.9em 0.2em 0; text-align: left; vertical-align: top; border-bottom: 1px solid var(--line); }
td.number, th.number { text-align: right; font-variant-numeric: tabular-nums; }
th button { font: inherit; font-weight: bold; color: inherit; background: none; border: 0; padding: 0.3em 0; cursor: pointer; text-align: inherit; }
th button::after { content: " \\2195"; color: var(--soft); }
th[aria-sort="ascending"] button::after { content: " \\2191"; }
th[aria-sort="descending"] button::after { content: " \\2193"; }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px; }
input, select, button { font: inherit; }
.filter { display: block; margin: 1em 0 0; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(440px, 100%), 1fr)); gap: 1em; }
.pictures img, .wide img { width: 100%; background: #fff; border-radius: 4px; }
.wide, .scroll { overflow-x: auto; }
code { font-size: 0.85em; word-break: break-all; }
@media (max-width: 480px) { body { margin: 1em auto; } h1 { font-size: 1.5em; overflow-wrap: anywhere; } }
`;

/**
 * Formats a page as HTML that loads nothing from elsewhere; `body` is HTML after the heading.
 *
 * @param script A module that runs in the page, and the only one that may; without it none runs.
 * @param style CSS of this page beside that of every page.
 */
export function pageHtml(title: string, body: string, script?: string, style = ""): string {
  const policy = [
    "default-src 'none'",
    "img-src data:",
    "style-src 'unsafe-inline'",
    ...(script === undefined ? [] : [`script-src '${integrityOf(script)}'`]),
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

/** Formats a table, which scrolls by itself where the screen is narrow; `numbers` are the columns that hold numbers. */
export function htmlTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly number[],
  options: { readonly sortable?: boolean; readonly filter?: string } = {},
): string {
  const line = (cells: readonly string[], tag: "th" | "td"): string =>
    `<tr>${cells
      .map((cell, column) => {
        const kind = numbers.includes(column) ? ' class="number"' : "";
        return `<${tag}${tag === "th" ? ' scope="col"' : ""}${kind}>${htmlText(cell)}</${tag}>`;
      })
      .join("")}</tr>`;
  const filter = options.filter === undefined ? "" : ` data-filter="${htmlText(options.filter)}"`;
  const sortable = options.sortable ? ` class="sortable"${filter}` : "";
  const body = rows.map((row) => line(row, "td")).join("\n");
  return `<div class="scroll" tabindex="0"><table${sortable}>\n<thead>${line(heading, "th")}</thead>\n<tbody>\n${body}\n</tbody>\n</table></div>`;
}
