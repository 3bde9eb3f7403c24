import { balancedDistillation } from "./balanced-distillation.js";

/** Two teachers with fixed equal weights, their temperatures balanced. @see B-MTARD, section 4.2. */
export const baselineEbb = balancedDistillation("Baseline+EBB", { nlb: false, ebb: true });
