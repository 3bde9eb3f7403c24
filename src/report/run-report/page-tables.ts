import { attacks } from "../../attacks/attacks.js";
import { htmlTable } from "../html.js";
import { attackText } from "../unusual.js";
import type { ClassAccuracy, Mistake } from "./classes.js";
import { brief } from "./names.js";
import type { RunNumbers, StudentNumbers } from "./numbers.js";
import type { RunReport } from "./read.js";
import { studentTitle } from "./students.js";
import { intervalText, percent, type Share, shareOf } from "./share.js";

/* The tables of measurements on a run's page. */

const NOTHING = "-";
const LONGEST_NAME = 60;

function shownName(name: string): string {
  return brief(name.replaceAll("_", " "), LONGEST_NAME);
}

/** A row for each measurement, and for the evaluations that chose the best students. */
export function accuracyTable(report: RunReport, { accuracies }: RunNumbers): string {
  const measured = accuracies.map(({ label, student, images, clean, robust, wRobust }) => [
    ...[label, student, String(images)],
    ...[...shareCells(clean), ...shareCells(robust), percent(wRobust)],
  ]);
  const rows = [...measured, ...selectionRows(report)];
  if (rows.length === 0) return "";
  return htmlTable(
    ["attack", "student", "images", "clean", "95%", "robust", "95%", "W-Robust"],
    rows,
    [2, 3, 4, 5, 6, 7],
  );
}

/** The evaluations within the training that chose the best students. */
function selectionRows(report: RunReport): string[][] {
  const { metrics, run, students, testImages } = report;
  const { evaluations } = metrics;
  const { selection, heldOut } = run.settings;
  const images = selection === "test" ? testImages : heldOut;
  const label = `${attacks["pgd-trades"].title}, when it was chosen (${selection === "test" ? "test" : "held-out"} images)`;
  const best = evaluations.filter((evaluation) => evaluation.best).at(-1);
  const averaged = evaluations.flatMap((line) => (line.averaged?.best ? line.averaged : [])).at(-1);
  return [
    { student: "best", found: best },
    { student: "best-averaged", found: averaged },
  ].flatMap(({ student: choice, found }) => {
    if (!found) return [];
    const known = students.find(({ choices }) => choices.some((each) => each === choice));
    const student = known ? studentTitle(known) : choice;
    const cells = (accuracy: number): string[] =>
      images === null ? [percent(accuracy), ""] : shareCells(shareOf(Math.round(accuracy * images), images));
    return [
      [
        ...[label, student, images === null ? "" : String(images)],
        ...[...cells(found.clean), ...cells(found.robust), percent(found.wRobust)],
      ],
    ];
  });
}

/** A row for each student, with the same columns for all. */
export function studentTable(students: readonly StudentNumbers[]): string {
  const kinds = [
    ...new Map(
      students.flatMap(({ rows }) =>
        rows.map(({ attack, unusual }) => [`${attack} ${unusual}`, { attack, unusual }] as const),
      ),
    ).values(),
  ];
  const columns = kinds.map(({ attack, unusual }) => {
    const found = students.map(({ rows }) =>
      rows.find((row) => row.attack === attack && row.unusual === unusual),
    );
    const counts = new Set(found.flatMap((row) => row?.images ?? []));
    const title = attackText(attack, unusual);
    // Where all saw as many images, they stand in the heading once.
    const isOne = counts.size === 1;
    return {
      title: isOne ? `${title}, ${[...counts].join("")} images` : title,
      cells: found.map((row) => (row ? shareText(row.robust, !isOne) : NOTHING)),
    };
  });
  const heading = [
    ...["student", "epoch", "clean, training", "robust, training", "W-Robust, training"],
    ...columns.map(({ title }) => title),
  ];
  const rows = students.map(({ student, training }, place) => [
    ...[student, training ? String(training.epoch) : NOTHING],
    ...(["clean", "robust", "wRobust"] as const).map((name) =>
      training ? percent(training[name]) : NOTHING,
    ),
    ...columns.map(({ cells }) => cells[place] ?? NOTHING),
  ]);
  return htmlTable(
    heading,
    rows,
    heading.map((_, column) => column).filter((column) => column > 0),
  );
}

/** A row for each class. */
export function classTable(classes: readonly ClassAccuracy[]): string {
  return htmlTable(
    ["class", "images", "clean", "95%", "under attack", "95%"],
    classes.map(({ name, clean, attacked }) => [
      ...[shownName(name), String(clean.count)],
      ...[...shareCells(clean), ...shareCells(attacked)],
    ]),
    [1, 2, 3, 4, 5],
  );
}

/** A row for each of the most frequent mistakes. */
export function mistakeTable(mistakes: readonly Mistake[]): string {
  return htmlTable(
    ["class", "taken for", "images", "of", "share"],
    mistakes.map(({ label, answer, share: { hits, count, share } }) => [
      ...[label, answer].map(shownName),
      ...[String(hits), String(count), percent(share)],
    ]),
    [2, 3, 4],
  );
}

function shareCells(share: Share): string[] {
  return [percent(share.share), intervalText(share)];
}

/** A share with its interval and, where it is wanted, on how many images it was found. */
function shareText(share: Share, withImages: boolean): string {
  return `${percent(share.share)} (${intervalText(share)})${withImages ? `, ${share.count} images` : ""}`;
}
