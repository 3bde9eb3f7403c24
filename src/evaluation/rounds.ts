import { createHash } from "node:crypto";
import type { AttackSettings, SingleAttack } from "../attacks/attack.js";
import { type AttackId, type SingleAttackId, attacks } from "../attacks/attacks.js";
import type { NoiseSeed } from "../runtime/noise.js";

/** The settings that one attack has, out of those of all attacks. */
export type AttackNumbers = Readonly<Partial<AttackSettings>>;

/** One run of a single attack over the images still answered right; ensembles and restarts consist of rounds. */
export interface Round {
  readonly id: SingleAttackId;
  readonly attack: SingleAttack;
  /** The attack's defaults, with the changes to settings it has. */
  readonly numbers: AttackNumbers;
  /** Which of the `restarts` runs of this attack it is, from 0. */
  readonly restart: number;
  readonly restarts: number;
  /** Whether the images are made on a surrogate instead of the model under test. */
  readonly isTransfer: boolean;
}

/** The rounds of an attack, in order; an attack without randomness runs only once, as a restart would repeat it. */
export function roundsOf(
  id: AttackId,
  restarts = 1,
  changes: AttackNumbers = {},
  own: Readonly<Record<string, SingleAttack>> = {},
): Round[] {
  const combined = Object.hasOwn(own, id) ? (own[id] as SingleAttack) : attacks[id];
  switch (combined.kind) {
    case "single":
      return roundsOfSingle(id as SingleAttackId, combined, restarts, changes);
    case "ensemble":
      return combined.parts.flatMap((part) => roundsOf(part, restarts, changes));
    case "transfer":
      return roundsOf(combined.of, restarts, changes).map((round) => ({ ...round, isTransfer: true }));
  }
}

function roundsOfSingle(
  id: SingleAttackId,
  attack: SingleAttack,
  restarts: number,
  changes: AttackNumbers,
): Round[] {
  const runs = attack.random ? restarts : 1;
  const numbers = { ...attack.defaults, ...pick(changes, Object.keys(attack.defaults)) };
  return Array.from({ length: runs }, (_, restart) => ({
    ...{ id, attack, numbers, restart },
    restarts: runs,
    isTransfer: false,
  }));
}

function pick(numbers: AttackNumbers, names: readonly string[]): AttackNumbers {
  return Object.fromEntries(Object.entries(numbers).filter(([name]) => names.includes(name)));
}

/** A gradient takes about as long as this many looks, which are forward passes of one image. */
export const GRADIENT_LOOKS = 3;

/** About how many looks at the model a round takes per image, if nothing ends it early. */
export function looksOf({
  numbers: { steps = 1, queries, targetClasses = 1 },
}: Pick<Round, "numbers">): number {
  return queries ?? GRADIENT_LOOKS * steps * targetClasses;
}

/** The seed of a batch of a round; it depends on nothing else, so that neither other attacks nor an interruption change it. */
export function noiseSeed(seed: number, { id, restart }: Round, batch: number): NoiseSeed {
  const hash = createHash("sha256")
    .update(JSON.stringify([seed, id, restart, batch]))
    .digest();
  return [hash.readInt32LE(0), hash.readInt32LE(4)];
}
