import { type AttackId, attackIds, attacks } from "../../attacks/attacks.js";
import { uniformStarts, wrongWhenClean as wrongWhenCleanTexts } from "../../attacks/conventions.js";
import type { Norm } from "../../attacks/norms.js";
import type { MeasurementKey } from "../../evaluation/key.js";
import { evaluationOfRecord } from "../../evaluation/record.js";
import type { KeptRecord } from "../../evaluation/store.js";
import { type MeasuredStudent, studentTitle } from "./students.js";
import { byStrength } from "../leaderboard-columns.js";
import { attackText, unusualParts } from "../unusual.js";
import { radiusText, type Share, shareOf } from "./share.js";

/** What an attack left of a student, as a row of a table. */
export interface AccuracyRow {
  readonly student: string;
  readonly attack: AttackId;
  /** The attack, with everything in parentheses that tells this measurement from others of it. */
  readonly label: string;
  readonly norm?: Norm | undefined;
  readonly epsilon: number;
  readonly images: number;
  readonly clean: Share;
  readonly robust: Share;
  readonly wRobust: number;
  /** The device and engine it was measured on. */
  readonly device: string;
  readonly kept: KeptRecord;
  /** What is unusual for the run besides the number of images, such as `epsilon 4/255, seed 3`; empty where nothing is. */
  readonly unusual: string;
}

interface Labelled {
  readonly row: Omit<AccuracyRow, "label" | "unusual">;
  readonly changes: readonly string[];
  readonly place: number;
}

/** The settings that are usual for measurements; null where none is, as the runs that are compared have several. */
export interface Usual {
  readonly evaluationBatch: number | null;
  readonly evaluationEpsilon: number | null;
}

/**
 * The measurements of a run's students, those under usual settings first, and of one attack the one on the most images first.
 * Each has a label that no other row of its student has.
 *
 * @param among The keys of all that the rows stand beside, such as those of other runs: what differs among them is named.
 */
export function accuracyRows(
  students: readonly MeasuredStudent[],
  usual: Usual,
  among: readonly MeasurementKey[] = students.flatMap(({ records }) => records.map(({ key }) => key)),
): AccuracyRow[] {
  const labelled = students.flatMap((student, place) =>
    student.records.flatMap((kept) => labelledRow(kept, student, place, usual, among)),
  );
  return labelled.sort(inOrder).map((each): AccuracyRow => {
    const { row, changes } = each;
    const most = Math.max(...labelled.filter((other) => isSameButImages(each, other)).map(imagesOf));
    const fewer = row.images < most ? [`the first ${row.images} images`] : [];
    const named = [...changes, ...fewer];
    const label = attackText(row.attack, named.join(", "));
    return { ...row, label, unusual: changes.join(", ") };
  });
}

/**
 * The measurement of a student that its classes and confusions are read from: under usual settings PGD-trades, else the strongest attack;
 * without any, the strongest at the run's epsilon, else at another one. Of one attack the one on the most images; undefined if there is none.
 */
export function mainRow(
  rows: readonly AccuracyRow[],
  student: string,
  usual: Usual,
): AccuracyRow | undefined {
  const preference = ({ attack, norm, epsilon, unusual }: AccuracyRow): number =>
    unusual === ""
      ? 2 + Number(attack === "pgd-trades")
      : Number(norm === undefined && epsilon === usual.evaluationEpsilon);
  return rows
    .filter((row) => row.student === student)
    .sort((one, other) => preference(other) - preference(one) || byStrength(one.kept.key, other.kept.key))[0];
}

function labelledRow(
  kept: KeptRecord,
  student: MeasuredStudent,
  place: number,
  usual: Usual,
  keys: readonly MeasurementKey[],
): Labelled[] {
  const { key, record } = kept;
  const { attack, epsilon } = key;
  if (attack === null) return [];
  const { total, clean, attacks } = evaluationOfRecord(key, record);
  const robust = attacks[attack];
  if (!robust) return [];
  const row = {
    ...{ student: studentTitle(student), attack, kept, device: record.device },
    norm: key.norm,
    epsilon: epsilon ?? 0,
    images: total,
    clean: shareOf(clean.correct, total),
    robust: shareOf(robust.robust, total),
    wRobust: robust.wRobust,
  };
  return [{ row, place, changes: changesOf(key, usual, keys) }];
}

function imagesOf({ row }: Labelled): number {
  return row.images;
}

function isSameButImages(one: Labelled, other: Labelled): boolean {
  return (
    one.row.student === other.row.student &&
    one.row.attack === other.row.attack &&
    one.changes.join() === other.changes.join()
  );
}

function inOrder(one: Labelled, other: Labelled): number {
  const [left, right] = [orderOf(one), orderOf(other)];
  const first = left.findIndex((value, at) => value !== right[at]);
  if (first >= 0) return (left[first] ?? 0) - (right[first] ?? 0);
  const byName = one.changes.join().localeCompare(other.changes.join(), "en", { numeric: true });
  // Beside each other, the best student first.
  return byName === 0 ? one.place - other.place : byName;
}

function orderOf({ row, changes }: Labelled): number[] {
  return [changes.length === 0 ? 0 : 1, attackIds.indexOf(row.attack), -row.images, row.epsilon];
}

/** What a key has that is not usual: without it, rows of one attack and as many images could not be told apart. */
function changesOf(key: MeasurementKey, usual: Usual, among: readonly MeasurementKey[]): string[] {
  const { norm, epsilon } = key;
  const isUsual = norm === undefined && epsilon === usual.evaluationEpsilon;
  const radius = radiusText({ norm, epsilon: epsilon ?? 0 });
  return [
    ...(isUsual ? [] : [norm === undefined ? `epsilon ${radius}` : radius]),
    ...unusualParts(key, usual.evaluationBatch, among),
  ];
}

/** Says which attacks were measured under other conventions than the usual ones; one sentence for each convention. */
export function conventionNotes(rows: readonly AccuracyRow[]): string[] {
  const attacksWith = (name: "wrongWhenClean" | "uniformStart"): string =>
    [...new Set(rows.filter(({ kept }) => kept.key[name] !== undefined).map(({ attack }) => attack))]
      .map((attack) => attacks[attack].title)
      .join(", ");
  const [final, clamped] = [attacksWith("wrongWhenClean"), attacksWith("uniformStart")];
  return [
    ...(final === ""
      ? []
      : [`${final}: an image that is wrong when clean is ${wrongWhenCleanTexts["final-answer"]}.`]),
    ...(clamped === ""
      ? []
      : [
          `${clamped}: the first gradient is taken at the image plus noise, ${uniformStarts.clamped.replace("the same, ", "")}.`,
        ]),
  ];
}
