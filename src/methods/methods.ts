import { InputError } from "../errors.js";
import { didYouMean } from "../nearest.js";
import { absld } from "./absld.js";
import { ard } from "./ard.js";
import { baselineEbb } from "./baseline-ebb.js";
import { baseline } from "./baseline.js";
import { bMtard } from "./b-mtard.js";
import { fairArd } from "./fair-ard.js";
import { lmtn } from "./lmtn.js";
import type { Method } from "./method.js";
import { mtard } from "./mtard.js";
import { natural } from "./natural.js";
import { rslad } from "./rslad.js";
import { sat } from "./sat.js";
import { score } from "./score.js";
import { trades } from "./trades.js";

/** Every training method by id, in the order they are listed to people. */
export const methods = {
  natural,
  sat,
  trades,
  score,
  ard,
  rslad,
  "fair-ard": fairArd,
  absld,
  lmtn,
  baseline,
  "baseline-ebb": baselineEbb,
  mtard,
  "b-mtard": bMtard,
} as const satisfies Record<string, Method>;

/** The id of one of {@link methods}. */
export type MethodId = keyof typeof methods;

/** The ids of all methods, in the order they are listed to people. */
export const methodIds = Object.keys(methods) as MethodId[];

/** Checks a method's id. @throws {InputError} if no method has it. */
export function requireMethodId(id: string): MethodId {
  if (Object.hasOwn(methods, id)) return id as MethodId;
  throw new InputError(`unknown method "${id}"${didYouMean(id, methodIds)}`, {
    expected: `one of ${methodIds.join(", ")}`,
    found: id,
  });
}

/** Finds a method by its id; the type of its state stays unknown. @throws {InputError} as `requireMethodId`. */
export function methodOf(id: string): Method {
  return methods[requireMethodId(id)];
}
