import { htmlText } from "../harmless.js";

/** An SVG document and what it shows, for whoever cannot see it. */
export interface Picture {
  readonly title: string;
  readonly svg: string;
}

/** Formats a page as HTML that loads nothing from elsewhere and runs no scripts; `body` is HTML after the heading. */
export function pageHtml(title: string, body: string): string {
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; style-src 'unsafe-inline'">
<title>${htmlText(title)}</title>
<style>
body { font: 16px/1.5 sans-serif; color: #111; max-width: 1200px; margin: 2em auto; padding: 0 1em; }
table { border-collapse: collapse; margin: 1em 0; }
th, td { padding: 0.2em 0.9em 0.2em 0; text-align: left; vertical-align: top; border-bottom: 1px solid #ddd; }
td.number, th.number { text-align: right; }
.pictures { display: grid; grid-template-columns: repeat(auto-fill, minmax(440px, 1fr)); gap: 1em; }
.wide { overflow-x: auto; }
img { width: 100%; }
code { font-size: 0.85em; word-break: break-all; }
</style>
</head>
<body>
<h1>${htmlText(title)}</h1>
${body}
</body>
</html>
`;
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

/** Formats a table; `numbers` are the columns that hold numbers. */
export function htmlTable(
  heading: readonly string[],
  rows: readonly (readonly string[])[],
  numbers: readonly number[],
): string {
  const line = (cells: readonly string[], tag: "th" | "td"): string =>
    `<tr>${cells
      .map((cell, column) => {
        const kind = numbers.includes(column) ? ' class="number"' : "";
        return `<${tag}${kind}>${htmlText(cell)}</${tag}>`;
      })
      .join("")}</tr>`;
  return `<table>\n${[line(heading, "th"), ...rows.map((row) => line(row, "td"))].join("\n")}\n</table>`;
}
