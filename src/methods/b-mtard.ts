import { balancedDistillation } from "./balanced-distillation.js";

/** Two teachers with balanced weights and balanced temperatures. @see B-MTARD, Algorithm 1. */
export const bMtard = balancedDistillation("B-MTARD", { nlb: true, ebb: true });
