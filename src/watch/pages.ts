import { createHash } from "node:crypto";
import { htmlText } from "../harmless.js";
import { IMPORTS } from "./assets.js";

/** A page without what it shows, which its script asks for. */
interface Page {
  readonly title: string;
  readonly script: "watch-runs" | "watch-curves" | "watch-measurements";
  readonly body: string;
}

const NOTES = `<div id="notes" role="status"></div>`;

export const pages = {
  runs: {
    title: "Runs",
    script: "watch-runs",
    body: `${NOTES}
<div class="tools"><p id="summary" class="soft" aria-live="polite">Looking for runs...</p>
<button type="button" id="compare" disabled>Tick runs to lay them over each other</button></div>
<div id="runs"></div>
<section id="jobs" hidden><h2>Jobs</h2><div id="job-list"></div></section>`,
  },
  curves: {
    title: "Run",
    script: "watch-curves",
    body: `${NOTES}
<div id="about"></div>
<div class="tools" role="group" aria-label="What all curves show">
<label>Along <select id="along"><option value="epochs">epochs</option><option value="steps">steps</option><option value="hours">hours</option></select></label>
<span class="zoom"><button type="button" data-zoom="in" aria-label="Zoom in">+</button><button type="button" data-zoom="out" aria-label="Zoom out">&minus;</button><button type="button" data-zoom="left" aria-label="Earlier">&larr;</button><button type="button" data-zoom="right" aria-label="Later">&rarr;</button><button type="button" data-zoom="all">Whole</button></span>
<span class="soft hint">Drag over a curve to look closer; + &minus; &larr; &rarr; 0 on the keyboard.</span></div>
<div id="charts" class="charts"></div>
<div id="details"></div>`,
  },
  measurements: {
    title: "Measurements",
    script: "watch-measurements",
    body: `<p id="summary" class="soft" aria-live="polite">Reading records...</p>
<div id="measurements"></div>`,
  },
} as const satisfies Record<string, Page>;

const IMPORT_MAP = JSON.stringify({ imports: IMPORTS });

/** What the pages may do: scripts and styles of this server alone, and no code made of text. */
export const POLICY = [
  "default-src 'none'",
  `script-src 'self' 'sha256-${createHash("sha256").update(IMPORT_MAP).digest("base64")}'`,
  "style-src 'self'",
  "connect-src 'self'",
  "img-src 'self' data:",
  "base-uri 'none'",
  "form-action 'none'",
  "frame-ancestors 'none'",
].join("; ");

/** A page as HTML; `folder` is what is watched. */
export function watchPageHtml({ title, script, body }: Page, folder: string): string {
  const link = (href: string, name: string): string =>
    `<a href="${href}"${name === title ? ' aria-current="page"' : ""}>${name}</a>`;
  return `<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>${htmlText(title)} - mtard</title>
<link rel="icon" href="data:,">
<link rel="stylesheet" href="/assets/style.css">
<script type="importmap">${IMPORT_MAP}</script>
<script type="module" src="/assets/${script}.js"></script>
</head>
<body class="watch">
<header><nav aria-label="Pages">${link("/", "Runs")}${link("/measurements", "Measurements")}</nav>
<span class="folder" title="${htmlText(folder)}">${htmlText(folder)}</span><span id="live" class="live" role="status"></span></header>
<main>
<h1 id="title">${htmlText(title)}</h1>
${body}
<noscript><p>This page needs its script.</p></noscript>
</main>
</body>
</html>
`;
}
