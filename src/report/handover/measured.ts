import { attackIds, attacks } from "../../attacks/attacks.js";
import type { Norm } from "../../attacks/norms.js";
import { evaluationOfRecord } from "../../evaluation/record.js";
import type { KeptRecord } from "../../evaluation/store.js";
import { type Share, shareOf } from "../run-report/share.js";
import { type Interval, meanInterval } from "../statistics.js";
import { unusualParts } from "../unusual.js";

/** One measured number of a model: its clean accuracy, or its accuracy under one attack. */
export interface MeasuredRow {
  /** The attack's title; null for the clean accuracy. */
  readonly attack: string | null;
  readonly norm?: Norm | undefined;
  readonly epsilon: number | null;
  /** What is unusual besides the radius, such as `steps 50`, or tells it from other rows; empty where there is nothing. */
  readonly settings: string;
  readonly images: number;
  readonly accuracy: Share;
  /** The mean of the clean and the attacked accuracy, of the same images; null for the clean accuracy. */
  readonly wRobust: { readonly share: number; readonly interval: Interval | null } | null;
}

/** What was measured of a model, the clean accuracy first, then the attacks in the order in which they are listed to users. */
export function measuredRows(records: readonly KeptRecord[]): MeasuredRow[] {
  const keys = records.map(({ key }) => key);
  const clean = new Map<number, MeasuredRow>();
  const attacked: { readonly order: readonly number[]; readonly row: MeasuredRow }[] = [];
  for (const { key, record } of records) {
    const { total, clean: before, attacks: under, perExample } = evaluationOfRecord(key, record);
    const facts = { images: total, norm: key.norm, epsilon: key.epsilon, settings: "" };
    const accuracy = shareOf(before.correct, total);
    clean.set(total, { ...facts, attack: null, epsilon: null, accuracy, wRobust: null });
    const { attack } = key;
    const robust = attack === null ? undefined : under[attack];
    if (attack === null || !robust) continue;
    const scores = perExample.map(
      ({ clean: answer, label, attacks: answers }) =>
        (Number(answer === label) + Number(answers[attack] === label)) / 2,
    );
    attacked.push({
      order: [attackIds.indexOf(attack), -total, key.epsilon ?? 0],
      row: {
        ...facts,
        attack: attacks[attack].title,
        settings: unusualParts(key, null, keys).join(", "),
        accuracy: shareOf(robust.robust, total),
        wRobust: { share: robust.wRobust, interval: meanInterval(scores) },
      },
    });
  }
  attacked.sort((one, other) => {
    const at = one.order.findIndex((value, place) => value !== other.order[place]);
    return (one.order[at] ?? 0) - (other.order[at] ?? 0);
  });
  const cleanRows = [...clean.values()].sort((one, other) => other.images - one.images);
  return [...cleanRows, ...attacked.map(({ row }) => row)];
}
