import type { EvaluationPass, EvaluationProgress } from "../evaluation/progress.js";
import { formatDuration, type ProgressLine } from "./progress.js";

/** Shows how far an evaluation is: a line written over while a pass goes on, and one that stays when an attack's round ends. */
export function evaluationProgress(
  line: ProgressLine,
  log: (text: string) => void,
  now: () => number = () => performance.now(),
): (progress: EvaluationProgress) => void {
  const began = now();
  let shareBefore: number | null = null;
  let current = { name: "", began, done: 0 };
  return ({ pass, share }) => {
    const name = nameOf(pass);
    const done = doneOf(pass);
    shareBefore ??= share;
    if (name !== current.name) current = { name, began: now(), done };
    const seconds = (now() - current.began) / 1000;
    const rate = (done - current.done) / seconds;
    const left = (((now() - began) / 1000) * (1 - share)) / (share - shareBefore);
    line.show(`${textOf(name, pass)}, ${rateText(rate)}${formatDuration(left)} left`);
    if (pass.attack === null || pass.step !== null || pass.done < pass.total) return;
    line.clear();
    log(`${name}: ${pass.robust} of ${pass.total} left robust${queriesText(pass)}`);
  };
}

/** Such as `aa, apgd-t` or `pgd-sat, run 2 of 5`. */
function nameOf({ attack, round }: EvaluationPass): string {
  if (attack === null || round === null) return "clean";
  const run = round.restarts > 1 ? `, run ${round.restart + 1} of ${round.restarts}` : "";
  return `${attack}${round.id === attack || round.isTransfer ? "" : `, ${round.id}`}${run}`;
}

/** Images that are done, the batch in hand in part. */
function doneOf({ done, inHand, step }: EvaluationPass): number {
  return step === null ? done : done + (inHand * step.step) / Math.max(1, step.steps);
}

function textOf(name: string, pass: EvaluationPass): string {
  const { done, total, robust, step } = pass;
  const right = pass.attack === null ? `${robust} right` : `${robust} robust`;
  const steps = step === null ? "" : `, step ${step.step}/${step.steps}`;
  return `${name}: ${right}, ${done}/${total} images${steps}${queriesText(pass)}`;
}

function queriesText({ queries }: EvaluationPass): string {
  return queries === null ? "" : `, ${queries.toLocaleString("en-US")} queries`;
}

function rateText(rate: number): string {
  return rate > 0 && Number.isFinite(rate) ? `${rate.toFixed(1)} images/s, ` : "";
}
