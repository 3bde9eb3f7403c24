/*
 * Auto-PGD's step sizes: one for each image, halved at checkpoints where it no longer leads upwards.
 * Croce and Hein, "Reliable Evaluation of Adversarial Robustness with an Ensemble of Diverse Parameter-Free Attacks" (2020), section 3.
 */

/** The share of steps that must raise the loss between two checkpoints. */
const RHO = 0.75;

/** How one image's ascent goes. */
export interface Ascent {
  stepSize: number;
  /** The highest loss so far. */
  best: number;
  /** The loss after the last step. */
  last: number;
  /** Steps since the last checkpoint that raised the loss. */
  raised: number;
  /** The highest loss at the last checkpoint. */
  bestAtCheckpoint: number;
  /** Whether the last checkpoint halved the step size. */
  halved: boolean;
}

/** An ascent before its first step, from a point with this loss; the first step size is twice the radius of the ball. */
export function beginAscent(epsilon: number, loss: number): Ascent {
  return {
    stepSize: 2 * epsilon,
    best: loss,
    // The first step's loss counts as raised if it is positive: the public implementation compares it with a row of zeros.
    last: 0,
    raised: 0,
    bestAtCheckpoint: loss,
    // So that the first checkpoint looks at the number of raises only.
    halved: true,
  };
}

/** Takes in the loss after a step; returns whether it is the highest so far. */
export function observeLoss(ascent: Ascent, loss: number): boolean {
  if (loss > ascent.last) ascent.raised++;
  ascent.last = loss;
  if (!(loss > ascent.best)) return false;
  ascent.best = loss;
  return true;
}

/**
 * Ends a window of so many steps: halves the step size if too few of them raised the loss, or if the step size is as it was a window ago
 * and the highest loss too. Returns whether it did: the ascent goes on from its best point then.
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

/** The checkpoints of an ascent: after which step, counted from 1, ends a window of how many steps. */
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
