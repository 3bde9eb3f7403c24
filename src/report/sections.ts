import { htmlText } from "../harmless.js";

/* Pages of several sections: a table of contents, and each section with an address of its own. */

/** A part of a page under a heading; `html` is what comes below it. */
export interface Section {
  /** Letters and hyphens, the address within the page. */
  readonly id: string;
  readonly title: string;
  readonly html: string;
}

/** What such pages look like, beside the style of every page. */
export const sectionStyle = `
h1, h2, p, li, dd, figcaption { overflow-wrap: anywhere; }
h2 { margin: 2.2em 0 0.6em; padding-top: 0.6em; border-top: 1px solid var(--line); scroll-margin-top: 0.5em; }
h3 { margin: 1.6em 0 0.4em; font-size: 1.05em; }
.scroll table { width: max-content; }
td:not(.number) { max-width: 28em; overflow-wrap: break-word; }
td.number { white-space: nowrap; }
@media (max-width: 480px) { td:not(.number) { max-width: 15em; } }
.soft, figcaption, .cards dd small { color: var(--soft); }
.contents ul { list-style: none; padding: 0; margin: 1em 0; display: flex; flex-wrap: wrap; gap: 0.2em 1.4em; }
.contents a { display: inline-block; padding: 0.25em 0; }
.cards { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(150px, 45%), 1fr)); gap: 0.8em; margin: 1.2em 0; }
.cards > div { background: var(--card); border-radius: 8px; padding: 0.8em 1em; }
.cards dt { color: var(--soft); font-size: 0.9em; overflow-wrap: anywhere; }
.cards dd { margin: 0.1em 0 0; font-size: 1.6em; line-height: 1.3; font-variant-numeric: tabular-nums; }
.cards dd small { display: block; font-size: 0.55em; }
.soft code { word-break: normal; overflow-wrap: anywhere; }
.figure { max-width: 760px; margin: 1em 0; }
.pair { display: grid; grid-template-columns: repeat(auto-fit, minmax(min(420px, 100%), 1fr)); gap: 1em; align-items: start; }
.figure img, .pair img { display: block; width: 100%; background: #fff; border-radius: 4px; }
.warning { border-left: 4px solid var(--bad); padding-left: 0.8em; }
@media print { .contents { display: none; } h2 { break-after: avoid; } }
`;

/** The sections one after the other, below a table of contents with a link to each. */
export function sectionsHtml(sections: readonly Section[]): string {
  const links = sections.map(({ id, title }) => `<li><a href="#${id}">${htmlText(title)}</a></li>`);
  const parts = sections.map(
    ({ id, title, html }) =>
      `<section aria-labelledby="${id}">\n<h2 id="${id}" tabindex="-1">${htmlText(title)}</h2>\n${html}\n</section>`,
  );
  return `<nav class="contents" aria-label="Contents"><ul>\n${links.join("\n")}\n</ul></nav>\n${parts.join("\n")}`;
}

/** A paragraph of text. */
export function paragraph(text: string, kind = ""): string {
  return `<p${kind === "" ? "" : ` class="${kind}"`}>${htmlText(text)}</p>`;
}

/** A soft line that says which command makes what is missing; `{}` in the text stands for the next command. */
export function hint(text: string, ...commands: readonly string[]): string {
  const parts = text.split("{}");
  const html = parts.map((part, index) => {
    const command = commands[index];
    return htmlText(part) + (command === undefined ? "" : `<code>${htmlText(command)}</code>`);
  });
  return `<p class="soft">${html.join("")}</p>`;
}

/** Numbers that a page begins with. */
export function cardsHtml(
  cards: readonly { readonly name: string; readonly value: string; readonly more: string }[],
): string {
  const items = cards.map(
    ({ name, value, more }) =>
      `<div><dt>${htmlText(name)}</dt><dd>${htmlText(value)}<small>${htmlText(more)}</small></dd></div>`,
  );
  return `<dl class="cards">\n${items.join("\n")}\n</dl>`;
}
