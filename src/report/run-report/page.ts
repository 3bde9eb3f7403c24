import { shellWord } from "../../harmless.js";
import { pageHtml, type Picture, pictureHtml, picturesHtml } from "../html.js";
import { cardsHtml, hint, paragraph, type Section, sectionsHtml, sectionStyle } from "../sections.js";
import { conventionNotes } from "./accuracies.js";
import { drawRunPictures, type RunPictures } from "./figures.js";
import { brief } from "./names.js";
import { runNumbers, type RunNumbers } from "./numbers.js";
import { examplesHtml, exampleStyle } from "./page-examples.js";
import { inputsTable, settingsTable } from "./page-settings.js";
import { accuracyTable, classTable, mistakeTable, studentTable } from "./page-tables.js";
import type { RunReport } from "./read.js";
import { intervalText, percent, type Share } from "./share.js";
import { bestOf } from "./students.js";

/** Draws and formats the page about a run. No engine starts. */
export async function runReportHtml(report: RunReport): Promise<string> {
  const numbers = runNumbers(report);
  return runPageHtml(report, numbers, await drawRunPictures(report, numbers));
}

/** Formats the page about a run as HTML that loads nothing from elsewhere and runs no scripts. */
export function runPageHtml(report: RunReport, numbers: RunNumbers, pictures: RunPictures): string {
  const { dataset, method, student, seed } = report.run.settings;
  const sections: Section[] = [
    { id: "accuracy", title: "Accuracy", html: accuracySection(report, numbers, pictures) },
    { id: "examples", title: "Adversarial examples", html: examplesHtml(report) },
    { id: "classes", title: "Classes", html: classSection(report, numbers, pictures) },
    { id: "radius", title: "Epsilon and steps", html: curveSection(report, pictures) },
    { id: "students", title: "Students", html: studentSection(report, numbers) },
    { id: "training", title: "Training", html: picturesHtml(pictures.training) },
    { id: "settings", title: "Settings", html: settingsTable(report.run) },
    { id: "inputs", title: "Data and teachers", html: inputsTable(report.run) },
  ];
  const about = `${method} on ${dataset}, student ${student}, seed ${seed}. ${progressText(report)}`;
  return pageHtml(
    brief(report.name, 200),
    `${paragraph(about)}\n${summaryCards(numbers)}\n${sectionsHtml(sections)}`,
    undefined,
    { style: sectionStyle + exampleStyle },
  );
}

function progressText({ metrics: { steps, evaluations }, finished, run }: RunReport): string {
  const last = steps.at(-1);
  const done = finished
    ? `Finished after ${run.settings.epochs} epochs (${last?.step ?? 0} steps).`
    : `Not finished: ${last ? `step ${last.step}, in epoch ${last.epoch}` : "no step yet"} of ${run.settings.epochs}.`;
  const best = evaluations.filter((evaluation) => evaluation.best).at(-1);
  if (!best) return done;
  const images = run.settings.selection === "test" ? "test images" : "images held out of the training set";
  const averaged = evaluations
    .flatMap(({ epoch, averaged: average }) => (average?.best ? [{ epoch, ...average }] : []))
    .at(-1);
  const average = averaged
    ? ` Of averaged weights ${percent(averaged.wRobust)} in epoch ${averaged.epoch}.`
    : "";
  return `${done} Best by W-Robust ${percent(best.wRobust)} on ${images} in epoch ${best.epoch}.${average}`;
}

/** The numbers of the best student that are asked for first. */
function summaryCards({ main, accuracies }: RunNumbers): string {
  if (!main) return "";
  const strongest = accuracies.find(
    (row) =>
      row.student === main.student &&
      row.attack === "aa" &&
      row.norm === main.norm &&
      row.epsilon === main.epsilon,
  );
  const card = (name: string, { share, low, high, count }: Share) => ({
    name,
    value: percent(share),
    more: `${intervalText({ low, high })}, ${count} images`,
  });
  return cardsHtml([
    card("clean", main.clean),
    card(main.label, main.robust),
    ...(strongest && strongest !== main ? [card(strongest.label, strongest.robust)] : []),
    { name: `W-Robust, ${main.label}`, value: percent(main.wRobust), more: "mean of clean and robust" },
  ]);
}

