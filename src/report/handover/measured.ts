import { attackIds, attacks } from "../../attacks/attacks.js";
import { attackKey, differencesOf, type MeasurementKey } from "../../evaluation/key.js";
import type { Norm } from "../../attacks/norms.js";
import { evaluationOfRecord } from "../../evaluation/record.js";
import { USUAL_SEED } from "../../evaluation/settings.js";
import type { KeptRecord } from "../../evaluation/store.js";
import { type Interval, meanInterval, shareInterval } from "../statistics.js";

/** A share of images with its 95% interval. */
export interface Share {
  readonly share: number;
  readonly interval: Interval | null;
}

/** One measured number of a model: its clean accuracy, or its accuracy under one attack. */
export interface MeasuredRow {
  /** The attack's title; null for the clean accuracy. */
  readonly attack: string | null;
  readonly norm?: Norm | undefined;
  readonly epsilon: number | null;
  /** The settings that are not the attack's usual ones, such as `steps 50`; empty where there are none. */
  readonly settings: string;
  readonly images: number;
  readonly accuracy: Share;
  /** The mean of the clean and the attacked accuracy, of the same images; null for the clean accuracy. */
  readonly wRobust: Share | null;
}

/** What was measured of a model, the clean accuracy first, then the attacks in the order in which they are listed to users. */
export function measuredRows(records: readonly KeptRecord[]): MeasuredRow[] {
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
        settings: unusualSettings(key),
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

function shareOf(correct: number, total: number): Share {
  return { share: correct / total, interval: shareInterval(correct, total) };
}

function unusualSettings(key: MeasurementKey): string {
  const { attack, norm, epsilon, surrogate } = key;
  if (attack === null) return "";
  const usual = attackKey(key, attack, { norm, epsilon: epsilon ?? 0, seed: USUAL_SEED }, surrogate);
  const parts = differencesOf(usual, key).map(({ name, other }) => {
    const words = name.replace(/ of .*$/, "").replace(/[A-Z]/g, (letter) => ` ${letter.toLowerCase()}`);
    return `${words} ${other}`;
  });
  return [...new Set(parts)].join(", ");
}
