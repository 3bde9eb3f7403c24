import { createHash } from "node:crypto";
import { type AttackSettings, defaultsIn, type SingleAttack } from "../attacks/attack.js";
import { type AttackId, attackIds, attacks, hasNorm, type SingleAttackId } from "../attacks/attacks.js";
import type { Norm } from "../attacks/norms.js";
import { InputError } from "../errors.js";
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

/** What makes an attack's rounds others than its usual ones. */
interface RoundChoices {
  readonly restarts?: number | undefined;
  readonly changes?: AttackNumbers | undefined;
  readonly own?: Readonly<Record<string, SingleAttack>> | undefined;
  readonly norm?: Norm | undefined;
}

/**
 * The rounds of an attack, in order; an attack without randomness runs only once, as a restart would repeat it.
 *
 * @throws {InputError} if a part of it has no form in the norm.
 */
export function roundsOf(id: AttackId, choices: RoundChoices = {}): Round[] {
  const { own = {} } = choices;
  const combined = Object.hasOwn(own, id) ? (own[id] as SingleAttack) : attacks[id];
  switch (combined.kind) {
    case "single":
      return roundsOfSingle(id as SingleAttackId, combined, choices);
    case "ensemble":
      return combined.parts.flatMap((part) => roundsOf(part, { ...choices, own: {} }));
    case "transfer":
      return roundsOf(combined.of, { ...choices, own: {} }).map((round) => ({ ...round, isTransfer: true }));
  }
}

function roundsOfSingle(
  id: SingleAttackId,
  attack: SingleAttack,
  { restarts = 1, changes = {}, norm }: RoundChoices,
): Round[] {
  const defaults = defaultsIn(norm, attack);
  if (!defaults) throw withoutNorm(id);
  const runs = attack.random ? restarts : 1;
  const numbers = { ...defaults, ...pick(changes, Object.keys(defaults)) };
  return Array.from({ length: runs }, (_, restart) => ({
    ...{ id, attack, numbers, restart },
    restarts: runs,
    isTransfer: false,
  }));
}

/** The error that an attack has no L2 form, with those that have. */
function withoutNorm(id: string): InputError {
  const having = attackIds.filter((each) => hasNorm(each, "l2"));
  return new InputError(`${id} has no L2 form`, {
    expected: `some of ${having.join(", ")}`,
    found: id,
    fix: "leave it out, or measure it in L-infinity",
  });
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
