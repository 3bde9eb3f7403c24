import type { AttackId } from "../attacks/attacks.js";
import { InputError } from "../errors.js";
import type { MeasuredImages } from "./images.js";
import { differencesOf, type MeasurementKey } from "./key.js";
import { isFinished, type MeasurementRecord, type ModelWarnings } from "./record.js";
import type { EvaluationState } from "./state.js";
import type { MeasurementStore } from "./store.js";

/** The keys of a measurement: one for its clean pass, and one for each attack. */
export interface MeasurementKeys {
  readonly clean: MeasurementKey;
  readonly attacks: ReadonlyMap<AttackId, MeasurementKey>;
}

/**
 * What to do with earlier results: `use` goes on from them; `require` does too, but fails if one is damaged or an unfinished attack has
 * other settings; `discard` measures anew.
 */
export type KeptUse = "use" | "require" | "discard";

/** What is known of a measurement so far; where a method takes an attack, null stands for the clean pass. */
export interface Kept {
  readonly state: EvaluationState;
  readonly warnings: ModelWarnings;
  /** The device and engine that each part ran on. */
  readonly devices: Map<AttackId | null, string>;
  /** The name of the file of adversarial images that belongs to what is known of an attack. */
  readonly images: Map<AttackId, string>;
  /** Whether an attack is finished. */
  isOver(attack: AttackId | null): boolean;
  /** Forgets what is known of an attack. */
  forget(attack: AttackId | null): void;
  /** Writes what is known of an attack to the store, if there is one. */
  save(attack: AttackId | null): void;
}

/**
 * Loads what a store knows of a measurement; without a store, nothing is known and nothing is written.
 *
 * @param isKept Whether an attack's results may be kept: those of a caller's own attack may not, as no key says when it changes.
 * @param say Called with messages for the user.
 * @throws {InputError} with `require`, if a record is damaged or contradicts another, or an unfinished attack has other settings, which
 * are then named.
 */
export function openKept(
  store: MeasurementStore | null,
  keys: MeasurementKeys,
  data: MeasuredImages,
  classes: number,
  use: KeptUse,
  isKept: (attack: AttackId | null) => boolean,
  say: (text: string) => void,
): Kept {
  const keyOf = new Map<AttackId | null, MeasurementKey>([[null, keys.clean], ...keys.attacks]);
  const records = new Map<AttackId | null, MeasurementRecord>();
  if (store && use !== "discard") {
    for (const [attack, key] of keyOf) {
      if (!isKept(attack)) continue;
      const found = store.read(key, classes);
      if (typeof found === "string" && use === "require") throw damaged(found);
      if (typeof found === "string") say(`${found}; it is measured anew`);
      else if (found) records.set(attack, found);
    }
    if (use === "require") refuseOthers(store, keys, records);
  }
  const labels = Array.from(data.labels);
  const clean = cleanAnswers(records, labels);
  const state: EvaluationState = { clean: [...clean], attacks: {} };
  const warnings: ModelWarnings = { answers: null, gradients: null };
  const kept: Kept = {
    state,
    warnings,
    devices: new Map(),
    images: new Map(),
    isOver(attack) {
      const key = keyOf.get(attack);
      return key !== undefined && isFinished(key, recordOf(attack));
    },
    forget(attack) {
      if (attack !== null) state.attacks[attack] = undefined;
      else state.clean.length = 0;
    },
    save(attack) {
      const key = keyOf.get(attack);
      if (store && key && isKept(attack)) store.write(key, recordOf(attack));
    },
  };
  const recordOf = (attack: AttackId | null): MeasurementRecord => ({
    device: kept.devices.get(attack) ?? "",
    labels,
    clean: state.clean,
    attack: attack === null ? null : (state.attacks[attack] ?? null),
    images: attack === null ? null : (kept.images.get(attack) ?? null),
    warnings,
  });
  for (const [attack, record] of records) {
    const key = keyOf.get(attack);
    if (!sameList(record.labels, labels) || !record.clean.every((answer, index) => answer === clean[index])) {
      const found = `${(key && store?.pathOf(key)) ?? ""} is of other labels or other answers to the clean images than the rest`;
      if (use === "require") throw damaged(found);
      say(`${found}; it is measured anew`);
      continue;
    }
    if (!kept.devices.has(null) && record.clean.length === clean.length)
      kept.devices.set(null, record.device);
    warnings.answers ??= record.warnings.answers;
    warnings.gradients ??= record.warnings.gradients;
    if (attack === null || !record.attack) continue;
    state.attacks[attack] = record.attack;
    kept.devices.set(attack, record.device);
    if (record.images !== null) kept.images.set(attack, record.images);
  }
  return kept;
}

/** The longest list of clean answers: an attack begins only after the clean pass, so its record has them all. */
function cleanAnswers(
  records: ReadonlyMap<AttackId | null, MeasurementRecord>,
  labels: readonly number[],
): readonly number[] {
  const known = [...records.values()].filter((record) => sameList(record.labels, labels));
  return known.reduce<readonly number[]>(
    (longest, { clean }) => (clean.length > longest.length ? clean : longest),
    [],
  );
}

function sameList(one: readonly number[], other: readonly number[]): boolean {
  return one.length === other.length && one.every((value, index) => value === other[index]);
}

function damaged(found: string): InputError {
  return new InputError("what was measured before cannot be read", {
    expected: "the record as mtard wrote it",
    found: found.slice(0, 200),
    fix: "leave --resume out to measure it anew",
  });
}

/** @throws {InputError} if an attack without a record was begun under other settings. */
function refuseOthers(
  store: MeasurementStore,
  { attacks }: MeasurementKeys,
  records: ReadonlyMap<AttackId | null, MeasurementRecord>,
): void {
  const missing = [...attacks].filter(([attack]) => !records.has(attack));
  if (missing.length === 0) return;
  const unfinished = store.unfinished();
  for (const [attack, key] of missing) {
    const other = unfinished.find((each) => each.attack === attack);
    if (!other) continue;
    const differences = differencesOf(other, key);
    throw new InputError(
      `the unfinished ${attack} is of another ${differences.map(({ name }) => name).join(", ")}`,
      {
        expected: `${differences.map(({ name, one }) => `${name} ${one}`).join(", ")}, as ${store.pathOf(other)} was begun with`,
        found: differences.map(({ name, other: now }) => `${name} ${now}`).join(", "),
        fix: "the same call as then, or leave --resume out, or remove that file",
      },
    );
  }
}
