import type { AttackStep } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";
import { looksOf, type Round } from "./rounds.js";
import { type EvaluationState, WITHSTOOD } from "./state.js";

/** Images that are done, of all. */
export interface ImagesDone {
  readonly done: number;
  readonly total: number;
}

/** What an evaluation is at: its images as they are, or a round of an attack. */
export interface EvaluationPass extends ImagesDone {
  /** Null for images as they are. */
  readonly attack: AttackId | null;
  readonly round: Round | null;
  /** Images that are still answered right, in what is done so far. */
  readonly robust: number;
  /** Images of the batch that is being attacked; 0 between batches. */
  readonly inHand: number;
  /** How far that batch is, where the attack tells. */
  readonly step: AttackStep | null;
  /** Looks at the model by this attack so far, where it counts them. */
  readonly queries: number | null;
}

/** How far an evaluation is: an image is done in the share that its part of all the work is done, so `done` reaches `total` at the end. */
export interface EvaluationProgress extends ImagesDone {
  /** The same as a fraction, for the time that is left. */
  readonly share: number;
  readonly pass: EvaluationPass;
}

/** Work in looks at the model: done, and left if every image now robust stays it. */
export interface Work {
  readonly done: number;
  readonly left: number;
}

/** What an evaluation's work comes to, by its state alone. */
export function workOf(
  { clean, attacks }: EvaluationState,
  rounds: ReadonlyMap<AttackId, readonly Round[]>,
  labels: ArrayLike<number>,
  total: number,
  batchSize: number,
): Work {
  let done = clean.length;
  let left = total - clean.length;
  const wrong = clean.filter((answer, index) => answer !== labels[index]).length;
  for (const [id, ofAttack] of rounds) {
    const state = attacks[id];
    const fooled = ofAttack.map(() => 0);
    for (const round of state?.fooledIn ?? [])
      if (round !== WITHSTOOD) fooled[round] = (fooled[round] ?? 0) + 1;
    const [current, batch] = [state?.round ?? 0, state?.batch ?? 0];
    let attacked = total - wrong;
    for (const [index, round] of ofAttack.entries()) {
      const looks = looksOf(round);
      const over = index < current ? attacked : index > current ? 0 : Math.min(batch * batchSize, attacked);
      done += over * looks;
      left += (attacked - over) * looks;
      attacked -= fooled[index] ?? 0;
    }
  }
  return { done, left };
}
