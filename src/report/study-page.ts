import { htmlText } from "../harmless.js";
import { htmlTable, pageHtml, pictureHtml, type Picture } from "./html.js";
import { studyFacts, studyTables } from "./render-study.js";
import type { StudyReport } from "./study.js";

/** Formats a study as a page of HTML with its pictures inside. */
export function studyPageHtml(study: StudyReport, pictures: readonly Picture[]): string {
  const facts = studyFacts(study).map((fact) => `<li>${htmlText(fact)}</li>`);
  const tables = studyTables(study).map(({ title, heading, rows }) => {
    const numbers = heading.map((_, column) => column).slice(1);
    return `<h2>${htmlText(title)}</h2>\n<div class="wide">\n${htmlTable(heading, rows, numbers)}\n</div>`;
  });
  return pageHtml(
    study.title,
    [
      `<ul>${facts.join("\n")}</ul>`,
      ...pictures.map((picture) => `<p>${pictureHtml(picture)}</p>`),
      ...tables,
    ].join("\n"),
  );
}
