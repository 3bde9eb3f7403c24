import { z } from "zod";
import { median } from "../self-check/compare.js";

/** How fast a run went, by its metrics; seconds. */
export interface Pace {
  /** The mean of a step, checkpoints included, without the run's first step. */
  readonly step: number;
  /** The median of its evaluations, or null where the metrics show none. */
  readonly evaluation: number | null;
  /** How much longer than that its first step took, in which passes are traced; 0 where the metrics do not show it. */
  readonly start: number;
}

const line = z.object({ step: z.int(), seconds: z.number(), wRobust: z.number().optional() });

/**
 * Reads a run's pace off some of its metrics, in order: every line says how long the run had been worked on. Null if there are fewer than
 * two steps.
 */
export function paceOf(metrics: string): Pace | null {
  const steps: number[] = [];
  const evaluations: number[] = [];
  let first: number | null = null;
  let before: number | null = null;
  for (const each of metrics.split("\n")) {
    const parsed = line.safeParse(parsedLine(each));
    if (!parsed.success) continue;
    const { step, seconds, wRobust } = parsed.data;
    const isStep = wRobust === undefined;
    if (isStep && step === 1) first = seconds;
    // Of the first line nothing says when it began, unless it is the run's first step.
    else if (before !== null) (isStep ? steps : evaluations).push(Math.max(0, seconds - before));
    before = seconds;
  }
  if (steps.length === 0) return null;
  const step = steps.reduce((sum, each) => sum + each, 0) / steps.length;
  return {
    step,
    evaluation: evaluations.length === 0 ? null : median(evaluations),
    start: first === null ? 0 : Math.max(0, first - step),
  };
}

function parsedLine(text: string): unknown {
  try {
    return JSON.parse(text);
  } catch {
    return null;
  }
}
