import type { EvaluationPass, EvaluationProgress } from "../evaluation/progress.js";
import { formatDuration, type ProgressLine } from "./progress.js";

/** Shows how far an evaluation has got: one line that is overwritten during a pass, and one that stays when a round ends. */
export function evaluationProgress(
  line: ProgressLine,
  log: (text: string) => void,
): (progress: EvaluationProgress) => void {
  const textsOf = progressTexts(() => performance.now() / 1000);
  return (progress) => {
    const { now, ended } = textsOf(progress);
    line.show(now);
    if (ended === null) return;
    line.clear();
    log(ended);
  };
}

/** Makes the texts about an evaluation: one for now, and one for a round that has just ended; `seconds` is a clock. */
export function progressTexts(
  seconds: () => number,
): (progress: EvaluationProgress) => { now: string; ended: string | null } {
  const began = seconds();
  let shareBefore: number | null = null;
  let current = { name: "", began, done: 0 };
  return ({ pass, share }) => {
    const name = nameOf(pass);
    const done = doneOf(pass);
    shareBefore ??= share;
    if (name !== current.name) current = { name, began: seconds(), done };
    const rate = (done - current.done) / (seconds() - current.began);
    const left = ((seconds() - began) * (1 - share)) / (share - shareBefore);
    const leftText = Number.isFinite(left) ? `, ${formatDuration(left)} left` : "";
    const hasEnded = pass.attack !== null && pass.step === null && pass.done === pass.total;
    return {
      now: `${name}: ${pass.done}/${pass.total} images${rateText(rate)}${leftText}  ${detailsOf(pass)}`,
      ended: hasEnded ? `${name}: ${pass.robust} of ${pass.total} left robust${queriesText(pass)}` : null,
    };
  };
}

/** The name of a pass, such as `aa, apgd-t` or `pgd-sat, run 2 of 5`. */
function nameOf({ attack, round }: EvaluationPass): string {
  if (attack === null || round === null) return "clean";
  const run = round.restarts > 1 ? `, run ${round.restart + 1} of ${round.restarts}` : "";
  return `${attack}${round.id === attack || round.isTransfer ? "" : `, ${round.id}`}${run}`;
}

/** How many images are done, with the batch under attack counted in part. */
function doneOf({ done, inHand, step }: EvaluationPass): number {
  return step === null ? done : done + (inHand * step.step) / Math.max(1, step.steps);
}

/** What a narrow terminal can do without, the least important last. */
function detailsOf(pass: EvaluationPass): string {
  const { attack, robust, step } = pass;
  const steps = step === null ? "" : `  step ${step.step}/${step.steps}`;
  return `${robust} ${attack === null ? "right" : "robust"}${steps}${queriesText(pass).replace(",", " ")}`;
}

function queriesText({ queries }: EvaluationPass): string {
  return queries === null ? "" : `, ${queries.toLocaleString("en-US")} queries`;
}

function rateText(rate: number): string {
  return rate > 0 && Number.isFinite(rate) ? `, ${rate.toFixed(1)} images/s` : "";
}
