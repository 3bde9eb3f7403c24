import { InputError } from "../errors.js";
import { baselineEbb } from "./baseline-ebb.js";
import { baseline } from "./baseline.js";
import { bMtard } from "./b-mtard.js";
import { startable, type StartableMethod } from "./method.js";
import { mtard } from "./mtard.js";
import { natural } from "./natural.js";
import { sat } from "./sat.js";

/** Every training method by id. */
export const methods = {
  natural: startable(natural),
  sat: startable(sat),
  baseline: startable(baseline),
  "baseline-ebb": startable(baselineEbb),
  mtard: startable(mtard),
  "b-mtard": startable(bMtard),
} as const satisfies Record<string, StartableMethod>;

export type MethodId = keyof typeof methods;

/** The ids of `methods`. */
export const methodIds = Object.keys(methods) as MethodId[];

/** @throws {InputError} if no method has this id. */
export function requireMethodId(id: string): MethodId {
  if (Object.hasOwn(methods, id)) return id as MethodId;
  throw new InputError(`unknown method "${id}"`, { expected: `one of ${methodIds.join(", ")}` });
}
