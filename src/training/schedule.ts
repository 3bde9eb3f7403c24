/** The attack the best checkpoint is chosen by (the authors' scripts). */
export const SELECTION_ATTACK = "pgd-trades";

/**
 * The factor on the learning rate and both balance rates in an epoch: 0.1 for every milestone passed.
 *
 * @param epoch Counted from 1; a milestone is the last epoch at its old rate.
 * @see B-MTARD, section 4.1; the authors' scripts divide after the milestone's epoch.
 */
export function rateScale(epoch: number, milestones: readonly number[]): number {
  return 0.1 ** milestones.filter((milestone) => epoch > milestone).length;
}

/**
 * Whether the student is evaluated after an epoch: the first and the last, every `evaluateEvery` before the first milestone, and
 * all from there on.
 *
 * @param epoch Counted from 1.
 * @see The authors' scripts.
 */
export function isEvaluated(
  epoch: number,
  {
    epochs,
    milestones,
    evaluateEvery,
  }: { epochs: number; milestones: readonly number[]; evaluateEvery: number },
): boolean {
  const first = Math.min(...milestones, Infinity);
  return epoch === 1 || epoch === epochs || epoch >= first || epoch % evaluateEvery === 0;
}
