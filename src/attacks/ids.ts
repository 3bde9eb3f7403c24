import { InputError } from "../errors.js";
import { attackFacts } from "./facts.js";

type Facts = typeof attackFacts;

export type AttackId = keyof Facts;

/** The ids of attacks that are no combination of others. */
export type SingleAttackId = { [Id in AttackId]: Facts[Id]["kind"] extends "single" ? Id : never }[AttackId];

/** The ids of all attacks, in the order they are listed to people. */
export const attackIds = Object.keys(attackFacts) as AttackId[];

/** Whether an attack is made on another classifier than the one it is shown to. */
export function isTransfer(id: AttackId): boolean {
  return attackFacts[id].kind === "transfer";
}

/** @throws {InputError} if one of them is no attack. */
export function requireAttackIds(ids: readonly string[]): AttackId[] {
  for (const id of ids) {
    if (!Object.hasOwn(attackFacts, id)) {
      throw new InputError(`unknown attack "${id}"`, {
        expected: `none, or some of ${attackIds.join(", ")}`,
      });
    }
  }
  return ids as AttackId[];
}
