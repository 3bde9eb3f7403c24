import { isEvaluated } from "../training/schedule.js";
import type { AttackSettings } from "../attacks/attack.js";
import type { AttackId } from "../attacks/ids.js";
import type { TrainingSettings } from "../recipes/settings.js";

/*
 * What the work costs, in passes of one image through the student, forward or backward: rough, and only for the time left.
 */

/** Passes of one image under an attack: forward and backward each step, or a look a query, where nothing ends it early. */
const attackPasses: Readonly<Record<AttackId, number>> = {
  fgsm: 4,
  "pgd-sat": 42,
  "pgd-trades": 42,
  cw: 62,
  "apgd-ce": 200,
  "apgd-dlr": 200,
  "apgd-t": 1800,
  "fab-t": 2700,
  square: 5000,
  // Most images do not get to its last parts.
  aa: 4000,
  rays: 100,
  "transfer-pgd-trades": 42,
  "transfer-cw": 62,
  "gradient-estimation": 10_100,
};
/** Of the evaluation that chooses the best student. */
const SELECTION_PASSES = 42;

/** The passes to train a run on so many images, its own evaluations included. */
export function trainingPasses(
  settings: TrainingSettings,
  trainImages: number,
  selectionImages: number,
): number {
  return trainingCost(settings) * trainImages * settings.epochs + selectionCost(settings, selectionImages);
}

/** The passes of a run's training alone, for one image. */
export function trainingCost({ method, innerSteps }: TrainingSettings): number {
  return method === "natural" ? 3 : 2 * innerSteps + 6;
}

function selectionCost(settings: TrainingSettings, images: number): number {
  const evaluations = Array.from({ length: settings.epochs }, (_, index) => index + 1).filter((epoch) =>
    isEvaluated(epoch, settings),
  );
  return SELECTION_PASSES * images * evaluations.length;
}

/** The passes of one image of an evaluation. */
export function evaluationCost(
  attack: AttackId | null,
  { queries }: Readonly<Partial<AttackSettings>> = {},
): number {
  return attack === null ? 1 : (queries ?? attackPasses[attack]);
}

/** How much of all the work is done, and how long the rest will take at the pace so far. */
export interface Ledger {
  /** Work done in this session. */
  work(passes: number): void;
  /** Work that turned out to be done already. */
  strike(passes: number): void;
  /** Seconds, or null before anything is done. */
  secondsLeft(): number | null;
}

/** @param total Passes of all the work, what is done already included. */
export function openLedger(total: number, now: () => number = () => performance.now()): Ledger {
  let done = 0;
  let left = total;
  let started: number | null = null;
  return {
    work(passes) {
      started ??= now();
      done += passes;
      left -= passes;
    },
    strike(passes) {
      left -= passes;
    },
    secondsLeft() {
      if (started === null || done === 0) return null;
      return (Math.max(0, left) * (now() - started)) / 1000 / done;
    },
  };
}
