import type { AttackId } from "../attacks/attacks.js";
import { type EvaluationState, isAttacked, WITHSTOOD } from "./state.js";
import { type Evaluation, type ExampleOutcome, summarize } from "./summary.js";

/**
 * Turns a finished state into an evaluation.
 *
 * @param parts For each attack, the single attack that each of its rounds ran.
 * @param labels The true classes of the images.
 */
export function evaluationOf(
  state: EvaluationState,
  parts: ReadonlyMap<AttackId, readonly AttackId[]>,
  labels: ArrayLike<number>,
): Evaluation {
  const perExample = state.clean.map((_, index) => exampleOutcome(state, parts, labels, index));
  return { ...summarize(perExample, [...parts.keys()]), perExample };
}

function exampleOutcome(
  { clean, attacks }: EvaluationState,
  parts: ReadonlyMap<AttackId, readonly AttackId[]>,
  labels: ArrayLike<number>,
  index: number,
): ExampleOutcome {
  const [answer, label] = [clean[index] as number, labels[index] as number];
  const answers: Partial<Record<AttackId, number>> = {};
  const fooledBy: Partial<Record<AttackId, AttackId>> = {};
  const queries: Partial<Record<AttackId, number>> = {};
  const linf: Partial<Record<AttackId, number>> = {};
  const l2: Partial<Record<AttackId, number>> = {};
  for (const [id, ofAttack] of parts) {
    const attack = attacks[id];
    const fooling = ofAttack[attack?.fooledIn[index] ?? WITHSTOOD];
    answers[id] = attack?.answers[index] as number;
    if (attack?.queries && isAttacked(attack, index, answer, label))
      queries[id] = attack.queries[index] as number;
    if (fooling === undefined) continue;
    linf[id] = attack?.linf[index] as number;
    if (attack?.l2) l2[id] = attack.l2[index] as number;
    if (ofAttack.some((part) => part !== fooling)) fooledBy[id] = fooling;
  }
  return {
    index,
    label,
    clean: answer,
    attacks: answers,
    ...ifAny("fooledBy", fooledBy),
    ...ifAny("queries", queries),
    ...ifAny("linf", linf),
    ...ifAny("l2", l2),
  };
}

function ifAny<Name extends string, Values extends object>(
  name: Name,
  values: Values,
): Partial<Record<Name, Values>> {
  return Object.keys(values).length === 0 ? {} : ({ [name]: values } as Record<Name, Values>);
}
