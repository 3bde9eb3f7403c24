import { readdir, stat } from "node:fs/promises";
import { join } from "node:path";
import { norms } from "../attacks/norms.js";
import type { MeasurementRow, Measurements } from "../browser/watch-types.js";
import { InputError, WorkError } from "../errors.js";
import type { MeasurementKey } from "../evaluation/key.js";
import { evaluationOfRecord, isFinished, roundCount } from "../evaluation/record.js";
import { USUAL_SEED } from "../evaluation/settings.js";
import { isRecord, readRecord } from "../evaluation/store.js";
import { sha256Of } from "../files/sha256.js";
import { oneLine } from "../harmless.js";
import { detailsOf } from "../report/leaderboard-columns.js";
import { radiusText } from "../report/run-report/share.js";
import { attackText } from "../report/unusual.js";
import { signOf } from "./file-sign.js";

/** A folder of records, what they are of, and the id of the run whose student that is. */
export interface RecordsOf {
  readonly folder: string;
  readonly model: string;
  readonly run: string | null;
  readonly classes: number | undefined;
}

/** The measurements of all models, each record read once for as long as it stays as it is. */
export interface MeasuredTable {
  /** Looks for new records, and reads them for about `milliseconds`; the rest is left for the next call. */
  look(places: readonly RecordsOf[], milliseconds: number): Promise<Measurements>;
}

/** More are not shown. */
const MOST_RECORDS = 50_000;

export function measuredTable(): MeasuredTable {
  let known = new Map<string, { readonly sign: string; readonly row: MeasurementRow }>();
  let turn: Promise<unknown> = Promise.resolve();

  async function look(places: readonly RecordsOf[], milliseconds: number): Promise<Measurements> {
    const began = performance.now();
    const next: typeof known = new Map();
    const rows: MeasurementRow[] = [];
    let unread = 0;
    for (const place of places) {
      const names = await readdir(place.folder).catch(() => []);
      for (const name of names.filter(isRecord)) {
        if (rows.length + unread >= MOST_RECORDS) break;
        const path = join(place.folder, name);
        const status = await stat(path).catch(() => null);
        if (!status) continue;
        const sign = signOf(status);
        let entry = known.get(path);
        if (entry?.sign !== sign) {
          if (performance.now() - began > milliseconds) {
            unread++;
            if (entry) next.set(path, entry);
            continue;
          }
          entry = { sign, row: rowOf(path, place, status.mtimeMs) };
          // One record takes milliseconds; others are served between two.
          await new Promise(setImmediate);
        }
        next.set(path, entry);
        rows.push(entry.row);
      }
    }
    known = next;
    rows.sort((one, other) => other.date - one.date);
    return { rows, unread };
  }

  return {
    look(places, milliseconds) {
      const looked = turn.then(() => look(places, milliseconds));
      turn = looked.catch(() => undefined);
      return looked;
    },
  };
}

function rowOf(path: string, { model, run, classes }: RecordsOf, date: number): MeasurementRow {
  const about = { id: sha256Of(path).slice(0, 16), model: oneLine(model), run, date };
  const shares = { clean: null, robust: null, wRobust: null, corrupted: null };
  const nothing = { ...about, attack: "", images: null, epsilon: null, radius: "", ...shares };
  try {
    const read = readRecord(path, classes);
    if (typeof read === "string") return { ...nothing, problem: oneLine(`damaged: ${read}`) };
    const { key, record } = read;
    const { images, epsilon } = key;
    const radius = epsilon === null ? "" : radiusText({ norm: key.norm, epsilon });
    const done = { ...about, attack: changeText(key), images, epsilon, radius, ...shares };
    if (!isFinished(key, record)) {
      const round = record.attack ? `round ${record.attack.round + 1} of ${roundCount(key)}` : "clean images";
      return { ...done, problem: `not finished: ${round}` };
    }
    const { clean, attacks } = evaluationOfRecord(key, record);
    // Images that are corrupted are not clean.
    if (key.corruption) return { ...done, corrupted: clean.accuracy, problem: "" };
    const robust = key.attack === null ? null : (attacks[key.attack] ?? null);
    return {
      ...done,
      ...{ clean: clean.accuracy, problem: "" },
      ...{ robust: robust?.accuracy ?? null, wRobust: robust?.wRobust ?? null },
    };
  } catch (error) {
    if (!(error instanceof InputError || error instanceof WorkError)) throw error;
    return { ...nothing, problem: oneLine(error.message) };
  }
}

/** What was done to the images, in a few words: the attack or corruption, and all of its settings that are not its usual ones. */
function changeText(key: MeasurementKey): string {
  const { attack, norm, seed, corruption } = key;
  if (corruption) return `${corruption.name}, severity ${corruption.severity}`;
  if (attack === null) return "clean only";
  const parts = [
    ...(norm === undefined ? [] : [norms[norm].title]),
    ...detailsOf({ ...key, attack }),
    ...(seed === null || seed === USUAL_SEED ? [] : [`seed ${seed}`]),
  ];
  return oneLine(attackText(attack, parts.join(", ")));
}
