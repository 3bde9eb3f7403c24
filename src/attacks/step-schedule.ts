/*
 * The step sizes of Auto-PGD: one for each image, halved at a checkpoint when it no longer raises the loss.
 * Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-Free Attacks" (2020), section 3.
 */

/** The fraction of the steps between two checkpoints that must raise the loss. */
const RHO = 0.75;

/** The progress of one image's ascent. */
export interface Ascent {
  stepSize: number;
  /** The highest loss so far. */
  best: number;
  /** The loss after the last step. */
  last: number;
  /** The number of steps since the last checkpoint that raised the loss. */
  raised: number;
  /** The highest loss at the last checkpoint. */
  bestAtCheckpoint: number;
  /** Whether the last checkpoint halved the step size. */
  halved: boolean;
}

/** Begins an ascent at a point with this loss; the first step size is twice the radius of the ball. */
export function beginAscent(epsilon: number, loss: number): Ascent {
  return {
    stepSize: 2 * epsilon,
    best: loss,
    // The first step's loss counts as raised if it is positive: the public implementation compares it with a row of zeros.
    last: 0,
    raised: 0,
    bestAtCheckpoint: loss,
    // The first checkpoint then depends only on the number of raises.
    halved: true,
  };
}

/** Records the loss after a step and returns whether it is the highest so far. */
export function observeLoss(ascent: Ascent, loss: number): boolean {
  if (loss > ascent.last) ascent.raised++;
  ascent.last = loss;
  if (!(loss > ascent.best)) return false;
  ascent.best = loss;
  return true;
}

/**
 * Ends a window of so many steps: halves the step size if too few of them raised the loss, or if neither the step size nor the highest
 * loss changed since the checkpoint before.
 *
 * @returns Whether the step size was halved; the ascent then goes on from its best point.
 */
export function reachCheckpoint(ascent: Ascent, window: number): boolean {
  const oscillates = ascent.raised <= window * RHO;
  const stands = !ascent.halved && ascent.bestAtCheckpoint >= ascent.best;
  ascent.halved = oscillates || stands;
  if (ascent.halved) ascent.stepSize /= 2;
  ascent.bestAtCheckpoint = ascent.best;
  ascent.raised = 0;
  return ascent.halved;
}

/** Lists the checkpoints of an ascent: maps each step, counted from 1, that ends a window to the length of the window in steps. */
export function checkpoints(steps: number): Map<number, number> {
  const share = (part: number): number => Math.max(Math.trunc(part * steps), 1);
  const ends = new Map<number, number>();
  let window = share(0.22);
  for (let end = window; end <= steps; end += window) {
    ends.set(end, window);
    window = Math.max(window - share(0.03), share(0.06));
  }
  return ends;
}
