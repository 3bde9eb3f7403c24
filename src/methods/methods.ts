import { absld } from "./absld.js";
import { ard } from "./ard.js";
import { baselineEbb } from "./baseline-ebb.js";
import { baseline } from "./baseline.js";
import { bMtard } from "./b-mtard.js";
import { fairArd } from "./fair-ard.js";
import type { MethodId } from "./ids.js";
import { lmtn } from "./lmtn.js";
import { startable, type StartableMethod } from "./method.js";
import { mtard } from "./mtard.js";
import { natural } from "./natural.js";
import { rslad } from "./rslad.js";
import { sat } from "./sat.js";
import { score } from "./score.js";
import { trades } from "./trades.js";

/** Every training method by id. */
export const methods = {
  natural: startable(natural),
  sat: startable(sat),
  trades: startable(trades),
  score: startable(score),
  ard: startable(ard),
  rslad: startable(rslad),
  "fair-ard": startable(fairArd),
  absld: startable(absld),
  lmtn: startable(lmtn),
  baseline: startable(baseline),
  "baseline-ebb": startable(baselineEbb),
  mtard: startable(mtard),
  "b-mtard": startable(bMtard),
} as const satisfies Record<MethodId, StartableMethod>;
