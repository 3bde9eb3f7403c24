import { balancedDistillation } from "./balanced-distillation.js";

/**
 * Two teachers with balanced weights and fixed temperatures: the Baseline with Normalization Loss Balance.
 *
 * @see Zhao et al., "Enhanced Accuracy and Robustness via Multi-Teacher Adversarial Distillation" (2022).
 */
export const mtard = balancedDistillation("MTARD", { nlb: true, ebb: false });
