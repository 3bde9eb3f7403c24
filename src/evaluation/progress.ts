import type { AttackStep } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";
import type { WrongWhenClean } from "../attacks/conventions.js";
import { looksOf, type Round } from "./rounds.js";
import { type EvaluationState, WITHSTOOD } from "./state.js";

/** How many images are done, out of how many. */
export interface ImagesDone {
  readonly done: number;
  readonly total: number;
}

/** What an evaluation is doing: the clean pass, or a round of an attack. */
export interface EvaluationPass extends ImagesDone {
  /** Null, like `round`, for the clean pass. */
  readonly attack: AttackId | null;
  readonly round: Round | null;
  /** In the clean pass, the images answered right so far; in a round, those of its images that still withstand. */
  readonly robust: number;
  /** How many images are in the batch under attack; 0 between batches. */
  readonly inHand: number;
  /** How far that batch has got, or null between batches. */
  readonly step: AttackStep | null;
  /** Queries to the model by this attack so far, or null if it does not count them. */
  readonly queries: number | null;
}

/** How far an evaluation has got: `done` is the share of all work done, as a number of images, and reaches `total` at the end. */
export interface EvaluationProgress extends ImagesDone {
  /** The share of all work that is done, for estimating the time left. */
  readonly share: number;
  readonly pass: EvaluationPass;
}

/** Work in looks at the model: done, and left if every image now robust stays robust. */
export interface Work {
  readonly done: number;
  readonly left: number;
}

/** Computes the work of an evaluation from its state alone. */
export function workOf(
  { clean, attacks }: EvaluationState,
  rounds: ReadonlyMap<AttackId, readonly Round[]>,
  labels: ArrayLike<number>,
  total: number,
  batchSize: number,
  wrongWhenClean: WrongWhenClean,
): Work {
  let done = clean.length;
  let left = total - clean.length;
  const isLeftOut = (answer: number, index: number): boolean =>
    wrongWhenClean === "not-robust" && answer !== labels[index];
  const wrong = clean.filter(isLeftOut).length;
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
