import { type AttackId, attackIds } from "../../attacks/attacks.js";
import { uniformStarts, wrongWhenClean as wrongWhenCleanTexts } from "../../attacks/conventions.js";
import { type Norm, norms } from "../../attacks/norms.js";
import { attackKey, differencesOf, type MeasurementKey } from "../../evaluation/key.js";
import { evaluationOfRecord } from "../../evaluation/record.js";
import { USUAL_SEED } from "../../evaluation/settings.js";
import type { KeptRecord } from "../../evaluation/store.js";
import type { TrainingSettings } from "../../recipes/settings.js";
import { type MeasuredStudent, studentTitle } from "./students.js";
import { distanceText, radiusText, type Share, shareOf } from "./share.js";

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

/** The settings of a run that say what is usual for its measurements. */
export type UsualSettings = Pick<TrainingSettings, "evaluationBatch" | "evaluationEpsilon">;

/**
 * The measurements of a run's students, those under the run's usual settings first, and of one attack the one on the most images first.
 * Each has a label that no other row of its student has.
 *
 * @param among The keys of all that the rows stand beside, such as those of other runs: what differs among them is named.
 */
export function accuracyRows(
  students: readonly MeasuredStudent[],
  usual: UsualSettings,
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
    const label = named.length === 0 ? row.attack : `${row.attack} (${named.join(", ")})`;
    return { ...row, label, unusual: changes.join(", ") };
  });
}

/**
 * The measurement of a student that its classes and confusions are read from: PGD-trades at the run's epsilon, else the attack on the
 * most images; undefined if there is none.
 */
export function mainRow(
  rows: readonly AccuracyRow[],
  student: string,
  usual: UsualSettings,
): AccuracyRow | undefined {
  const preference = ({ attack, norm, epsilon }: AccuracyRow): number =>
    (norm === undefined && epsilon === usual.evaluationEpsilon ? 2 : 0) + (attack === "pgd-trades" ? 1 : 0);
  return rows
    .filter((row) => row.student === student)
    .sort((one, other) => preference(other) - preference(one) || other.images - one.images)[0];
}

function labelledRow(
  kept: KeptRecord,
  student: MeasuredStudent,
  place: number,
  usual: UsualSettings,
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
  return [{ row, place, changes: unusualParts(key, usual, keys) }];
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

/** What a key has that is not usual for the run: without it, rows of one attack and as many images could not be told apart. */
function unusualParts(
  key: MeasurementKey,
  { evaluationBatch, evaluationEpsilon }: UsualSettings,
  all: readonly MeasurementKey[],
): string[] {
  const { attack, norm, surrogate, wrongWhenClean, uniformStart, model, data, images } = key;
  if (attack === null) return [];
  // No surrogate and no convention is usual, so each is named only where there are several.
  const alike = all.filter((each) => each.attack === attack);
  const isOne = (name: "surrogate" | "wrongWhenClean" | "uniformStart"): boolean =>
    new Set(alike.map((each) => each[name])).size <= 1;
  const usual = attackKey(
    { model, data, images, batchSize: evaluationBatch },
    attack,
    {
      ...{ norm, epsilon: norm === undefined ? evaluationEpsilon : norms[norm].epsilon, seed: USUAL_SEED },
      ...(wrongWhenClean !== undefined && isOne("wrongWhenClean") ? { wrongWhenClean } : {}),
      ...(uniformStart !== undefined && isOne("uniformStart") ? { uniformStart } : {}),
    },
    isOne("surrogate") ? surrogate : null,
  );
  // The parts of an ensemble share what is changed.
  const parts = differencesOf(usual, key).map(({ name, other }) => {
    const setting = name.replace(/ of .*$/, "");
    const words = setting.replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    return `${words} ${["epsilon", "stepSize"].includes(setting) ? distanceText(Number(other)) : other}`;
  });
  return [
    ...(norm === undefined ? [] : [radiusText({ norm, epsilon: key.epsilon ?? 0 })]),
    ...new Set(parts.filter((part) => norm === undefined || !part.startsWith("epsilon "))),
  ];
}

/** Says which attacks were measured under other conventions than the usual ones; one sentence for each convention. */
export function conventionNotes(rows: readonly AccuracyRow[]): string[] {
  const attacksWith = (name: "wrongWhenClean" | "uniformStart"): string =>
    [...new Set(rows.filter(({ kept }) => kept.key[name] !== undefined).map(({ attack }) => attack))].join(
      ", ",
    );
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
