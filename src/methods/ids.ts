import { InputError } from "../errors.js";

/** The ids of all methods; apart from the methods themselves, so that naming one loads no native library. */
export const methodIds = [
  "natural",
  "sat",
  "trades",
  "score",
  "ard",
  "rslad",
  "fair-ard",
  "absld",
  "lmtn",
  "baseline",
  "baseline-ebb",
  "mtard",
  "b-mtard",
] as const;

export type MethodId = (typeof methodIds)[number];

/** @throws {InputError} if no method has this id. */
export function requireMethodId(id: string): MethodId {
  if ((methodIds as readonly string[]).includes(id)) return id as MethodId;
  throw new InputError(`unknown method "${id}"`, {
    expected: `one of ${methodIds.join(", ")}`,
    found: id,
  });
}