function accuracySection(report: RunReport, numbers: RunNumbers, { accuracies }: RunPictures): string {
  const warnings = report.warnings.map((warning) => paragraph(`Warning: ${warning}`, "warning"));
  const run = shellWord(report.folder);
  const measured =
    numbers.accuracies.length === 0
      ? hint("No attack was measured on it yet: {} does.", `mtard evaluate ${run}`)
      : `${paragraph("A row is what one attack left, on how many test images; in parentheses what is unusual for this run. Intervals are Wilson's, 95%, in percent: they speak of other images of the same kind, not of other seeds.", "soft")}\n`;
  const notes = conventionNotes(numbers.accuracies).map((note) => paragraph(note, "soft"));
  return [measured + accuracyTable(report, numbers), ...notes, ...warnings, figure(accuracies)].join("\n");
}

function classSection(
  report: RunReport,
  { main, classes, mistakes }: RunNumbers,
  pictures: RunPictures,
): string {
  if (!main)
    return hint(
      "No attack was measured on the best student yet: {} does.",
      `mtard evaluate ${shellWord(report.folder)}`,
    );
  const left =
    main.kept.key.wrongWhenClean === undefined
      ? " An image that is wrong when clean is not attacked, and counts with that answer."
      : "";
  const of = `Of the ${main.student} student under ${main.label}, on ${main.images} images.${left}`;
  return `${paragraph(of, "soft")}
<div class="pair">${picture(pictures.classes)}${picture(pictures.confusion)}</div>
<details><summary>As a table</summary>
${classTable(classes)}
</details>
${mistakes.length === 0 ? "" : `<h3>Most frequent mistakes</h3>\n${mistakeTable(mistakes)}`}`;
}

function curveSection({ folder }: RunReport, { radius, steps }: RunPictures): string {
  const run = shellWord(folder);
  const missing = [
    ...(radius
      ? []
      : [
          hint(
            "Only one epsilon was measured: {} measures PGD at larger ones, {} any other.",
            `mtard obfuscation ${run}`,
            `mtard evaluate ${run} --attacks pgd-trades --eps 4/255`,
          ),
        ]),
    ...(steps
      ? []
      : [
          hint(
            "Only one number of steps was measured: {} measures PGD of 5, 20 and 100, {} any other.",
            `mtard obfuscation ${run}`,
            `mtard evaluate ${run} --attacks pgd-trades --steps 50`,
          ),
        ]),
  ];
  const pictures = radius || steps ? `<div class="pair">${picture(radius)}${picture(steps)}</div>` : "";
  return [pictures, ...missing].filter((part) => part !== "").join("\n");
}

function studentSection(report: RunReport, numbers: RunNumbers): string {
  const { students } = numbers;
  const run = shellWord(report.folder);
  if (!bestOf(report.students) && students.length === 0)
    return hint("No student is kept yet: the first comes with the first evaluation.");
  const { selection, heldOut } = report.run.settings;
  const chosen = selection === "test" ? "test images" : `${heldOut} held-out training images`;
  const names = new Set(students.map(({ student }) => student));
  const unmeasured = students.find(({ rows }) => rows.length === 0)?.student.split(", ")[0];
  return [
    paragraph(
      `While training: accuracies on the ${chosen} that choose the best student, under PGD-trades. Under an attack: test images, the same measurement for each student.`,
      "soft",
    ),
    studentTable(students),
    ...(names.has("best, last") ? [paragraph("The best student is the last one.", "soft")] : []),
    ...(unmeasured === undefined
      ? []
      : [
          hint(
            "A student without measurements gets them with {}.",
            `mtard evaluate ${run} --checkpoint ${unmeasured}`,
          ),
        ]),
  ].join("\n");
}

function figure(drawn: Picture | null): string {
  return drawn ? `<div class="figure">${pictureHtml(drawn)}</div>` : "";
}

function picture(drawn: Picture | null): string {
  return drawn ? `<div>${pictureHtml(drawn)}</div>` : "";
}
