import type { Section } from "../paper/plan.js";
import type { Shortfall } from "../reproduction/shortfall.js";

/* A table of the paper with our numbers beside the paper's, before it becomes Markdown, CSV or JSON. */

/** The mean of one number over the runs of a cell. */
export interface Sample {
  readonly mean: number;
  /** The sample standard deviation (n - 1), or null for a single run. */
  readonly deviation: number | null;
  readonly runs: number;
}

/** One number of the paper and ours; both in the section's unit. */
export interface Cell {
  readonly paper: number | null;
  /** (clean + robust) / 2 of the paper's own numbers, where its printed W-Robust contradicts them. */
  readonly paperMean: number | null;
  readonly ours: Sample | null;
  /** Ours minus the paper's. */
  readonly difference: number | null;
}

export interface ReportRow {
  readonly label: string;
  /** How its runs fall short of the paper's budget, or null if they do not. */
  readonly shortfall: Shortfall | null;
  /** The run directories its numbers come from. */
  readonly runs: readonly string[];
  /** What makes its accuracies doubtful, one sentence each. */
  readonly warnings: readonly string[];
  /** For each section, one cell per measure. */
  readonly cells: readonly (readonly Cell[])[];
}

export interface ReportTable {
  readonly number: number;
  readonly title: string;
  /** What the rows are called, such as `method`. */
  readonly rowHeading: string;
  readonly budget: string;
  readonly sections: readonly Section[];
  readonly rows: readonly ReportRow[];
  readonly notes: readonly string[];
}

/** Computes the mean and sample standard deviation; null without values. */
export function sampleOf(values: readonly number[]): Sample | null {
  const runs = values.length;
  if (runs === 0) return null;
  const sum = (numbers: readonly number[]): number => numbers.reduce((left, right) => left + right, 0);
  const mean = sum(values) / runs;
  const squares = sum(values.map((value) => (value - mean) ** 2));
  return { mean, deviation: runs === 1 ? null : Math.sqrt(squares / (runs - 1)), runs };
}

/** Makes a cell from the paper's number and our numbers, one per run. */
export function cellOf(paper: number | null, paperMean: number | null, values: readonly number[]): Cell {
  const ours = sampleOf(values);
  return {
    paper,
    paperMean,
    ours,
    difference: paper === null || ours === null ? null : ours.mean - paper,
  };
}
