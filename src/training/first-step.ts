import { unevenStart } from "../methods/balance/normalization-loss-balance.js";
import type { Method, StepReport } from "../methods/method.js";

/** What a run's first step says about all that follow, a sentence each; nothing after any other step. */
export function firstStepWarnings(
  step: number,
  { settings }: Pick<Method, "settings">,
  { lossNat, lossAdv }: StepReport,
): string[] {
  const isBalanced = settings.includes("weightRate");
  if (step !== 1 || !isBalanced || lossNat === undefined || lossAdv === undefined) return [];
  const warning = unevenStart({ nat: lossNat, adv: lossAdv });
  return warning === null ? [] : [warning];
}
