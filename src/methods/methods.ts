import { baselineEbb } from "./baseline-ebb.js";
import { baseline } from "./baseline.js";
import { bMtard } from "./b-mtard.js";
import type { MethodId } from "./ids.js";
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
} as const satisfies Record<MethodId, StartableMethod>;
