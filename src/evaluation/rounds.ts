import { createHash } from "node:crypto";
import type { Attack, AttackSettings, SingleAttack } from "../attacks/attack.js";
import { attacks } from "../attacks/attacks.js";
import type { AttackId } from "../attacks/ids.js";
import type { NoiseSeed } from "../runtime/noise.js";

/** One run of one attack over the images that are still answered right: what ensembles and restarts are made of. */
export interface Round {
  readonly id: AttackId;
  readonly attack: SingleAttack;
  /** Which of how many runs of this attack it is, from 0. */
  readonly restart: number;
  readonly restarts: number;
  /** Whether the images are made on another classifier than the one they are shown to. */
  readonly isTransfer: boolean;
}

/** The rounds of an attack in their order; one without randomness would only repeat itself. */
export function roundsOf(id: AttackId, restarts: number): Round[] {
  const known: Readonly<Record<AttackId, Attack<AttackId>>> = attacks;
  const attack = known[id];
  switch (attack.kind) {
    case "single": {
      const runs = attack.random ? restarts : 1;
      return Array.from({ length: runs }, (_, restart) => ({
        id,
        attack,
        restart,
        restarts: runs,
        isTransfer: false,
      }));
    }
    case "ensemble":
      return attack.parts.flatMap((part) => roundsOf(part, restarts));
    case "transfer":
      return roundsOf(attack.of, restarts).map((round) => ({ ...round, isTransfer: true }));
  }
}

/** A gradient takes about as long as so many looks. */
const GRADIENT_LOOKS = 3;

/** About how many looks at the model a round takes an image, if nothing ends it early. */
export function looksOf({ attack }: Round, changes: Readonly<Partial<AttackSettings>> = {}): number {
  const { steps = 1, queries, targetClasses = 1 } = { ...attack.defaults, ...changes };
  return queries ?? GRADIENT_LOOKS * steps * targetClasses;
}

/** The seed of a batch of a round: of nothing but these, so that neither other attacks nor an interruption change it. */
export function noiseSeed(seed: number, { id, restart }: Round, batch: number): NoiseSeed {
  const hash = createHash("sha256")
    .update(JSON.stringify([seed, id, restart, batch]))
    .digest();
  return [hash.readInt32LE(0), hash.readInt32LE(4)];
}
