import { drawSvg } from "../figures/draw.js";
import type { Figure } from "../figures/figure.js";
import { browserScript, htmlTable, pageHtml, type Picture, picturesHtml } from "../html.js";
import { rowJson } from "../run-report/numbers.js";
import { brief } from "../run-report/names.js";
import { shown } from "../run-report/page-settings.js";
import { intervalText, percent } from "../run-report/share.js";
import { hint, paragraph, type Section, sectionsHtml, sectionStyle } from "../sections.js";
import { shellWord } from "../../harmless.js";
import { type Agreement, MOST_PAIRED } from "./agreement.js";
import { comparisonFigures } from "./figures.js";
import type { Comparison } from "./read.js";

const LONGEST_NAME = 200;

/** Draws and formats a page that compares runs. No engine starts; its one script sorts and filters its tables. */
export async function comparisonHtml(comparison: Comparison): Promise<string> {
  const { measured, curves } = comparisonFigures(comparison);
  const sections: Section[] = [
    { id: "runs", title: "Runs", html: runTable(comparison) },
    { id: "settings", title: "Settings that differ", html: differenceTable(comparison) },
    {
      id: "accuracy",
      title: "Accuracy of the best students",
      html: `${accuracyTable(comparison)}\n${picturesHtml(await drawn(measured))}`,
    },
    { id: "agreement", title: "Image by image", html: agreementTable(comparison) },
    { id: "curves", title: "Training", html: picturesHtml(await drawn(curves)) },
  ];
  const { runs } = comparison;
  return pageHtml(
    `Comparison of ${runs.length} runs`,
    sectionsHtml(sections),
    browserScript("sortable", "enhanceTables();"),
    { style: sectionStyle },
  );
}

async function drawn(figures: readonly Figure[]): Promise<Picture[]> {
  const pictures: Picture[] = [];
  for (const figure of figures) pictures.push({ title: figure.title, svg: await drawSvg(figure) });
  return pictures;
}

function runTable({ runs }: Comparison): string {
  const rows = runs.map(({ letter, report: { name, run, finished, metrics } }) => {
    const best = metrics.evaluations.filter((evaluation) => evaluation.best).at(-1);
    return [
      ...[letter, brief(name, LONGEST_NAME), run.settings.method, run.settings.student],
      ...[String(run.settings.seed), finished ? "finished" : `step ${metrics.steps.at(-1)?.step ?? 0}`],
      ...[String(best?.epoch ?? "-"), best ? percent(best.wRobust) : "-"],
    ];
  });
  const about =
    "The epoch and W-Robust are of the evaluation within the training that chose the best student.";
  return `${paragraph(about, "soft")}\n${htmlTable(
    ["run", "name", "method", "student", "seed", "state", "best epoch", "W-Robust"],
    rows,
    [4, 6, 7],
    { sortable: true },
  )}`;
}

function differenceTable({ runs, differences }: Comparison): string {
  if (differences.length === 0) return paragraph("None: all settings, data and teachers are the same.");
  return htmlTable(
    ["setting", ...runs.map(({ letter }) => letter)],
    differences.map(({ name, values }) => [
      name,
      ...values.map((value) => (value === null ? "-" : shown(value))),
    ]),
    [],
  );
}

function accuracyTable({ runs }: Comparison): string {
  const rows = runs.flatMap(({ title, accuracies }) =>
    accuracies.map(({ label, images, clean, robust, wRobust }) => [
      ...[title, label, String(images)],
      ...[percent(clean.share), intervalText(clean), percent(robust.share), intervalText(robust)],
      percent(wRobust),
    ]),
  );
  const missing = runs
    .filter(({ accuracies }) => accuracies.length === 0)
    .map(({ letter, report }) =>
      hint(`Nothing was measured on ${letter}: {} does.`, `mtard evaluate ${shellWord(report.folder)}`),
    );
  const about = "Intervals are Wilson's, 95%, in percent. They speak of other images, not of other seeds.";
  const table = htmlTable(
    ["run", "attack", "images", "clean", "95%", "robust", "95%", "W-Robust"],
    rows,
    [2, 3, 4, 5, 6, 7],
    { sortable: true, filter: "Filter measurements" },
  );
  return [...(rows.length === 0 ? [] : [paragraph(about, "soft"), table]), ...missing].join("\n");
}

function agreementTable({ runs, agreements }: Comparison): string {
  if (agreements.length === 0)
    return paragraph(
      "No two best students were measured in the same way on the same images, so none can be compared image by image.",
    );
  const letter = (place: number): string => runs[place]?.letter ?? "";
  const share = (count: number, { images }: Agreement): string => percent(count / images);
  const rows = agreements.map((found) => [
    ...[`${letter(found.first)}, ${letter(found.second)}`, found.label, String(found.images)],
    ...[found.both, found.onlyFirst, found.onlySecond, found.neither].map((count) => share(count, found)),
    ...[probability(found.p), probability(found.adjusted)],
  ]);
  const pairs =
    runs.length > MOST_PAIRED
      ? ` Each is compared with ${letter(0)}; for all pairs name at most ${MOST_PAIRED} runs.`
      : "";
  const about = `Shares of the images that both runs, the first or the second alone, or neither answer right: clean, or under the attack.${pairs} p is McNemar's exact test of one run's images against the other's, adjusted by Holm for all pairs under one attack; it says nothing about other seeds.`;
  return `${paragraph(about, "soft")}\n${htmlTable(
    ["runs", "under", "images", "both", "only first", "only second", "neither", "p", "p, adjusted"],
    rows,
    [2, 3, 4, 5, 6, 7, 8],
    { sortable: true, filter: "Filter pairs" },
  )}`;
}

/** A probability with what matters of it. */
function probability(p: number): string {
  return p < 0.0001 ? p.toExponential(1) : p.toFixed(4);
}

/** What a comparison's page shows, as plain data: all its numbers and none of its pictures. */
export function comparisonJson({ runs, differences, agreements }: Comparison): object {
  const letter = (place: number): string => runs[place]?.letter ?? "";
  return {
    runs: runs.map(({ letter: own, report, accuracies }) => ({
      ...{ letter: own, run: report.folder, name: report.name, finished: report.finished },
      evaluations: report.metrics.evaluations,
      accuracies: accuracies.map(rowJson),
      warnings: report.warnings,
    })),
    differences,
    agreements: agreements.map(({ first, second, ...found }) => ({
      first: letter(first),
      second: letter(second),
      ...found,
    })),
  };
}
