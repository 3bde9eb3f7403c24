import { InputError } from "../errors.js";

/** The ids of all attacks; apart from the attacks themselves, so that naming one loads no native library. */
export const attackIds = [
  "fgsm",
  "pgd-sat",
  "pgd-trades",
  "cw",
  "apgd-ce",
  "apgd-dlr",
  "apgd-t",
  "fab-t",
  "square",
  "aa",
  "rays",
  "transfer-pgd-trades",
  "transfer-cw",
  "gradient-estimation",
] as const;

/** Whether an attack is made on another classifier than the one it is shown to. */
export function isTransfer(id: AttackId): boolean {
  return id.startsWith("transfer-");
}

export type AttackId = (typeof attackIds)[number];

/** @throws {InputError} if one of them is no attack. */
export function requireAttackIds(ids: readonly string[]): AttackId[] {
  for (const id of ids) {
    if (!(attackIds as readonly string[]).includes(id)) {
      throw new InputError(`unknown attack "${id}"`, {
        expected: `none, or some of ${attackIds.join(", ")}`,
      });
    }
  }
  return ids as AttackId[];
}
