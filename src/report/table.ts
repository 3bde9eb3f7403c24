/* A table of the paper with our numbers beside it, before it is Markdown, CSV or JSON. */

/** The mean of one number over the runs of a cell. */
export interface Sample {
  readonly mean: number;
  /** The sample standard deviation (n - 1), or null of a single run. */
  readonly deviation: number | null;
  readonly runs: number;
}

/** One number of the paper and ours; both in the section's unit. */
export interface Cell {
  readonly paper: number | null;
  /** (clean + robust) / 2 of the paper's own numbers, where its printed W-Robust contradicts them. */
  readonly paperMean: number | null;
  readonly ours: Sample | null;
  /** Ours less the paper's. */
  readonly difference: number | null;
}

/** Columns that belong together, such as robust accuracy and W-Robust under one attack. */
export interface Section {
  readonly title: string;
  readonly measures: readonly string[];
  readonly unit: "%" | "nats";
}

/** What a run has less of, or other, than the paper's. */
export interface Shortfall {
  /** The data, the student and how much of the training. */
  readonly brief: string;
  /** Everything else: test images, teachers, settings; null where nothing. */
  readonly others: string | null;
}

export interface ReportRow {
  readonly label: string;
  /** What it was run on, where that is less than the paper's budget; null where it is the paper's. */
  readonly shortfall: Shortfall | null;
  /** The run directories its numbers come from. */
  readonly runs: readonly string[];
  /** A cell each section and measure. */
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

/** Mean and sample standard deviation; null of no values. */
export function sampleOf(values: readonly number[]): Sample | null {
  const runs = values.length;
  if (runs === 0) return null;
  const sum = (numbers: readonly number[]): number => numbers.reduce((left, right) => left + right, 0);
  const mean = sum(values) / runs;
  const squares = sum(values.map((value) => (value - mean) ** 2));
  return { mean, deviation: runs === 1 ? null : Math.sqrt(squares / (runs - 1)), runs };
}

/** A cell from the paper's number and one of ours a run. */
export function cellOf(paper: number | null, paperMean: number | null, values: readonly number[]): Cell {
  const ours = sampleOf(values);
  return {
    paper,
    paperMean,
    ours,
    difference: paper === null || ours === null ? null : ours.mean - paper,
  };
}
