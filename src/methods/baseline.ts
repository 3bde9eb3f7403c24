import { balancedDistillation } from "./balanced-distillation.js";

/** Two teachers with fixed equal weights and temperatures. @see B-MTARD, section 4.2. */
export const baseline = balancedDistillation("Baseline", { nlb: false, ebb: false });
