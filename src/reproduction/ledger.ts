import type { AttackSettings } from "../attacks/attack.js";
import type { AttackId } from "../attacks/attacks.js";
import { GRADIENT_LOOKS, looksOf, roundsOf } from "../evaluation/rounds.js";
import type { TrainingSettings } from "../recipes/settings.js";
import { isEvaluated, SELECTION_ATTACK } from "../training/schedule.js";

/*
 * What the work costs, in looks at one image as `looksOf` counts them: a rough number, used only to estimate the time left.
 */

/** The looks of a training step: a gradient of the weights for each of two batches. */
const LEARNING_LOOKS = 2 * GRADIENT_LOOKS;
/** About the share of the images that the later attacks of an ensemble still have to attack. */
const LATER_SHARE = 1 / 3;

/** The looks it takes to train a run, its own evaluations included. */
export function trainingLooks(
  settings: TrainingSettings,
  trainImages: number,
  selectionImages: number,
): number {
  return trainingCost(settings) * trainImages * settings.epochs + selectionCost(settings, selectionImages);
}

/** The looks it takes to train on one image in one epoch, without evaluations. */
export function trainingCost({ method, innerSteps }: TrainingSettings): number {
  return method === "natural" ? GRADIENT_LOOKS : GRADIENT_LOOKS * innerSteps + LEARNING_LOOKS;
}

function selectionCost(settings: TrainingSettings, images: number): number {
  const evaluations = Array.from({ length: settings.epochs }, (_, index) => index + 1).filter((epoch) =>
    isEvaluated(epoch, settings),
  );
  const students = settings.ema > 0 ? 2 : 1;
  return evaluationCost(SELECTION_ATTACK) * images * evaluations.length * students;
}

/** The looks it takes to evaluate one image, with an attack's changed settings if there are any. */
export function evaluationCost(
  attack: AttackId | null,
  changes: Readonly<Partial<AttackSettings>> = {},
): number {
  if (attack === null) return 1;
  return roundsOf(attack, { changes }).reduce(
    (looks, round, index) => looks + looksOf(round) * (index === 0 ? 1 : LATER_SHARE),
    0,
  );
}

/**
 * How many images of a run's evaluations were looked at between two reports. A number may be told twice; a smaller one begins the averaged
 * weights' evaluation, right behind the raw ones'.
 */
export function evaluatedSince(done: number, before: number): number {
  return done >= before ? done - before : done;
}

/** Keeps track of the work, and estimates how long the rest will take at the pace so far. */
export interface Ledger {
  /** Adds work to be done, in looks. */
  expect(looks: number): void;
  /** Counts work as done in this session. */
  work(looks: number): void;
  /** Removes work that turns out to be done already. */
  strike(looks: number): void;
  /** The work left, in looks. */
  left(): number;
  /** The seconds left, or null before anything is done. */
  secondsLeft(): number | null;
}

/** Opens an empty ledger that reads the time from `now`, a clock in milliseconds. */
export function openLedger(now: () => number = () => performance.now()): Ledger {
  let done = 0;
  let left = 0;
  let started: number | null = null;
  return {
    expect(looks) {
      left += looks;
    },
    work(looks) {
      started ??= now();
      done += looks;
      left -= looks;
    },
    strike(looks) {
      left -= looks;
    },
    left: () => Math.max(0, left),
    secondsLeft() {
      if (started === null || done === 0) return null;
      return (Math.max(0, left) * (now() - started)) / 1000 / done;
    },
  };
}
