import { htmlText } from "../harmless.js";
import { htmlTable, pageHtml, pictureHtml, type Picture } from "./html.js";
import { sweepFacts, sweepTable, sweepTitle } from "./render-sweep.js";
import type { SweepReport } from "./sweep.js";

/** Formats a sweep as a page of HTML with its pictures inside. */
export function sweepPageHtml(sweep: SweepReport, pictures: readonly Picture[]): string {
  const facts = sweepFacts(sweep).map((fact) => `<li>${htmlText(fact)}</li>`);
  const { heading, rows } = sweepTable(sweep);
  const numbers = heading.flatMap((title, column) => (column === 0 || title === "trained" ? [] : [column]));
  return pageHtml(
    sweepTitle(sweep),
    [
      `<ul>${facts.join("\n")}</ul>`,
      ...pictures.map((picture) => `<p>${pictureHtml(picture)}</p>`),
      `<div class="wide">\n${htmlTable(heading, rows, numbers)}\n</div>`,
    ].join("\n"),
  );
}
